import com.twilio.base.Resource;
import com.twilio.exception.ApiException;
import com.twilio.http.TwilioRestClient;
import com.twilio.rest.api.v2010.Account;
import com.twilio.rest.api.v2010.account.Call;
import com.twilio.rest.api.v2010.account.Conference;
import com.twilio.rest.api.v2010.account.Key;
import com.twilio.rest.api.v2010.account.NewKey;
import com.twilio.rest.api.v2010.account.call.Recording;
import com.twilio.rest.api.v2010.account.conference.Participant;
import com.twilio.type.PhoneNumber;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** The scenario of scenario.py, line by line, with Twilio's SDK for Java. */
public class Scenario {
    private static final String URL = System.getenv("TAPEDECK_URL");
    private static final String ACCOUNT = System.getenv("TAPEDECK_ACCOUNT");
    private static final String APPLICATION = System.getenv("TAPEDECK_APPLICATION");
    private static final String CURRENT = "Twilio.CURRENT";
    private static final PhoneNumber AGENT = new PhoneNumber("+12025550123");
    private static final PhoneNumber CALLER = new PhoneNumber("+12025550199");

    private final TwilioRestClient client = makeClient(ACCOUNT, System.getenv("TAPEDECK_TOKEN"));
    private final String callSid;

    private Scenario() throws Exception {
        Account own = Account.fetcher(ACCOUNT).fetch(client);
        say("account", own.getSid(), own.getStatus(), count(Account.reader().read(client)));
        Matcher sid = Pattern.compile("CA[0-9a-f]{32}").matcher(control("calls", ""));
        callSid = sid.find() ? sid.group() : "";
        Call call = Call.fetcher(callSid).fetch(client);
        say("call", call.getSid(), call.getStatus(), call.getDirection());
    }

    public static void main(String[] arguments) throws Exception {
        Scenario scenario = new Scenario();
        scenario.record();
        scenario.readLists();
        scenario.deleteOldest();
        scenario.getErrors(scenario.confer());
        scenario.useKey();
    }

    private static TwilioRestClient makeClient(String user, String password) {
        return new TwilioRestClient.Builder(user, password).accountSid(ACCOUNT).httpClient(Pointer.to(URL)).build();
    }

    private static String control(String path, String fields) throws Exception {
        String body = "{\"account\": \"" + ACCOUNT + "\"" + fields + "}";
        var content = HttpRequest.BodyPublishers.ofString(body);
        var request = HttpRequest.newBuilder(URI.create(URL + "/_standin/" + path)).POST(content).build();
        return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();
    }

    private static void advance(int seconds) throws Exception {
        control("clock", ", \"advance\": " + seconds);
        control("wait-until-idle", "");
    }

    private static void say(String name, Object... values) {
        String texts = Stream.of(values).map(String::valueOf).collect(Collectors.joining(" "));
        System.out.println((name + ": " + texts).strip());
    }

    private static void fail(String name, Runnable request) {
        try {
            request.run();
            say(name, "no error");
        } catch (ApiException error) {
            say(name, error.getStatusCode(), error.getCode());
        }
    }

    private static <T> Stream<T> stream(Iterable<T> resources) {
        return StreamSupport.stream(resources.spliterator(), false);
    }

    private static <T> long count(Iterable<T> resources) {
        return stream(resources).count();
    }

    private static <T extends Resource> String sids(Iterable<T> resources, Function<T, String> sid) {
        return stream(resources).map(sid).collect(Collectors.joining(" "));
    }

    private static String ofCall(Iterable<Recording> recordings) {
        return sids(recordings, Recording::getSid);
    }

    private static String ofAccount(Iterable<com.twilio.rest.api.v2010.account.Recording> recordings) {
        return sids(recordings, com.twilio.rest.api.v2010.account.Recording::getSid);
    }

    private static String ofConference(Iterable<Participant> participants) {
        return sids(participants, Participant::getCallSid);
    }

    private Recording update(String sid, Recording.Status status) {
        return Recording.updater(callSid, sid, status).update(client);
    }

    private void record() throws Exception {
        Recording first = Recording.creator(callSid)
            .setRecordingChannels("dual")
            .setRecordingStatusCallback(APPLICATION + "/recording")
            .setRecordingStatusCallbackEvent(List.of("in-progress", "completed"))
            .create(client);
        say("created", first.getSid(), first.getStatus(), first.getChannels(), first.getSource());
        Recording paused = Recording.updater(callSid, CURRENT, Recording.Status.PAUSED)
            .setPauseBehavior("skip")
            .update(client);
        say("paused", paused.getSid(), paused.getStatus());
        Recording resumed = update(CURRENT, Recording.Status.IN_PROGRESS);
        say("resumed", resumed.getSid(), resumed.getStatus());
        advance(59);
        Recording stopped = update(CURRENT, Recording.Status.STOPPED);
        say("stopped", stopped.getSid(), stopped.getStatus());
        fail("no current recording", () -> update(CURRENT, Recording.Status.PAUSED));
        fail("deleted before it is finished", () -> Recording.deleter(callSid, first.getSid()).delete(client));
        advance(1);
        Recording finished = Recording.fetcher(callSid, first.getSid()).fetch(client);
        say("finished", finished.getSid(), finished.getStatus(), finished.getDuration());

        // A callback URL that cannot be used is no error.
        Recording second = Recording.creator(callSid).setRecordingStatusCallback("/recording").create(client);
        say("created", second.getSid(), second.getStatus(), second.getChannels(), second.getSource());
        advance(59);
        update(second.getSid(), Recording.Status.STOPPED);
        advance(1);
        Recording third = Recording.creator(callSid).create(client);
        advance(59);
        update(third.getSid(), Recording.Status.STOPPED);
        advance(1);
    }

    private static com.twilio.rest.api.v2010.account.RecordingReader filter() {
        return com.twilio.rest.api.v2010.account.Recording.reader();
    }

    private void readLists() {
        say("pages of 2", ofCall(Recording.reader(callSid).pageSize(2).read(client)));
        say("limit 5000", ofAccount(filter().limit(5000).read(client)));
        say("limit 2", ofAccount(filter().limit(2).read(client)));

        var listed = stream(Recording.reader(callSid).limit(2).read(client)).collect(Collectors.toList());
        ZonedDateTime moment = listed.get(1).getDateCreated().withZoneSameInstant(ZoneId.of("UTC"));
        say("second recording", moment.toInstant());
        say("at that time", ofAccount(filter().setDateCreated(moment).read(client)));
        Map<String, ZoneId> zones = new LinkedHashMap<>();
        for (String zone : List.of("UTC", "+05:30", "America/New_York")) zones.put(zone, ZoneId.of(zone));
        zones.forEach((name, zone) -> {
            ZonedDateTime time = moment.withZoneSameInstant(zone);
            say(name + " from then on", ofAccount(filter().setDateCreatedAfter(time).read(client)));
            say(name + " until then", ofAccount(filter().setDateCreatedBefore(time).read(client)));
        });
        ZonedDateTime india = moment.withZoneSameInstant(zones.get("+05:30"));
        say("calls until then", count(Call.reader().setStartTimeBefore(india).read(client)));
        say("calls from then on", count(Call.reader().setStartTimeAfter(india).read(client)));
        LocalDate day = moment.toLocalDate();
        say("on that day", ofCall(Recording.reader(callSid).setDateCreated(day).read(client)));
        say("after that day", ofCall(Recording.reader(callSid).setDateCreatedAfter(day.plusDays(1)).read(client)));
    }

    private void deleteOldest() {
        var listed = stream(Recording.reader(callSid).read(client)).collect(Collectors.toList());
        String first = listed.get(listed.size() - 1).getSid();
        say("deleted", Recording.deleter(callSid, first).delete(client));
        say("recordings left", ofCall(Recording.reader(callSid).read(client)));
        fail("deleted again", () -> com.twilio.rest.api.v2010.account.Recording.deleter(first).delete(client));
        fail("fetched after its deletion", () -> Recording.fetcher(callSid, first).fetch(client));
    }

    private String confer() throws Exception {
        Participant agent = Participant.creator("support", CALLER, AGENT)
            .setLabel("agent")
            .setRecord(true)
            .setRecordingStatusCallback(APPLICATION + "/recording")
            .setStatusCallback(APPLICATION + "/call")
            .setStatusCallbackEvent(List.of("initiated", "ringing", "answered", "completed"))
            .setConferenceStatusCallback(APPLICATION + "/conference")
            .setConferenceStatusCallbackEvent(List.of("start", "end", "join", "leave"))
            .create(client);
        String sid = agent.getConferenceSid();
        say("dialed", agent.getCallSid(), agent.getLabel(), sid);
        control("wait-until-idle", "");
        Participant guest = Participant.creator(sid, CALLER, AGENT)
            .setBeep("false")
            .setEndConferenceOnExit(false)
            .create(client);
        Participant monitor = Participant.creator(sid, CALLER, AGENT).setLabel("monitor").setMuted(true).create(client);
        control("wait-until-idle", "");
        Conference it = Conference.fetcher(sid).fetch(client);
        say("conference", it.getSid(), it.getStatus(), it.getFriendlyName());
        say("participants", ofConference(Participant.reader(sid).pageSize(1).read(client)));
        say("muted", ofConference(Participant.reader(sid).setMuted(true).read(client)));
        Participant held = Participant.updater(sid, guest.getCallSid()).setHold(true).setMuted(true).update(client);
        say("updated", held.getCallSid(), held.getHold(), held.getMuted());
        Participant fetched = Participant.fetcher(sid, "agent").fetch(client);
        say("by label", fetched.getCallSid(), fetched.getStatus(), fetched.getHold(), fetched.getMuted());
        advance(9);
        say("removed", Participant.deleter(sid, monitor.getCallSid()).delete(client));
        fail("fetched after the removal", () -> Participant.fetcher(sid, monitor.getCallSid()).fetch(client));
        say("participants left", ofConference(Participant.reader(sid).read(client)));
        control("wait-until-idle", "");
        say("call of the removed participant", Call.fetcher(monitor.getCallSid()).fetch(client).getStatus());
        fail("fetched by its name", () -> Conference.fetcher("support").fetch(client));
        LocalDate today = it.getDateCreated().withZoneSameInstant(ZoneOffset.UTC).toLocalDate();
        var reader = Conference.reader().setStatus(Conference.Status.IN_PROGRESS).setDateCreated(today);
        say("in progress today", sids(reader.read(client), Conference::getSid));

        Conference ended = Conference.updater(sid).setStatus(Conference.UpdateStatus.COMPLETED).update(client);
        say("ended", ended.getSid(), ended.getStatus(), ended.getReasonConferenceEnded());
        advance(1);
        say("participants after the end", count(Participant.reader(sid).read(client)));
        say("call of the agent", Call.fetcher(agent.getCallSid()).fetch(client).getStatus());
        Recording recording = Recording.reader(agent.getCallSid()).read(client).iterator().next();
        say("recording of the agent", recording.getSid(), recording.getStatus(), recording.getDuration());
        return agent.getCallSid();
    }

    private void getErrors(String endedSid) {
        TwilioRestClient intruder = makeClient(ACCOUNT, "0123456789abcdef0123456789abcdef");
        fail("wrong token", () -> Call.fetcher(callSid).fetch(intruder));
        fail("unknown recording", () -> update(callSid.replace("CA", "RE"), Recording.Status.PAUSED));
        Recording last = Recording.reader(callSid).limit(1).read(client).iterator().next();
        fail("invalid status", () -> update(last.getSid(), Recording.Status.PROCESSING));
        fail("recording an ended call", () -> Recording.creator(endedSid).create(client));
        fail("hanging up again", () -> Call.updater(endedSid).setStatus(Call.UpdateStatus.COMPLETED).update(client));
        fail("redirecting an ended call", () -> Call.updater(endedSid).setUrl(APPLICATION + "/voice").update(client));
    }

    private void useKey() {
        NewKey key = NewKey.creator().setFriendlyName("scenario").create(client);
        say("key", key.getFriendlyName(), key.getSecret().length());
        TwilioRestClient user = makeClient(key.getSid(), key.getSecret());
        say("call by key", Call.fetcher(callSid).fetch(user).getSid());
        say("key deleted", Key.deleter(key.getSid()).delete(client));
        fail("after its deletion", () -> Call.fetcher(callSid).fetch(user));
    }
}
