// Record a call with Twilio's SDK, and pause while the caller says a card number.
//
// Start Tapedeck (`tapedeck serve`), then run `mvn -q compile exec:java` in this folder.

import com.twilio.http.NetworkHttpClient;
import com.twilio.http.TwilioRestClient;
import com.twilio.rest.api.v2010.account.call.Recording;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;
import org.apache.hc.client5.http.HttpRoute;
import org.apache.hc.client5.http.impl.classic.HttpClientBuilder;
import org.apache.hc.core5.http.HttpHost;

public class Main {
    public static void main(String[] arguments) throws Exception {
        String url = setting("TAPEDECK_URL", "http://localhost:3000");
        String accountSid = setting("TAPEDECK_ACCOUNT", "AC720796a08ee9435083bd2d07a3121f1e");
        String authToken = setting("TAPEDECK_TOKEN", "00112233445566778899aabbccddeeff");

        // --8<-- [start:pointer]
        var http = HttpClientBuilder.create().setRoutePlanner((target, context) -> new HttpRoute(HttpHost.create(URI.create(url))));
        var client = new TwilioRestClient.Builder(accountSid, authToken).httpClient(new NetworkHttpClient(http)).build();
        // --8<-- [end:pointer]

        // The stand-in simulates telephony. Create an incoming call.
        String account = "{\"account\": \"" + accountSid + "\"}";
        Matcher sid = Pattern.compile("CA[0-9a-f]{32}").matcher(control(url, "calls", account));
        String callSid = sid.find() ? sid.group() : "";
        System.out.printf("call %s is in progress%n", callSid);

        var started = Recording.creator(callSid).create(client);
        System.out.printf("recording %s: %s%n", started.getSid(), started.getStatus());

        // The caller is about to say a card number: pause, and record nothing until resumed.
        var paused = Recording.updater(callSid, started.getSid(), Recording.Status.PAUSED)
            .setPauseBehavior("skip").update(client);
        System.out.printf("recording %s: %s%n", paused.getSid(), paused.getStatus());

        // `Twilio.CURRENT` is the active recording, for clients that do not know its sid.
        var resumed = Recording.updater(callSid, "Twilio.CURRENT", Recording.Status.IN_PROGRESS).update(client);
        System.out.printf("recording %s: %s%n", resumed.getSid(), resumed.getStatus());

        var stopped = Recording.updater(callSid, started.getSid(), Recording.Status.STOPPED).update(client);
        System.out.printf("recording %s: %s%n", stopped.getSid(), stopped.getStatus());

        var second = Recording.creator(callSid).create(client);
        var fetched = Recording.fetcher(callSid, second.getSid()).fetch(client);
        System.out.printf("recording %s of the same call%n", fetched.getSid());
        var listed = Recording.reader(callSid).pageSize(1).read(client);
        System.out.printf("%d recordings in pages of 1%n", count(listed));

        // A recording can be deleted when it is finished: one second after its end, on the stand-in's clock.
        control(url, "clock", "{\"account\": \"" + accountSid + "\", \"advance\": 1}");
        control(url, "wait-until-idle", account);
        Recording.deleter(callSid, started.getSid()).delete(client);
        System.out.printf("%d recording after a deletion%n", count(Recording.reader(callSid).read(client)));
    }

    private static long count(Iterable<Recording> recordings) {
        return StreamSupport.stream(recordings.spliterator(), false).count();
    }

    /** Sends a request to the stand-in's control API. */
    private static String control(String url, String path, String body) throws Exception {
        var content = HttpRequest.BodyPublishers.ofString(body);
        var request = HttpRequest.newBuilder(URI.create(url + "/_standin/" + path)).POST(content).build();
        return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();
    }

    private static String setting(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }
}
