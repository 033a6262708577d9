package lambent.runtime;

import java.io.File;
import java.util.LinkedHashMap;
import java.util.Map;

/** Run by Lambent on the host, not in a sandbox: tells what this Java is, as one line of JSON. */
public final class Probe {
    private Probe() {}

    public static void main(String[] arguments) throws Exception {
        Runtime.Version version = Runtime.version();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("version", version.feature() + "." + version.interim() + "." + version.update());
        File home = new File(System.getProperty("java.home")).getCanonicalFile();
        facts.put("executable", new File(home, "bin/java").getCanonicalPath());
        facts.put("prefix", home.getPath());
        // A directory of its own also below /usr, which can be shown anywhere.
        facts.put("ownPrefix", true);
        facts.put("stable", version.pre().isEmpty());
        System.out.println(new String(JsonWriter.write(facts), "UTF-8"));
    }
}
