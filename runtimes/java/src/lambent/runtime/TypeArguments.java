package lambent.runtime;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.util.HashMap;
import java.util.Map;

/** What a class puts in for the type parameters of an interface, however far up it is implemented. */
final class TypeArguments {
    private TypeArguments() {}

    /** Null when the class leaves it open; a bound of the open parameter counts. */
    static Type of(Class<?> type, String interfaceName, int index) {
        return find(type, interfaceName, index, new HashMap<>());
    }

    private static Type find(Type type, String interfaceName, int index, Map<TypeVariable<?>, Type> known) {
        if (type == null) return null;
        Class<?> raw = rawClass(type);
        if (type instanceof ParameterizedType) {
            Type[] arguments = ((ParameterizedType) type).getActualTypeArguments();
            TypeVariable<?>[] parameters = raw.getTypeParameters();
            for (int at = 0; at < parameters.length; at++) known.put(parameters[at], resolve(arguments[at], known));
        }
        if (raw.getName().equals(interfaceName)) {
            Type found = known.get(raw.getTypeParameters()[index]);
            return found instanceof TypeVariable ? boundOf((TypeVariable<?>) found) : found;
        }
        for (Type implemented : raw.getGenericInterfaces()) {
            Type found = find(implemented, interfaceName, index, known);
            if (found != null) return found;
        }
        return find(raw.getGenericSuperclass(), interfaceName, index, known);
    }

    /** Follows type variables to what is known of them. */
    static Type resolve(Type type, Map<TypeVariable<?>, Type> known) {
        return type instanceof TypeVariable ? known.getOrDefault(type, type) : type;
    }

    private static Type boundOf(TypeVariable<?> variable) {
        Type bound = variable.getBounds()[0];
        return bound == Object.class ? null : bound;
    }

    static Class<?> rawClass(Type type) {
        if (type instanceof Class) return (Class<?>) type;
        if (type instanceof ParameterizedType) return (Class<?>) ((ParameterizedType) type).getRawType();
        return Object.class;
    }
}
