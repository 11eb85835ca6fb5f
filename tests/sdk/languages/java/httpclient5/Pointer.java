import com.twilio.http.NetworkHttpClient;
import java.net.URI;
import org.apache.hc.client5.http.HttpRoute;
import org.apache.hc.client5.http.impl.classic.HttpClientBuilder;
import org.apache.hc.core5.http.HttpHost;

/** Sends the requests of the SDK's generation 11 and later to the stand-in. */
final class Pointer {
    static NetworkHttpClient to(String url) {
        HttpRoute route = new HttpRoute(HttpHost.create(URI.create(url)));
        return new NetworkHttpClient(HttpClientBuilder.create().setRoutePlanner((target, context) -> route));
    }
}
