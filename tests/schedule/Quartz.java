// Asks Quartz (Debian's libquartz2-java) for make_cases.py: lines "id TAB zone TAB from TAB count
// TAB expression" in (Quartz's own spelling, from in seconds), lines "id TAB seconds ..." out, "id
// TAB -" when Quartz refuses. Run it from the source: java -cp QUARTZ.jar:SLF4J.jar Quartz.java
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Date;
import java.util.TimeZone;
import org.quartz.CronExpression;

public class Quartz {
    private static String next(String zone, long from, int count, String expression) {
        try {
            CronExpression cron = new CronExpression(expression);
            cron.setTimeZone(TimeZone.getTimeZone(zone));
            StringBuilder times = new StringBuilder();
            Date date = new Date(from * 1000);
            for (int i = 0; i < count; i++) {
                date = cron.getNextValidTimeAfter(date);
                if (date == null) {
                    break;
                }
                times.append(i == 0 ? "" : " ").append(date.getTime() / 1000);
            }
            return times.toString();
        } catch (Exception error) {
            return "-";
        }
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] part = line.split("\t");
            System.out.println(part[0] + "\t"
                    + next(part[1], Long.parseLong(part[2]), Integer.parseInt(part[3]), part[4]));
        }
    }
}
