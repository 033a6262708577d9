package lambent.runtime;

import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;

/** Values of java.time as AWS's client has them in JSON: numbers of seconds, and lists of their parts. */
final class Times {
    private Times() {}

    static boolean isTime(Class<?> type) {
        return type.getName().startsWith("java.time.") && !type.isEnum();
    }

    /** A number, a list, or a text. */
    static Object written(Object time) {
        if (time instanceof Instant) return seconds(((Instant) time).getEpochSecond(), ((Instant) time).getNano());
        if (time instanceof OffsetDateTime) return written(((OffsetDateTime) time).toInstant());
        if (time instanceof ZonedDateTime) return written(((ZonedDateTime) time).toInstant());
        if (time instanceof Duration) return seconds(((Duration) time).getSeconds(), ((Duration) time).getNano());
        if (time instanceof Year) return ((Year) time).getValue();
        if (time instanceof YearMonth) return List.of(((YearMonth) time).getYear(), ((YearMonth) time).getMonthValue());
        List<Object> parts = new ArrayList<>();
        if (time instanceof LocalDate) addDate(parts, (LocalDate) time);
        else if (time instanceof LocalTime) addTime(parts, (LocalTime) time);
        else if (time instanceof LocalDateTime) {
            addDate(parts, ((LocalDateTime) time).toLocalDate());
            addTime(parts, ((LocalDateTime) time).toLocalTime());
        } else return time.toString();
        return parts;
    }

    /** With nine digits behind the point, but for zero, as Jackson has it. */
    private static BigDecimal seconds(long seconds, int nanos) {
        if (seconds == 0 && nanos == 0) return BigDecimal.ZERO.setScale(1);
        return BigDecimal.valueOf(seconds).setScale(9).add(BigDecimal.valueOf(nanos, 9));
    }

    private static void addDate(List<Object> parts, LocalDate date) {
        parts.add(date.getYear());
        parts.add(date.getMonthValue());
        parts.add(date.getDayOfMonth());
    }

    private static void addTime(List<Object> parts, LocalTime time) {
        parts.add(time.getHour());
        parts.add(time.getMinute());
        if (time.getSecond() == 0 && time.getNano() == 0) return;
        parts.add(time.getSecond());
        if (time.getNano() != 0) parts.add(time.getNano());
    }

    /** From a number of seconds; null where the type is no point in time and no duration. */
    static Object ofNumber(Number number, Class<?> type) {
        BigDecimal exact = new BigDecimal(number.toString());
        long seconds = exact.setScale(0, java.math.RoundingMode.FLOOR).longValueExact();
        long nanos = exact.subtract(BigDecimal.valueOf(seconds)).movePointRight(9).longValue();
        if (type == Duration.class) return Duration.ofSeconds(seconds, nanos);
        if (type == Year.class) return Year.of((int) seconds);
        if (type == LocalDate.class) return LocalDate.ofEpochDay(seconds);
        Instant instant = Instant.ofEpochSecond(seconds, nanos);
        if (type == Instant.class) return instant;
        if (type == OffsetDateTime.class) return instant.atOffset(ZoneOffset.UTC);
        return type == ZonedDateTime.class ? instant.atZone(ZoneOffset.UTC) : null;
    }

    /** From its parts; null where the type is not told in parts. */
    static Object ofParts(List<?> parts, Class<?> type) {
        if (type == YearMonth.class) return YearMonth.of(part(parts, 0), part(parts, 1));
        if (type == LocalDate.class) return date(parts);
        if (type == LocalTime.class) return time(parts, 0);
        return type == LocalDateTime.class ? LocalDateTime.of(date(parts), time(parts, 3)) : null;
    }

    private static LocalDate date(List<?> parts) {
        return LocalDate.of(part(parts, 0), part(parts, 1), part(parts, 2));
    }

    private static LocalTime time(List<?> parts, int from) {
        return LocalTime.of(part(parts, from), part(parts, from + 1), part(parts, from + 2), part(parts, from + 3));
    }

    private static int part(List<?> parts, int at) {
        return at < parts.size() ? ((Number) parts.get(at)).intValue() : 0;
    }

    /** Of ISO 8601, with or without a time, and a zone. */
    static Date date(String text) {
        if (text.length() <= 10) return Date.from(LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant());
        boolean hasZone = text.endsWith("Z") || text.lastIndexOf('+') > 10 || text.lastIndexOf('-') > 10;
        return Date.from(hasZone ? OffsetDateTime.parse(text).toInstant() : LocalDateTime.parse(text).toInstant(ZoneOffset.UTC));
    }
}
