import com.twilio.http.NetworkHttpClient;
import org.apache.http.HttpHost;
import org.apache.http.conn.routing.HttpRoute;
import org.apache.http.impl.client.HttpClientBuilder;

/** Sends the requests of the SDK's generation 10 to the stand-in. */
final class Pointer {
    static NetworkHttpClient to(String url) {
        // --8<-- [start:pointer]
        HttpRoute route = new HttpRoute(HttpHost.create(url));
        return new NetworkHttpClient(HttpClientBuilder.create().setRoutePlanner((target, request, context) -> route));
        // --8<-- [end:pointer]
    }
}
