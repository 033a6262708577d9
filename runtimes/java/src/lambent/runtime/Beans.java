package lambent.runtime;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Between JSON values and Java types: maps, collections, arrays, scalars, records, and objects by their setters, getters
 * and public fields. What AWS's client is lenient about, so is this: names that a type does not have are passed over, a list
 * of one value stands for the value, a value for a list of it, and what is empty for nothing. Names of AWS's own event
 * classes may differ in case ("Records", "eventSourceARN").
 */
final class Beans {
    private Beans() {}

    /** Throws IllegalArgumentException when the value does not fit the type. */
    static Object read(Object json, Type type) {
        if (type instanceof WildcardType) return read(json, ((WildcardType) type).getUpperBounds()[0]);
        if (type instanceof TypeVariable) return read(json, ((TypeVariable<?>) type).getBounds()[0]);
        if (type instanceof GenericArrayType) {
            Type element = ((GenericArrayType) type).getGenericComponentType();
            return json == null ? null : array((List<?>) json, element, TypeArguments.rawClass(element));
        }
        Class<?> raw = TypeArguments.rawClass(type);
        if (json == null) return raw == Optional.class ? Optional.empty() : Scalars.nothing(raw);
        if (raw == Optional.class) return Optional.ofNullable(read(json, argument(type, 0)));
        if (json instanceof List) return list((List<?>) json, type, raw);
        if (isListType(raw) && !"".equals(json) && !(json instanceof String && raw.isArray()))
            return list(Collections.singletonList(json), type, raw);
        if (json instanceof Map) return object(asObject(json), type, raw);
        return Scalars.as(json, raw);
    }

    /** Of several values; bytes are one text. */
    private static boolean isListType(Class<?> raw) {
        return Collection.class.isAssignableFrom(raw) || (raw.isArray() && raw != byte[].class);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> asObject(Object json) {
        return (Map<String, Object>) json;
    }

    private static Type argument(Type type, int index) {
        return type instanceof ParameterizedType ? ((ParameterizedType) type).getActualTypeArguments()[index] : Object.class;
    }

    private static Object list(List<?> values, Type type, Class<?> raw) {
        if (raw.isArray()) return array(values, raw.getComponentType(), raw.getComponentType());
        if (raw != Object.class && !Iterable.class.isAssignableFrom(raw)) return unwrapped(values, type, raw);
        Collection<Object> collection = emptyCollection(raw, values);
        Type element = argument(type, 0);
        for (Object value : values) collection.add(read(value, element));
        return collection;
    }

    private static Object unwrapped(List<?> values, Type type, Class<?> raw) {
        Object time = Times.isTime(raw) ? Times.ofParts(values, raw) : null;
        if (time != null) return time;
        if (values.size() > 1 || (values.isEmpty() && raw.isPrimitive())) throw Scalars.unfit(values, raw);
        return values.isEmpty() ? null : read(values.get(0), type);
    }

    @SuppressWarnings("unchecked")
    private static Collection<Object> emptyCollection(Class<?> raw, Object values) {
        if (raw.isAssignableFrom(ArrayList.class)) return new ArrayList<>();
        if (raw.isAssignableFrom(LinkedHashSet.class)) return new LinkedHashSet<>();
        if (raw.isAssignableFrom(TreeSet.class) && SortedSet.class.isAssignableFrom(raw)) return new TreeSet<>();
        if (raw.isAssignableFrom(ArrayDeque.class) && Queue.class.isAssignableFrom(raw)) return new ArrayDeque<>();
        if (Collection.class.isAssignableFrom(raw) && !Modifier.isAbstract(raw.getModifiers()))
            return (Collection<Object>) create(raw);
        throw Scalars.unfit(values, raw);
    }

    private static Object array(List<?> values, Type element, Class<?> rawElement) {
        Object array = Array.newInstance(rawElement, values.size());
        for (int at = 0; at < values.size(); at++) Array.set(array, at, read(values.get(at), element));
        return array;
    }

    @SuppressWarnings("unchecked")
    private static Object object(Map<String, Object> values, Type type, Class<?> raw) {
        if (raw == Object.class || Map.class.isAssignableFrom(raw)) {
            Map<Object, Object> map;
            if (raw.isAssignableFrom(LinkedHashMap.class)) map = new LinkedHashMap<>();
            else if (raw.isAssignableFrom(TreeMap.class) && SortedMap.class.isAssignableFrom(raw)) map = new TreeMap<>();
            else map = (Map<Object, Object>) create(raw);
            Type key = argument(type, 0);
            boolean isTyped = type instanceof ParameterizedType && ((ParameterizedType) type).getActualTypeArguments().length > 1;
            Type value = isTyped ? argument(type, 1) : Object.class;
            for (Map.Entry<String, Object> entry : values.entrySet())
                map.put(read(entry.getKey(), key), read(entry.getValue(), value));
            return map;
        }
        boolean isObject = !raw.isPrimitive() && !raw.isArray() && !raw.isEnum() && !raw.getName().startsWith("java.lang.");
        if (!isObject || Iterable.class.isAssignableFrom(raw)) throw Scalars.unfit(values, raw);
        return isRecord(raw) ? record(values, raw, type) : bean(values, raw, type);
    }

    /** Class.isRecord, which Java 11 does not have. */
    private static boolean isRecord(Class<?> type) {
        return type.getSuperclass() != null && type.getSuperclass().getName().equals("java.lang.Record");
    }

    private static Object record(Map<String, Object> values, Class<?> raw, Type type) {
        List<Field> components = new ArrayList<>();
        for (Field field : raw.getDeclaredFields()) if (!Modifier.isStatic(field.getModifiers())) components.add(field);
        Class<?>[] types = components.stream().map(Field::getType).toArray(Class<?>[]::new);
        Object[] arguments =
                components.stream().map(field -> read(values.get(field.getName()), in(type, field.getGenericType()))).toArray();
        return construct(() -> {
            Constructor<?> constructor = raw.getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return constructor.newInstance(arguments);
        }, raw);
    }

    private static Object bean(Map<String, Object> values, Class<?> raw, Type type) {
        Object bean = create(raw);
        BeanType properties = BeanType.of(raw);
        for (Map.Entry<String, Object> value : values.entrySet()) {
            BeanType.Property property = properties.find(value.getKey());
            if (property != null) property.set(bean, read(value.getValue(), in(type, property.type())));
        }
        return bean;
    }

    /** A member's type, with the type arguments of the object it belongs to. */
    private static Type in(Type owner, Type member) {
        if (!(member instanceof TypeVariable) || !(owner instanceof ParameterizedType)) return member;
        TypeVariable<?>[] parameters = TypeArguments.rawClass(owner).getTypeParameters();
        for (int at = 0; at < parameters.length; at++) if (parameters[at].equals(member)) return argument(owner, at);
        return member;
    }

    private static Object create(Class<?> type) {
        return construct(() -> {
            Constructor<?> constructor = type.getDeclaredConstructor();
            constructor.setAccessible(true);
            return constructor.newInstance();
        }, type);
    }

    private interface Construction {
        Object run() throws ReflectiveOperationException;
    }

    private static Object construct(Construction construction, Class<?> type) {
        try {
            return construction.run();
        } catch (InvocationTargetException error) {
            throw new IllegalArgumentException(type.getName() + " cannot be made", error.getCause());
        } catch (NoSuchMethodException error) {
            throw new IllegalArgumentException(type.getName() + " has no constructor without parameters", error);
        } catch (ReflectiveOperationException error) {
            throw new IllegalArgumentException(type.getName() + " cannot be made", error);
        }
    }

    /** What an object is written with: names and values of its getters, record components and public fields. */
    static Map<String, Object> properties(Object bean) {
        Map<String, Object> properties = new LinkedHashMap<>();
        if (isRecord(bean.getClass())) {
            for (Field field : bean.getClass().getDeclaredFields())
                if (!Modifier.isStatic(field.getModifiers())) properties.put(field.getName(), component(bean, field.getName()));
            return properties;
        }
        Set<BeanType.Property> readable = BeanType.of(bean.getClass()).readable();
        if (readable.isEmpty())
            throw new IllegalArgumentException(bean.getClass().getName() + " has no getters and no public fields");
        for (BeanType.Property property : readable) properties.put(property.name(), property.get(bean));
        return properties;
    }

    private static Object component(Object bean, String name) {
        return construct(() -> {
            Method accessor = bean.getClass().getDeclaredMethod(name);
            accessor.setAccessible(true);
            return accessor.invoke(bean);
        }, bean.getClass());
    }
}
