package lambent.runtime;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads JSON into maps, lists, strings, booleans and numbers: Integer, Long or BigInteger for whole ones, BigDecimal for
 * others. Throws IllegalArgumentException that says where the text is wrong.
 */
final class JsonReader {
    private static final int DEPTH_MAX = 1_000;

    private final String text;
    private int at;
    private int depth;

    private JsonReader(String text) {
        this.text = text;
    }

    /** An empty body is null. */
    static Object read(byte[] body) {
        return body.length == 0 ? null : read(new String(body, StandardCharsets.UTF_8));
    }

    static Object readUntyped(String text) {
        return Beans.read(read(text), Object.class);
    }

    private static Object read(String text) {
        JsonReader reader = new JsonReader(text);
        Object value = reader.value();
        if (reader.peek() != 0) throw reader.wrong("the end");
        return value;
    }

    private Object value() {
        char next = peek();
        switch (next) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                if (next == '-' || isDigit(next)) return number();
                throw wrong("a value");
        }
    }

    private Map<String, Object> object() {
        enter();
        Map<String, Object> object = new LinkedHashMap<>();
        if (!take('}')) {
            do {
                if (peek() != '"') throw wrong("a name");
                String name = string();
                expect(':');
                object.put(name, value());
            } while (take(','));
            expect('}');
        }
        depth--;
        return object;
    }

    private List<Object> array() {
        enter();
        List<Object> array = new ArrayList<>();
        if (!take(']')) {
            do {
                array.add(value());
            } while (take(','));
            expect(']');
        }
        depth--;
        return array;
    }

    private void enter() {
        at++;
        if (++depth > DEPTH_MAX) throw wrong("fewer levels than " + DEPTH_MAX);
    }

    private String string() {
        int start = ++at;
        while (at < text.length() && text.charAt(at) != '"' && text.charAt(at) != '\\' && text.charAt(at) >= ' ') at++;
        if (at < text.length() && text.charAt(at) == '"') return text.substring(start, at++);
        StringBuilder value = new StringBuilder(text.substring(start, at));
        while (at < text.length()) {
            char next = text.charAt(at++);
            if (next == '"') return value.toString();
            if (next < ' ') break;
            value.append(next == '\\' ? escaped() : next);
        }
        throw wrong("the end of a string");
    }

    private char escaped() {
        char code = at < text.length() ? text.charAt(at++) : 0;
        int place = "\"\\/bfnrt".indexOf(code);
        if (code != 0 && place >= 0) return "\"\\/\b\f\n\r\t".charAt(place);
        if (code == 'u' && at + 4 <= text.length() && text.substring(at, at + 4).matches("[0-9a-fA-F]{4}")) {
            at += 4;
            return (char) Integer.parseInt(text.substring(at - 4, at), 16);
        }
        throw wrong("an escape sequence");
    }

    private Number number() {
        int start = at;
        if (text.charAt(at) == '-') at++;
        int whole = digits();
        if (whole > 1 && text.charAt(at - whole) == '0') throw wrong("a number without leading zeros");
        boolean isWhole = true;
        if (at < text.length() && text.charAt(at) == '.') {
            isWhole = false;
            at++;
            digits();
        }
        if (at < text.length() && (text.charAt(at) == 'e' || text.charAt(at) == 'E')) {
            isWhole = false;
            at++;
            if (at < text.length() && (text.charAt(at) == '+' || text.charAt(at) == '-')) at++;
            digits();
        }
        String number = text.substring(start, at);
        if (!isWhole) return new BigDecimal(number);
        if (number.length() > 18) return smallest(new BigInteger(number));
        long value = Long.parseLong(number);
        if (value == (int) value) return (int) value;
        return value;
    }

    private static Number smallest(BigInteger value) {
        if (value.bitLength() < Long.SIZE) return value.longValue();
        return value;
    }

    private int digits() {
        int start = at;
        while (at < text.length() && isDigit(text.charAt(at))) at++;
        if (at == start) throw wrong("a digit");
        return at - start;
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) throw wrong("a value");
        at += word.length();
        return value;
    }

    /** The next character that is no white space, not taken; 0 at the end. */
    private char peek() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
        return at < text.length() ? text.charAt(at) : 0;
    }

    private boolean take(char wanted) {
        if (peek() != wanted) return false;
        at++;
        return true;
    }

    private void expect(char wanted) {
        if (!take(wanted)) throw wrong("'" + wanted + "'");
    }

    private static boolean isDigit(char character) {
        return character >= '0' && character <= '9';
    }

    private IllegalArgumentException wrong(String expected) {
        return new IllegalArgumentException("JSON: expected " + expected + " at character " + at);
    }
}
