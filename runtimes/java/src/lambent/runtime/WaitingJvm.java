package lambent.runtime;

import java.io.File;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A JVM that is started before it is known for which function: warms up what every function needs, waits for the
 * assignment, and takes on the function's environment variables and working directory.
 */
final class WaitingJvm {
    /** The path of the native library; set only for a JVM that is to wait. */
    private static final String PROPERTY = "lambent.reserve";
    /** So many that what reads an assignment is compiled before. */
    private static final int ROUNDS = 30;

    private WaitingJvm() {}

    /** Returns at once in a JVM that was started for a function. */
    static void awaitAssignment(RuntimeApi api) throws ReflectiveOperationException, IOException {
        String nativeLibrary = System.getProperty(PROPERTY);
        if (nativeLibrary == null) return;
        for (String name : new String[] {PROPERTY, "jdk.module.path", "jdk.module.main", "jdk.module.main.class"})
            System.clearProperty(name);
        ProcessState.prepare(nativeLibrary);
        // It lies in a folder of the client's own.
        WarmUp.run(new File(nativeLibrary).getParentFile().getParentFile());
        for (int round = 0; round < ROUNDS; round++) becomeWhatItIs();
        FunctionClassPath.prepare();
        Map<String, String> variables = variables(api.assignment());
        // As the launcher does for a JVM that it starts for a function.
        variables.putIfAbsent("LC_ALL", "C.UTF-8");
        ProcessState.Change change = ProcessState.begin(variables);
        api.awaitCode();
        change.complete(variables.getOrDefault("LAMBDA_TASK_ROOT", "/var/task"));
    }

    /** So that it has been gone through once when it counts. */
    private static void becomeWhatItIs() throws ReflectiveOperationException, IOException {
        byte[] assignment = JsonWriter.write(Map.of("environmentVariables", System.getenv()));
        ProcessState.begin(variables(assignment)).complete(".");
    }

    private static Map<String, String> variables(byte[] assignment) {
        Map<?, ?> whole = (Map<?, ?>) JsonReader.read(assignment);
        Map<String, String> variables = new LinkedHashMap<>();
        for (Map.Entry<?, ?> variable : ((Map<?, ?>) whole.get("environmentVariables")).entrySet())
            variables.put((String) variable.getKey(), (String) variable.getValue());
        return variables;
    }
}
