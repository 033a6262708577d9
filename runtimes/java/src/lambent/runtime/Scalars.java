package lambent.runtime;

import java.lang.reflect.Executable;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
import java.net.URL;
import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.regex.Pattern;

/** Values that JSON has as a single text, number or truth value. */
final class Scalars {
    private static final List<String> FACTORIES = List.of("parse", "fromString", "valueOf", "of");

    private Scalars() {}

    static boolean isWrittenAsText(Object value) {
        return value instanceof CharSequence
                || value instanceof Character
                || value instanceof Enum
                || value instanceof UUID
                || value instanceof URI
                || value instanceof URL
                || value instanceof Locale
                || value instanceof Pattern
                || value instanceof Class
                || value.getClass().getName().startsWith("org.joda.time.");
    }

    static String text(Object value) {
        if (value instanceof Enum) return ((Enum<?>) value).name();
        return value instanceof Class ? ((Class<?>) value).getName() : String.valueOf(value);
    }

    /** A text, number or truth value as `type`; throws IllegalArgumentException when it cannot be one. */
    static Object as(Object value, Class<?> type) {
        if (type.isInstance(value) && !(value instanceof BigDecimal && type == Object.class)) return value;
        // AWS: an empty text stands for nothing, wherever no text is asked for.
        if ("".equals(value) && !(type == String.class || type == CharSequence.class)) return nothing(type);
        if (type == Object.class || type == Number.class && value instanceof BigDecimal) return untyped(value);
        if (type == String.class || type == CharSequence.class) return plainText(value);
        if (type == boolean.class || type == Boolean.class) return truth(value, type);
        if (type == char.class || type == Character.class) return character(value, type);
        Class<?> boxed = type.isPrimitive() ? boxOf(type) : type;
        if (Number.class.isAssignableFrom(boxed) && boxed.getName().startsWith("java.")) return number(value, boxed);
        if (type == byte[].class) return bytes(value, type);
        if (type == ByteBuffer.class) return ByteBuffer.wrap(bytes(value, type));
        if (type.isEnum()) return constant(value, type);
        if (Date.class == type) return date(value);
        if (value instanceof Number && Times.isTime(type)) {
            Object time = Times.ofNumber((Number) value, type);
            if (time != null) return time;
        }
        return made(value, type);
    }

    /** What a type is when JSON has nothing for it: null, or a primitive's zero. */
    static Object nothing(Class<?> type) {
        return type.isPrimitive() ? java.lang.reflect.Array.get(java.lang.reflect.Array.newInstance(type, 1), 0) : null;
    }

    static Object untyped(Object value) {
        return value instanceof BigDecimal ? ((BigDecimal) value).doubleValue() : value;
    }

    private static String plainText(Object value) {
        return value instanceof BigDecimal ? ((BigDecimal) value).toPlainString() : value.toString();
    }

    private static Boolean truth(Object value, Class<?> type) {
        if (value instanceof Boolean) return (Boolean) value;
        if (value instanceof Integer || value instanceof Long) return ((Number) value).longValue() != 0;
        if ("true".equals(value) || "false".equals(value)) return "true".equals(value);
        throw unfit(value, type);
    }

    private static Character character(Object value, Class<?> type) {
        if (value instanceof String && ((String) value).length() == 1) return ((String) value).charAt(0);
        throw unfit(value, type);
    }

    private static Class<?> boxOf(Class<?> primitive) {
        if (primitive == int.class) return Integer.class;
        if (primitive == long.class) return Long.class;
        if (primitive == double.class) return Double.class;
        if (primitive == float.class) return Float.class;
        return primitive == short.class ? Short.class : Byte.class;
    }

    private static Number number(Object value, Class<?> type) {
        if (!(value instanceof Number || value instanceof String)) throw unfit(value, type);
        BigDecimal exact = new BigDecimal(value.toString().trim());
        if (type == Double.class) return exact.doubleValue();
        if (type == Float.class) return exact.floatValue();
        if (type == BigDecimal.class) return exact;
        if (type == java.util.concurrent.atomic.AtomicLong.class)
            return new java.util.concurrent.atomic.AtomicLong(exact.longValue());
        if (type == java.util.concurrent.atomic.AtomicInteger.class)
            return new java.util.concurrent.atomic.AtomicInteger(exact.intValue());
        // As Jackson does: a fraction is cut off, a number that is too large is an error.
        BigInteger whole = exact.toBigInteger();
        if (type == BigInteger.class) return whole;
        if (type == Integer.class) return whole.intValueExact();
        if (type == Long.class) return whole.longValueExact();
        if (type == Short.class) return whole.shortValueExact();
        if (type == Byte.class) return whole.byteValueExact();
        throw unfit(value, type);
    }

    private static byte[] bytes(Object value, Class<?> type) {
        if (value instanceof String) return Base64.getDecoder().decode((String) value);
        throw unfit(value, type);
    }

    /** AWS: by its name or its place; what is none of the constants is null. */
    private static Object constant(Object value, Class<?> type) {
        for (Object constant : type.getEnumConstants()) {
            boolean isMeant = value instanceof Number
                    ? ((Enum<?>) constant).ordinal() == ((Number) value).longValue()
                    : ((Enum<?>) constant).name().equals(value);
            if (isMeant) return constant;
        }
        return null;
    }

    /** Milliseconds since 1970, or ISO 8601. */
    private static Date date(Object value) {
        if (value instanceof BigDecimal) return new Date(((BigDecimal) value).longValue());
        if (value instanceof Number) return new Date(((Number) value).longValue());
        return Times.date(value.toString());
    }

    /** By a static factory, or a constructor, that takes the text. */
    private static Object made(Object value, Class<?> type) {
        if (value instanceof String) {
            for (Class<?> parameter : new Class<?>[] {String.class, CharSequence.class, Object.class}) {
                Executable maker = makerFrom(type, parameter);
                if (maker == null) continue;
                try {
                    if (maker instanceof Constructor) return ((Constructor<?>) maker).newInstance(value);
                    return ((Method) maker).invoke(null, value);
                } catch (ReflectiveOperationException error) {
                    throw new IllegalArgumentException(
                            "\"" + value + "\" cannot be read as " + type.getName(), error.getCause());
                }
            }
        }
        throw unfit(value, type);
    }

    private static Executable makerFrom(Class<?> type, Class<?> parameter) {
        for (String name : FACTORIES) {
            try {
                Method factory = type.getMethod(name, parameter);
                if (Modifier.isStatic(factory.getModifiers()) && type.isAssignableFrom(factory.getReturnType()))
                    return factory;
            } catch (NoSuchMethodException absent) {
                continue;
            }
        }
        try {
            return Modifier.isAbstract(type.getModifiers()) ? null : type.getConstructor(parameter);
        } catch (NoSuchMethodException absent) {
            return null;
        }
    }

    static IllegalArgumentException unfit(Object value, Class<?> type) {
        return new IllegalArgumentException(
                "A JSON " + kindOf(value) + " cannot be read as " + type.getTypeName());
    }

    private static String kindOf(Object value) {
        if (value instanceof Number) return "number";
        if (value instanceof Boolean) return "boolean";
        if (value instanceof String) return "string";
        return value instanceof List ? "array" : "object";
    }
}
