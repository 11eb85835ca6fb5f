// The scenario of scenario.py, line by line, with Twilio's SDK for Go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/twilio/twilio-go"
	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"
)

const (
	current = "Twilio.CURRENT"
	agent   = "+12025550123"
	caller  = "+12025550199"
)

var (
	standin     = os.Getenv("TAPEDECK_URL")
	account     = os.Getenv("TAPEDECK_ACCOUNT")
	application = os.Getenv("TAPEDECK_APPLICATION")
)

func newClient(user, password string) *api.ApiService {
	transport := &http.Transport{DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(standin, "http://"))
	}}
	base := &client.Client{Credentials: client.NewCredentials(user, password), HTTPClient: &http.Client{Transport: transport}}
	base.SetAccountSid(account)
	return twilio.NewRestClientWithParams(twilio.ClientParams{Client: base}).Api
}

type resource struct{ Sid struct{ Twilio string } }

func control(path string, fields map[string]any) (answer resource) {
	body := map[string]any{"account": account}
	for name, value := range fields {
		body[name] = value
	}
	text := string(must(json.Marshal(body)))
	response := must(http.Post(standin+"/_standin/"+path, "application/json", strings.NewReader(text)))
	defer response.Body.Close()
	check(json.NewDecoder(response.Body).Decode(&answer))
	return answer
}

func advance(seconds int) {
	control("clock", map[string]any{"advance": seconds})
	control("wait-until-idle", nil)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func say(name string, values ...any) {
	fmt.Println(append([]any{name + ":"}, values...)...)
}

// fail prints the status and the code of an error.
func fail[T any](name string, _ T, err error) {
	var apiError *client.TwilioRestError
	if err == nil {
		say(name, "no error")
	} else if errors.As(err, &apiError) {
		say(name, apiError.Status, apiError.Code)
	} else {
		log.Fatal(err)
	}
}

func sids[T any](resources []T, sid func(T) *string) string {
	var texts []string
	for _, it := range resources {
		texts = append(texts, *sid(it))
	}
	return strings.Join(texts, " ")
}

func ofCall(recordings []api.ApiV2010CallRecording, err error) string {
	return sids(must(recordings, err), func(it api.ApiV2010CallRecording) *string { return it.Sid })
}

func ofAccount(recordings []api.ApiV2010Recording, err error) string {
	return sids(must(recordings, err), func(it api.ApiV2010Recording) *string { return it.Sid })
}

func ofConference(participants []api.ApiV2010Participant, err error) string {
	return sids(must(participants, err), func(it api.ApiV2010Participant) *string { return it.CallSid })
}

func update(service *api.ApiService, callSid, sid, status string) (*api.ApiV2010CallRecording, error) {
	return service.UpdateCallRecording(callSid, sid, new(api.UpdateCallRecordingParams).SetStatus(status))
}

func record(service *api.ApiService, callSid string) {
	first := must(service.CreateCallRecording(callSid, new(api.CreateCallRecordingParams).
		SetRecordingChannels("dual").
		SetRecordingStatusCallback(application+"/recording").
		SetRecordingStatusCallbackEvent([]string{"in-progress", "completed"})))
	say("created", *first.Sid, *first.Status, first.Channels, *first.Source)
	paused := must(service.UpdateCallRecording(callSid, current,
		new(api.UpdateCallRecordingParams).SetStatus("paused").SetPauseBehavior("skip")))
	say("paused", *paused.Sid, *paused.Status)
	resumed := must(update(service, callSid, current, "in-progress"))
	say("resumed", *resumed.Sid, *resumed.Status)
	advance(59)
	stopped := must(update(service, callSid, current, "stopped"))
	say("stopped", *stopped.Sid, *stopped.Status)
	nothing, err := update(service, callSid, current, "paused")
	fail("no current recording", nothing, err)
	fail("deleted before it is finished", 0, service.DeleteCallRecording(callSid, *first.Sid, nil))
	advance(1)
	finished := must(service.FetchCallRecording(callSid, *first.Sid, nil))
	say("finished", *finished.Sid, *finished.Status, *finished.Duration)

	// A callback URL that cannot be used is no error.
	second := must(service.CreateCallRecording(callSid,
		new(api.CreateCallRecordingParams).SetRecordingStatusCallback("/recording")))
	say("created", *second.Sid, *second.Status, second.Channels, *second.Source)
	advance(59)
	must(update(service, callSid, *second.Sid, "stopped"))
	advance(1)
	third := must(service.CreateCallRecording(callSid, new(api.CreateCallRecordingParams)))
	advance(59)
	must(update(service, callSid, *third.Sid, "stopped"))
	advance(1)
}

func readLists(service *api.ApiService, callSid string) {
	filter := func() *api.ListRecordingParams { return new(api.ListRecordingParams) }
	say("pages of 2", ofCall(service.ListCallRecording(callSid, new(api.ListCallRecordingParams).SetPageSize(2))))
	say("limit 5000", ofAccount(service.ListRecording(filter().SetLimit(5000))))
	say("limit 2", ofAccount(service.ListRecording(filter().SetLimit(2))))

	listed := must(service.ListCallRecording(callSid, new(api.ListCallRecordingParams).SetLimit(2)))
	moment := must(time.Parse(time.RFC1123Z, *listed[1].DateCreated)).UTC()
	say("second recording", moment.Format(time.RFC3339))
	say("at that time", ofAccount(service.ListRecording(filter().SetDateCreated(moment))))
	india := time.FixedZone("+05:30", 5*3600+1800)
	for _, zone := range []*time.Location{time.UTC, india, must(time.LoadLocation("America/New_York"))} {
		from, until := filter().SetDateCreatedAfter(moment.In(zone)), filter().SetDateCreatedBefore(moment.In(zone))
		say(zone.String()+" from then on", ofAccount(service.ListRecording(from)))
		say(zone.String()+" until then", ofAccount(service.ListRecording(until)))
	}
	calls := new(api.ListCallParams)
	say("calls until then", len(must(service.ListCall(calls.SetStartTimeBefore(moment.In(india))))))
	calls = new(api.ListCallParams)
	say("calls from then on", len(must(service.ListCall(calls.SetStartTimeAfter(moment.In(india))))))
	day, next := moment.Format(time.DateOnly), moment.AddDate(0, 0, 1).Format(time.DateOnly)
	say("on that day", ofCall(service.ListCallRecording(callSid, new(api.ListCallRecordingParams).SetDateCreated(day))))
	say("after that day",
		ofCall(service.ListCallRecording(callSid, new(api.ListCallRecordingParams).SetDateCreatedAfter(next))))
}

func deleteOldest(service *api.ApiService, callSid string) {
	listed := must(service.ListCallRecording(callSid, new(api.ListCallRecordingParams)))
	first := *listed[len(listed)-1].Sid
	say("deleted", service.DeleteCallRecording(callSid, first, nil) == nil)
	say("recordings left", ofCall(service.ListCallRecording(callSid, new(api.ListCallRecordingParams))))
	fail("deleted again", 0, service.DeleteRecording(first, nil))
	fetched, err := service.FetchCallRecording(callSid, first, nil)
	fail("fetched after its deletion", fetched, err)
}

func confer(service *api.ApiService) string {
	dialed := func() *api.CreateParticipantParams {
		return new(api.CreateParticipantParams).SetFrom(caller).SetTo(agent)
	}
	first := must(service.CreateParticipant("support", dialed().
		SetLabel("agent").
		SetRecord(true).
		SetRecordingStatusCallback(application+"/recording").
		SetStatusCallback(application+"/call").
		SetStatusCallbackEvent([]string{"initiated", "ringing", "answered", "completed"}).
		SetConferenceStatusCallback(application+"/conference").
		SetConferenceStatusCallbackEvent([]string{"start", "end", "join", "leave"})))
	say("dialed", *first.CallSid, *first.Label, *first.ConferenceSid)
	control("wait-until-idle", nil)
	sid := *first.ConferenceSid
	guest := must(service.CreateParticipant(sid, dialed().SetBeep("false").SetEndConferenceOnExit(false)))
	monitor := must(service.CreateParticipant(sid, dialed().SetLabel("monitor").SetMuted(true)))
	control("wait-until-idle", nil)
	it := must(service.FetchConference(sid, nil))
	say("conference", *it.Sid, *it.Status, *it.FriendlyName)
	say("participants", ofConference(service.ListParticipant(sid, new(api.ListParticipantParams).SetPageSize(1))))
	say("muted", ofConference(service.ListParticipant(sid, new(api.ListParticipantParams).SetMuted(true))))
	held := must(service.UpdateParticipant(sid, *guest.CallSid,
		new(api.UpdateParticipantParams).SetHold(true).SetMuted(true)))
	say("updated", *held.CallSid, *held.Hold, *held.Muted)
	fetched := must(service.FetchParticipant(sid, "agent", nil))
	say("by label", *fetched.CallSid, *fetched.Status, *fetched.Hold, *fetched.Muted)
	advance(9)
	say("removed", service.DeleteParticipant(sid, *monitor.CallSid, nil) == nil)
	removed, err := service.FetchParticipant(sid, *monitor.CallSid, nil)
	fail("fetched after the removal", removed, err)
	say("participants left", ofConference(service.ListParticipant(sid, new(api.ListParticipantParams))))
	control("wait-until-idle", nil)
	say("call of the removed participant", *must(service.FetchCall(*monitor.CallSid, nil)).Status)
	named, err := service.FetchConference("support", nil)
	fail("fetched by its name", named, err)
	today := must(time.Parse(time.RFC1123Z, *it.DateCreated)).UTC().Format(time.DateOnly)
	listed := must(service.ListConference(new(api.ListConferenceParams).SetStatus("in-progress").SetDateCreated(today)))
	say("in progress today", sids(listed, func(it api.ApiV2010Conference) *string { return it.Sid }))

	ended := must(service.UpdateConference(sid, new(api.UpdateConferenceParams).SetStatus("completed")))
	say("ended", *ended.Sid, *ended.Status, *ended.ReasonConferenceEnded)
	advance(1)
	say("participants after the end", len(must(service.ListParticipant(sid, new(api.ListParticipantParams)))))
	say("call of the agent", *must(service.FetchCall(*first.CallSid, nil)).Status)
	recording := must(service.ListCallRecording(*first.CallSid, new(api.ListCallRecordingParams)))[0]
	say("recording of the agent", *recording.Sid, *recording.Status, *recording.Duration)
	return *first.CallSid
}

func getErrors(service *api.ApiService, callSid, endedSid string) {
	call, err := newClient(account, "0123456789abcdef0123456789abcdef").FetchCall(callSid, nil)
	fail("wrong token", call, err)
	recording, err := update(service, callSid, strings.Replace(callSid, "CA", "RE", 1), "paused")
	fail("unknown recording", recording, err)
	last := must(service.ListCallRecording(callSid, new(api.ListCallRecordingParams).SetLimit(1)))[0]
	recording, err = update(service, callSid, *last.Sid, "processing")
	fail("invalid status", recording, err)
	recording, err = service.CreateCallRecording(endedSid, new(api.CreateCallRecordingParams))
	fail("recording an ended call", recording, err)
	call, err = service.UpdateCall(endedSid, new(api.UpdateCallParams).SetStatus("completed"))
	fail("hanging up again", call, err)
	call, err = service.UpdateCall(endedSid, new(api.UpdateCallParams).SetUrl(application+"/voice"))
	fail("redirecting an ended call", call, err)
}

func useKey(service *api.ApiService, callSid string) {
	key := must(service.CreateNewKey(new(api.CreateNewKeyParams).SetFriendlyName("scenario")))
	say("key", *key.FriendlyName, len(*key.Secret))
	user := newClient(*key.Sid, *key.Secret)
	say("call by key", *must(user.FetchCall(callSid, nil)).Sid)
	say("key deleted", service.DeleteKey(*key.Sid, nil) == nil)
	call, err := user.FetchCall(callSid, nil)
	fail("after its deletion", call, err)
}

func main() {
	service := newClient(account, os.Getenv("TAPEDECK_TOKEN"))
	own := must(service.FetchAccount(account))
	say("account", *own.Sid, *own.Status, len(must(service.ListAccount(new(api.ListAccountParams)))))
	callSid := control("calls", nil).Sid.Twilio
	call := must(service.FetchCall(callSid, nil))
	say("call", *call.Sid, *call.Status, *call.Direction)
	record(service, callSid)
	readLists(service, callSid)
	deleteOldest(service, callSid)
	getErrors(service, callSid, confer(service))
	useKey(service, callSid)
}
