package lambent.runtime;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;

/**
 * Calls the function's code: by the native library where that is there, and by reflection otherwise. From Java 18 on
 * reflection makes method handles of what it calls, which takes a JVM as long as all else of our client.
 */
final class FunctionCall {
    private static boolean isNative;

    private FunctionCall() {}

    /** The native library is there, as an agent or loaded. */
    static void goNative() {
        isNative = true;
    }

    /** `target` is null for a static method. Throws what the method throws. */
    static Object call(Method method, Object target, Object[] arguments) throws Throwable {
        if (isNative && isPlain(method, arguments)) {
            Class<?> type = method.getDeclaringClass();
            if (method.getReturnType() != void.class) return callObject(method, type, target, arguments);
            callVoid(method, type, target, arguments);
            return null;
        }
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
    }

    /** InvocationTargetException around what the constructor throws, other exceptions where it may not be called. */
    static Object make(Constructor<?> constructor) throws ReflectiveOperationException {
        Class<?> type = constructor.getDeclaringClass();
        boolean isPlain = Modifier.isPublic(type.getModifiers()) && !Modifier.isAbstract(type.getModifiers());
        if (!isNative || !isPlain) return constructor.newInstance();
        try {
            return construct(constructor, type);
        } catch (Throwable error) {
            throw new InvocationTargetException(error);
        }
    }

    /** What needs no conversion, nor any refusal: references only, each of its parameter's type. */
    private static boolean isPlain(Method method, Object[] arguments) {
        Class<?> result = method.getReturnType();
        if (result.isPrimitive() && result != void.class) return false;
        Class<?>[] types = method.getParameterTypes();
        for (int at = 0; at < types.length; at++)
            if (types[at].isPrimitive() || (arguments[at] != null && !types[at].isInstance(arguments[at]))) return false;
        return true;
    }

    /** Here and below nothing is checked any more. */
    private static native Object callObject(Method method, Class<?> type, Object target, Object[] arguments);

    private static native void callVoid(Method method, Class<?> type, Object target, Object[] arguments);

    private static native Object construct(Constructor<?> constructor, Class<?> type);
}
