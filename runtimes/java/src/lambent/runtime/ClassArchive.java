package lambent.runtime;

import java.io.File;
import java.io.OutputStream;

/**
 * Run by Lambent on the host, with -XX:ArchiveClassesAtExit: goes the way of an invocation, so that the JVM writes down the
 * classes which a JVM that is started for its function needs.
 */
public final class ClassArchive {
    private ClassArchive() {}

    /** `arguments`: the directory that this client lies in. */
    public static void main(String[] arguments) throws ReflectiveOperationException {
        for (String name : new String[] {"Main", "WaitingJvm", "LogSink"})
            Class.forName(ClassArchive.class.getPackageName() + "." + name);
        System.setOut(Main.utf8Stream(OutputStream.nullOutputStream()));
        WarmUp.run(new File(arguments[0]));
    }
}
