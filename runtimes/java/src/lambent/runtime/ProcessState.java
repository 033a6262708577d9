package lambent.runtime;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TimeZone;

/**
 * Environment variables and working directory of this process, as a waiting JVM gets them when it becomes a function's.
 * Java knows both as unchangeable: the variables are changed where System.getenv and ProcessBuilder keep them, and, with
 * the directory, where the operating system does.
 */
final class ProcessState {
    private static Map<Object, Object> variablesOfJava;
    private static Method toName;
    private static Method toValue;

    private ProcessState() {}

    /** Fails when this JVM keeps its variables in another way than those known, before it is anybody's. */
    static void prepare(String nativeLibrary) throws ReflectiveOperationException {
        System.load(nativeLibrary);
        FunctionCall.goNative();
        Class<?> environment = Class.forName("java.lang.ProcessEnvironment");
        Field field = environment.getDeclaredField("theEnvironment");
        field.setAccessible(true);
        @SuppressWarnings("unchecked")
        Map<Object, Object> variables = (Map<Object, Object>) field.get(null);
        variablesOfJava = variables;
        toName = factory("java.lang.ProcessEnvironment$Variable");
        toValue = factory("java.lang.ProcessEnvironment$Value");
    }

    private static Method factory(String className) throws ReflectiveOperationException {
        Method method = Class.forName(className).getDeclaredMethod("valueOf", byte[].class);
        method.setAccessible(true);
        return method;
    }

    /** Java has these variables from here on, the process when the change is complete. */
    static Change begin(Map<String, String> variables) throws ReflectiveOperationException {
        String timeZone = System.getenv("TZ");
        byte[][] block = new byte[variables.size()][];
        int at = 0;
        variablesOfJava.clear();
        for (Map.Entry<String, String> variable : variables.entrySet()) {
            byte[] name = bytes(variable.getKey());
            byte[] value = bytes(variable.getValue());
            variablesOfJava.put(toName.invoke(null, (Object) name), toValue.invoke(null, (Object) value));
            block[at++] = bytes(variable.getKey() + "=" + variable.getValue());
        }
        return new Change(block, !variables.getOrDefault("TZ", "").equals(timeZone == null ? "" : timeZone));
    }

    /** What is left to do when the function's directory can be entered. */
    static final class Change {
        private final byte[][] block;
        private final boolean isZoneOther;

        private Change(byte[][] block, boolean isZoneOther) {
            this.block = block;
            this.isZoneOther = isZoneOther;
        }

        void complete(String directory) throws IOException {
            if (!become(block, bytes(directory))) throw new IOException("Cannot change into " + directory);
            if (isZoneOther) readTimeZoneAgain();
        }
    }

    private static void readTimeZoneAgain() {
        System.clearProperty("user.timezone");
        TimeZone.setDefault(null);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static native boolean become(byte[][] variables, byte[] directory);
}
