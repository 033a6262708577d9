package lambent.runtime;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;

/**
 * Finds what a handler name stands for: "package.Class" with one of AWS's handler interfaces, or "package.Class::method"
 * with any public method. The order among overloads and the texts of failures are those of AWS's client. Without lambdas
 * and streams, here and wherever a start comes along: the first of them costs a JVM as much as all else of our client.
 */
final class HandlerLoader {
    private static final String REQUEST_HANDLER = "com.amazonaws.services.lambda.runtime.RequestHandler";
    private static final String STREAM_HANDLER = "com.amazonaws.services.lambda.runtime.RequestStreamHandler";

    private HandlerLoader() {}

    static EventHandler load(String name, ClassLoader loader) {
        int separator = name.lastIndexOf("::");
        String className = separator < 0 ? name : name.substring(0, separator);
        String methodName = separator < 0 ? null : name.substring(separator + 2);
        if (className.isEmpty() || (methodName != null && methodName.isEmpty()))
            throw HandlerFault.of("Invalid handler: `" + name + "'");
        Class<?> type = loadClass(className, loader);
        return methodName == null || (methodName.equals("handleRequest") && isInterfaceHandler(type))
                ? interfaceHandler(type)
                : methodHandler(type, methodName);
    }

    private static Class<?> loadClass(String className, ClassLoader loader) {
        try {
            return Class.forName(className, true, loader);
        } catch (ClassNotFoundException error) {
            throw HandlerFault.of("Class not found: " + className, error);
        } catch (NoClassDefFoundError error) {
            throw HandlerFault.of("Error loading class " + className + ": " + error.getMessage(), error);
        } catch (Throwable error) {
            String reason = error.getMessage() == null ? "" : ": " + error.getMessage();
            throw HandlerFault.fatal("Error loading class " + className + reason, error);
        }
    }

    private static boolean isInterfaceHandler(Class<?> type) {
        return implementsInterface(type, STREAM_HANDLER) || implementsInterface(type, REQUEST_HANDLER);
    }

    private static boolean implementsInterface(Class<?> type, String name) {
        for (Class<?> current = type; current != null; current = current.getSuperclass()) {
            for (Class<?> implemented : current.getInterfaces())
                if (implemented.getName().equals(name) || implementsInterface(implemented, name)) return true;
        }
        return false;
    }

    private static EventHandler interfaceHandler(Class<?> type) {
        if (implementsInterface(type, STREAM_HANDLER)) return streamHandler(only(type, 3), newInstance(type));
        if (!implementsInterface(type, REQUEST_HANDLER))
            throw HandlerFault.of("Class does not implement an appropriate handler interface: " + type.getName());
        Type inputType = TypeArguments.of(type, REQUEST_HANDLER, 0);
        if (inputType == null)
            throw HandlerFault.of("Class " + type.getName() + " does not implement RequestHandler with concrete type parameters");
        Method method = only(type, 2);
        return valueHandler(method, newInstance(type), inputType);
    }

    /** The method `handleRequest` with so many parameters, as the interface declares it. */
    private static Method only(Class<?> type, int parameters) {
        for (Method method : type.getMethods())
            if (method.getName().equals("handleRequest") && method.getParameterCount() == parameters && isContextLast(method))
                return method;
        throw HandlerFault.of("No public method named handleRequest with appropriate method signature found on class " + type.getName());
    }

    private static EventHandler methodHandler(Class<?> type, String name) {
        Method method = null;
        for (Method candidate : type.getMethods()) {
            boolean isMeant = candidate.getName().equals(name) && isAppropriate(candidate);
            if (isMeant && (method == null || rank(candidate) > rank(method))) method = candidate;
        }
        if (method == null)
            throw HandlerFault.of(
                    "No public method named " + name + " with appropriate method signature found on class " + type.getName());
        Object target = Modifier.isStatic(method.getModifiers()) ? null : newInstance(type);
        Class<?>[] parameters = method.getParameterTypes();
        boolean isStream = parameters.length > 0
                && (parameters[0] == InputStream.class || parameters[0] == OutputStream.class
                        || (parameters.length > 1 && parameters[1] == OutputStream.class));
        if (isStream) return streamHandler(method, target);
        boolean hasInput = parameters.length > 0 && !isContext(parameters[0]);
        return valueHandler(method, target, hasInput ? method.getGenericParameterTypes()[0] : null);
    }

    /** Among overloads: a Context at the end, then more parameters, then what the compiler has not made. */
    private static int rank(Method method) {
        return (isContextLast(method) ? 1_000 : 0) + 2 * method.getParameterCount() + (method.isBridge() ? 0 : 1);
    }

    /** (), (input), (Context), (input, Context), (InputStream, OutputStream), (InputStream, OutputStream, Context). */
    private static boolean isAppropriate(Method method) {
        Class<?>[] types = method.getParameterTypes();
        if (types.length <= 1) return true;
        if (types.length > 3 || isContext(types[0])) return false;
        boolean isStreamPair = types[0] == InputStream.class && types[1] == OutputStream.class;
        if (types.length == 3) return isStreamPair && isContext(types[2]);
        return isStreamPair || isContext(types[1]);
    }

    private static boolean isContextLast(Method method) {
        Class<?>[] types = method.getParameterTypes();
        return types.length > 0 && isContext(types[types.length - 1]);
    }

    private static boolean isContext(Class<?> type) {
        return type.getName().equals(InvocationContext.CONTEXT_INTERFACE);
    }

    private static EventHandler streamHandler(Method method, Object target) {
        makeCallable(method);
        Class<?>[] parameters = method.getParameterTypes();
        return new EventHandler() {
            @Override
            public byte[] handle(byte[] body, InvocationContext context) throws Throwable {
                ByteArrayOutputStream output = new ByteArrayOutputStream();
                Object[] arguments = new Object[parameters.length];
                for (int at = 0; at < arguments.length; at++) {
                    if (parameters[at] == InputStream.class) arguments[at] = new ByteArrayInputStream(body);
                    else arguments[at] = parameters[at] == OutputStream.class ? output : context.as(parameters[at]);
                }
                FunctionCall.call(method, target, arguments);
                return output.toByteArray();
            }
        };
    }

    /** `inputType` is null for a handler that takes no event. */
    private static EventHandler valueHandler(Method method, Object target, Type inputType) {
        makeCallable(method);
        Class<?>[] parameters = method.getParameterTypes();
        return new EventHandler() {
            @Override
            public byte[] handle(byte[] body, InvocationContext context) throws Throwable {
                Object[] arguments = new Object[parameters.length];
                for (int at = 0; at < arguments.length; at++)
                    arguments[at] = isContext(parameters[at]) ? context.as(parameters[at]) : read(body, inputType);
                return write(FunctionCall.call(method, target, arguments));
            }
        };
    }

    private static Object read(byte[] body, Type type) {
        try {
            return Beans.read(JsonReader.read(body), type);
        } catch (RuntimeException | StackOverflowError error) {
            throw new RuntimeException("An error occurred during JSON parsing", error);
        }
    }

    private static byte[] write(Object result) {
        try {
            return JsonWriter.write(result);
        } catch (RuntimeException | StackOverflowError error) {
            throw new RuntimeException("An error occurred during JSON serialization of response", error);
        }
    }

    /** A public method of a class that is not public itself can be called only so. */
    private static void makeCallable(Method method) {
        method.setAccessible(true);
    }

    private static Object newInstance(Class<?> type) {
        try {
            return FunctionCall.make(type.getConstructor());
        } catch (NoSuchMethodException error) {
            boolean isInner = type.getEnclosingClass() != null && !Modifier.isStatic(type.getModifiers());
            throw HandlerFault.ofException("Class " + type.getName()
                    + (isInner ? " cannot be instantiated because it is a non-static inner class" : " has no public zero-argument constructor"));
        } catch (InvocationTargetException error) {
            Throwable cause = error.getCause();
            throw HandlerFault.fatal(cause.getMessage(), cause);
        } catch (ReflectiveOperationException error) {
            throw HandlerFault.fatal(error.getMessage(), error);
        }
    }
}
