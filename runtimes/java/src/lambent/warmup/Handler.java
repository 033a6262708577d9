package lambent.warmup;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A second function of the warm-up, of the other form. */
public class Handler implements RequestHandler<Map<String, Object>, List<String>> {
    @Override
    public List<String> handleRequest(Map<String, Object> event, Context context) {
        List<String> names = new ArrayList<>();
        event.forEach((name, value) -> names.add(name));
        names.sort(String::compareTo);
        return names.stream()
                .filter(name -> !name.isEmpty())
                .map(name -> name + context.getAwsRequestId())
                .collect(Collectors.toList());
    }
}
