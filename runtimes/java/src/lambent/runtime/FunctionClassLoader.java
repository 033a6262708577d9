package lambent.runtime;

import java.io.DataInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.security.CodeSigner;
import java.security.CodeSource;
import java.security.ProtectionDomain;

/**
 * A function's classes. Those in the root of its package are defined here as URLClassLoader defines them, by a much shorter
 * way, up to the first class that is not there: then the package is one with libraries, and all else goes the usual way.
 */
final class FunctionClassLoader extends URLClassLoader {
    static {
        registerAsParallelCapable();
    }

    private final File root;
    private final ProtectionDomain domain;
    private volatile boolean isInRoot = true;

    FunctionClassLoader(File root, ClassLoader parent) throws IOException {
        super(new URL[] {directoryUrl(root)}, parent);
        this.root = root;
        CodeSource source = new CodeSource(getURLs()[0], (CodeSigner[]) null);
        domain = new ProtectionDomain(source, getPermissions(source), this, null);
    }

    /** As File has it; the directory need not be there yet. */
    private static URL directoryUrl(File directory) throws IOException {
        URL url = directory.toURI().toURL();
        return url.getPath().endsWith("/") ? url : new URL(url + "/");
    }

    void add(File jar) throws IOException {
        addURL(jar.toURI().toURL());
    }

    File root() {
        return root;
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
        if (isInRoot) {
            byte[] bytes = read(new File(root, name.replace('.', '/') + ".class"));
            if (bytes != null && isPackageOpen(name)) return defineClass(name, bytes, 0, bytes.length, domain);
            isInRoot = false;
        }
        return super.findClass(name);
    }

    /** Null where there is no such file. */
    private static byte[] read(File file) throws ClassNotFoundException {
        long length = file.length();
        if (length == 0) return null;
        byte[] bytes = new byte[(int) length];
        try (FileInputStream stream = new FileInputStream(file)) {
            new DataInputStream(stream).readFully(bytes);
            return bytes;
        } catch (IOException error) {
            throw new ClassNotFoundException(file.getPath(), error);
        }
    }

    /** False for a package that a jar has sealed. */
    private boolean isPackageOpen(String className) {
        int end = className.lastIndexOf('.');
        if (end < 0) return true;
        String name = className.substring(0, end);
        Package known = getDefinedPackage(name);
        if (known != null) return !known.isSealed();
        try {
            definePackage(name, null, null, null, null, null, null, null);
        } catch (IllegalArgumentException meanwhile) {
            return !getDefinedPackage(name).isSealed();
        }
        return true;
    }
}
