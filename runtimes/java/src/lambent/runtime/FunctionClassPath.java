package lambent.runtime;

import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** AWS: the root of the package, then the jars of its `lib`, then those of the layers, each in alphabetical order. */
final class FunctionClassPath {
    private FunctionClassPath() {}

    static ClassLoader open() throws MalformedURLException {
        String root = System.getenv("LAMBDA_TASK_ROOT");
        // Below the system's loader, which has what agents of JAVA_TOOL_OPTIONS bring along.
        ClassLoader loader =
                open(new File(root == null ? "/var/task" : root), ClassLoader.getSystemClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
        return loader;
    }

    static URLClassLoader open(File task, ClassLoader parent) throws MalformedURLException {
        List<URL> urls = new ArrayList<>();
        urls.add(task.toURI().toURL());
        for (File directory : new File[] {new File(task, "lib"), new File("/opt/java/lib")}) {
            File[] files = directory.listFiles();
            if (files == null) continue;
            Arrays.sort(files);
            for (File file : files) if (file.getName().endsWith(".jar")) urls.add(file.toURI().toURL());
        }
        return new URLClassLoader(urls.toArray(new URL[0]), parent);
    }
}
