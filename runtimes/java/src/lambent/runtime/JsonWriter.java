package lambent.runtime;

import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Date;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;

/** Writes values as JSON: what Beans reads, and any object by its getters and public fields. */
final class JsonWriter {
    private static final int DEPTH_MAX = 1_000;

    private final StringBuilder out = new StringBuilder();
    private int depth;

    private JsonWriter() {}

    /** Throws IllegalArgumentException for what is nested too deeply, as circles are. */
    static byte[] write(Object value) {
        JsonWriter writer = new JsonWriter();
        writer.value(value);
        return writer.out.toString().getBytes(StandardCharsets.UTF_8);
    }

    private void value(Object value) {
        if (value == null || value instanceof Boolean) out.append(value);
        else if (value instanceof Number && value.getClass().getName().startsWith("java.")) number((Number) value);
        else if (Scalars.isWrittenAsText(value)) string(Scalars.text(value));
        else if (Times.isTime(value.getClass())) value(Times.written(value));
        else if (value instanceof Date) out.append(((Date) value).getTime());
        else if (value instanceof byte[]) string(Base64.getEncoder().encodeToString((byte[]) value));
        else if (value instanceof ByteBuffer) string(base64((ByteBuffer) value));
        else if (value instanceof Optional) value(((Optional<?>) value).orElse(null));
        else nested(value);
    }

    private void nested(Object value) {
        if (++depth > DEPTH_MAX)
            throw new IllegalArgumentException("more than " + DEPTH_MAX + " levels within " + value.getClass().getName());
        if (value instanceof Map) object((Map<?, ?>) value);
        else if (value instanceof Iterable) array(((Iterable<?>) value).iterator());
        else if (value.getClass().isArray()) array(elements(value));
        else object(Beans.properties(value));
        depth--;
    }

    private static String base64(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }

    private static Iterator<Object> elements(Object array) {
        return new Iterator<>() {
            private int at;

            @Override
            public boolean hasNext() {
                return at < Array.getLength(array);
            }

            @Override
            public Object next() {
                return Array.get(array, at++);
            }
        };
    }

    /** As Jackson does, which AWS uses: what JSON has no number for becomes text. */
    private void number(Number number) {
        boolean isFinite = !(number instanceof Double || number instanceof Float) || Double.isFinite(number.doubleValue());
        if (isFinite) out.append(number);
        else string(number.toString());
    }

    /** AWS: members that are null are left out, of maps as of objects. */
    private void object(Map<?, ?> object) {
        out.append('{');
        boolean isFirst = true;
        for (Map.Entry<?, ?> entry : object.entrySet()) {
            if (entry.getValue() == null) continue;
            if (!isFirst) out.append(',');
            isFirst = false;
            string(Scalars.text(entry.getKey()));
            out.append(':');
            value(entry.getValue());
        }
        out.append('}');
    }

    private void array(Iterator<?> elements) {
        out.append('[');
        while (elements.hasNext()) {
            value(elements.next());
            if (elements.hasNext()) out.append(',');
        }
        out.append(']');
    }

    private void string(String text) {
        out.append('"');
        for (int at = 0; at < text.length(); at++) {
            char next = text.charAt(at);
            int place = "\"\\\b\f\n\r\t".indexOf(next);
            if (place >= 0) out.append('\\').append("\"\\bfnrt".charAt(place));
            else if (next < ' ' || isLoneSurrogate(text, at)) out.append(String.format("\\u%04x", (int) next));
            else out.append(next);
        }
        out.append('"');
    }

    /** Half of a character cannot be written as UTF-8. */
    private static boolean isLoneSurrogate(String text, int at) {
        char unit = text.charAt(at);
        if (Character.isHighSurrogate(unit))
            return at + 1 == text.length() || !Character.isLowSurrogate(text.charAt(at + 1));
        return Character.isLowSurrogate(unit) && (at == 0 || !Character.isHighSurrogate(text.charAt(at - 1)));
    }
}
