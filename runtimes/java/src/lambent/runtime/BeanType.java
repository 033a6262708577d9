package lambent.runtime;

import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The properties of a class: setters, getters, public fields. Looked up once per class. */
final class BeanType {
    private static final Map<Class<?>, BeanType> KNOWN = new ConcurrentHashMap<>();

    private static final String AWS_EVENTS = "com.amazonaws.services.lambda.runtime.events.";

    private final Map<String, Property> byName = new LinkedHashMap<>();
    private final Map<String, Property> ignoringCase = new LinkedHashMap<>();

    /** One property; without a setter or public field it cannot be set, without a getter or public field not be read. */
    static final class Property {
        private final String name;
        private Method getter;
        private Method setter;
        private Field field;

        Property(String name) {
            this.name = name;
        }

        String name() {
            return name;
        }

        private boolean isReadable() {
            return getter != null || field != null;
        }

        private boolean isSettable() {
            return setter != null || (field != null && !Modifier.isFinal(field.getModifiers()));
        }

        Type type() {
            return setter != null ? setter.getGenericParameterTypes()[0] : field.getGenericType();
        }

        void set(Object bean, Object value) {
            call(() -> {
                if (setter != null) setter.invoke(bean, value);
                else field.set(bean, value);
                return null;
            });
        }

        Object get(Object bean) {
            return call(() -> getter != null ? getter.invoke(bean) : field.get(bean));
        }

        private interface Access {
            Object run() throws ReflectiveOperationException;
        }

        private Object call(Access access) {
            try {
                return access.run();
            } catch (InvocationTargetException error) {
                throw new IllegalArgumentException("property " + name, error.getCause());
            } catch (ReflectiveOperationException error) {
                throw new IllegalArgumentException("property " + name, error);
            }
        }
    }

    private BeanType(Class<?> type) {
        nameInOrder(type);
        for (Method method : type.getMethods()) addMethod(method);
        for (Field field : type.getFields()) {
            if (Modifier.isStatic(field.getModifiers())) continue;
            field.setAccessible(true);
            property(field.getName()).field = field;
        }
        if (!type.getName().startsWith(AWS_EVENTS)) return;
        for (Property property : byName.values())
            if (property.isSettable()) ignoringCase.putIfAbsent(property.name.toLowerCase(Locale.ROOT), property);
    }

    /** Java promises no order of methods: properties are written in the order of the fields behind them. */
    private void nameInOrder(Class<?> type) {
        if (type == null) return;
        nameInOrder(type.getSuperclass());
        for (Field field : type.getDeclaredFields())
            if (!Modifier.isStatic(field.getModifiers()) && !field.isSynthetic()) property(field.getName());
    }

    static BeanType of(Class<?> type) {
        return KNOWN.computeIfAbsent(type, BeanType::new);
    }

    /** The property to be set by this name; null when there is none. */
    Property find(String name) {
        Property exact = byName.get(name);
        return exact != null && exact.isSettable() ? exact : ignoringCase.get(name.toLowerCase(Locale.ROOT));
    }

    Set<Property> readable() {
        Set<Property> readable = new LinkedHashSet<>();
        for (Property property : byName.values()) if (property.isReadable()) readable.add(property);
        return readable;
    }

    private void addMethod(Method method) {
        String name = method.getName();
        boolean isOwn = !Modifier.isStatic(method.getModifiers()) && !method.isBridge() && method.getDeclaringClass() != Object.class;
        if (!isOwn) return;
        if (method.getParameterCount() == 1 && name.length() > 3 && name.startsWith("set")) {
            property(propertyName(name, 3)).setter = accessible(method);
        } else if (method.getParameterCount() == 0 && method.getReturnType() != void.class) {
            boolean isTruth = method.getReturnType() == boolean.class || method.getReturnType() == Boolean.class;
            if (name.length() > 3 && name.startsWith("get")) property(propertyName(name, 3)).getter = accessible(method);
            else if (isTruth && name.length() > 2 && name.startsWith("is")) property(propertyName(name, 2)).getter = accessible(method);
        }
    }

    private static Method accessible(Method method) {
        // A public method of a class that is not public.
        if (!Modifier.isPublic(method.getDeclaringClass().getModifiers())) method.setAccessible(true);
        return method;
    }

    private Property property(String name) {
        return byName.computeIfAbsent(name, Property::new);
    }

    /** As Jackson does, which AWS uses: all capitals at the start become small, "getURLPath" is "urlpath". */
    private static String propertyName(String method, int prefix) {
        StringBuilder name = new StringBuilder(method.substring(prefix));
        for (int at = 0; at < name.length() && Character.isUpperCase(name.charAt(at)); at++)
            name.setCharAt(at, Character.toLowerCase(name.charAt(at)));
        return name.toString();
    }
}
