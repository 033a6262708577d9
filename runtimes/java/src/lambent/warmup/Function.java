package lambent.warmup;

import com.amazonaws.services.lambda.runtime.Context;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The function that the warm-up runs. It is no part of the jar, but a package of its own, so that it is loaded as functions
 * are. Not final, and compiled as functions are: methods of another kind of class are called, and texts of another kind
 * joined, in other ways, each of which is linked when it is first met.
 */
public class Function {
    public Map<String, Object> value(Map<String, Object> event, Context context) {
        Map<String, Object> answer = new LinkedHashMap<>(event);
        answer.put("name", "of " + event.get("name"));
        context.getLogger().log(context.getFunctionName() + context.getRemainingTimeInMillis());
        return answer;
    }

    public String text(String event) {
        return event + "!";
    }

    public static Object fixed(Object event) {
        return event;
    }

    public static void nothing(Object event, Context context) {
        context.getAwsRequestId();
    }

    /** Joins texts in the ways that are frequent. */
    public String texts(String event) {
        Object object = event;
        int whole = event.length();
        long large = System.nanoTime();
        double broken = whole;
        String joined = "a" + object + "b" + object + event;
        joined = event + joined + whole;
        joined = "a" + event + "b" + whole + "c";
        joined = "a" + event + "b" + joined + "c" + object;
        joined = joined + large + "a" + broken + (whole > 0);
        joined = "a" + event + "b" + large + "c";
        joined = object + "a" + whole + ", " + object;
        joined += event;
        joined = whole + ":" + whole + joined.substring(0, 1);
        return "a" + joined;
    }

    public Order bean(Order event) {
        return event;
    }

    public void stream(InputStream in, OutputStream out, Context context) throws IOException {
        in.transferTo(out);
    }
}
