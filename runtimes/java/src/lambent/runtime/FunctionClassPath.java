package lambent.runtime;

import java.io.File;
import java.io.IOException;
import java.util.Arrays;

/** AWS: the root of the package, then the jars of its `lib`, then those of the layers, each in alphabetical order. */
final class FunctionClassPath {
    /** Where a function's package is unless its variables say something else. */
    private static final File ROOT = new File("/var/task");
    private static FunctionClassLoader prepared;

    private FunctionClassPath() {}

    /** Makes what can be made while the function is not there yet. */
    static void prepare() throws IOException {
        prepared = new FunctionClassLoader(ROOT, ClassLoader.getSystemClassLoader());
    }

    static ClassLoader open() throws IOException {
        String variable = System.getenv("LAMBDA_TASK_ROOT");
        File root = variable == null ? ROOT : new File(variable);
        // Below the system's loader, which has what agents of JAVA_TOOL_OPTIONS bring along.
        ClassLoader loader = prepared != null && root.equals(ROOT)
                ? withLibraries(prepared)
                : open(root, ClassLoader.getSystemClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
        return loader;
    }

    static FunctionClassLoader open(File root, ClassLoader parent) throws IOException {
        return withLibraries(new FunctionClassLoader(root, parent));
    }

    private static FunctionClassLoader withLibraries(FunctionClassLoader loader) throws IOException {
        for (File directory : new File[] {new File(loader.root(), "lib"), new File("/opt/java/lib")}) {
            String[] names = directory.list();
            if (names == null) continue;
            Arrays.sort(names);
            for (String name : names) if (name.endsWith(".jar")) loader.add(new File(directory, name));
        }
        return loader;
    }
}
