// Record a call with Twilio's SDK, and pause while the caller says a card number.
//
// Start Tapedeck with `tapedeck serve`, then run `go run .` in this folder. This SDK accepts only letters and digits in
// a token.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/twilio/twilio-go"
	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"
)

func newClient(sid, token, address string) *twilio.RestClient {
	// --8<-- [start:pointer]
	transport := &http.Transport{DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	base := &client.Client{Credentials: client.NewCredentials(sid, token), HTTPClient: &http.Client{Transport: transport}}
	base.SetAccountSid(sid)
	return twilio.NewRestClientWithParams(twilio.ClientParams{Client: base})
	// --8<-- [end:pointer]
}

func main() {
	url := setting("TAPEDECK_URL", "http://localhost:3000")
	accountSid := setting("TAPEDECK_ACCOUNT", "AC720796a08ee9435083bd2d07a3121f1e")
	twilioClient := newClient(accountSid, setting("TAPEDECK_TOKEN", "00112233445566778899aabbccddeeff"), strings.TrimPrefix(url, "http://"))

	// The stand-in simulates telephony. Create an incoming call.
	callSid := control(url, "calls", fmt.Sprintf(`{"account": %q}`, accountSid)).Sid.Twilio
	fmt.Printf("call %s is in progress\n", callSid)

	started, err := twilioClient.Api.CreateCallRecording(callSid, &api.CreateCallRecordingParams{})
	check(err)
	fmt.Printf("recording %s: %s\n", *started.Sid, *started.Status)

	// The caller is about to say a card number: pause, and record nothing until resumed.
	paused, err := twilioClient.Api.UpdateCallRecording(callSid, *started.Sid,
		new(api.UpdateCallRecordingParams).SetStatus("paused").SetPauseBehavior("skip"))
	check(err)
	fmt.Printf("recording %s: %s\n", *paused.Sid, *paused.Status)

	// `Twilio.CURRENT` is the active recording, for clients that do not know its sid.
	resumed, err := twilioClient.Api.UpdateCallRecording(callSid, "Twilio.CURRENT",
		new(api.UpdateCallRecordingParams).SetStatus("in-progress"))
	check(err)
	fmt.Printf("recording %s: %s\n", *resumed.Sid, *resumed.Status)

	stopped, err := twilioClient.Api.UpdateCallRecording(callSid, *started.Sid,
		new(api.UpdateCallRecordingParams).SetStatus("stopped"))
	check(err)
	fmt.Printf("recording %s: %s\n", *stopped.Sid, *stopped.Status)

	second, err := twilioClient.Api.CreateCallRecording(callSid, &api.CreateCallRecordingParams{})
	check(err)
	fetched, err := twilioClient.Api.FetchCallRecording(callSid, *second.Sid, &api.FetchCallRecordingParams{})
	check(err)
	fmt.Printf("recording %s of the same call\n", *fetched.Sid)
	listed, err := twilioClient.Api.ListCallRecording(callSid, new(api.ListCallRecordingParams).SetPageSize(1))
	check(err)
	fmt.Printf("%d recordings in pages of 1\n", len(listed))

	// A recording can be deleted when it is finished: one second after its end, on the stand-in's clock.
	control(url, "clock", fmt.Sprintf(`{"account": %q, "advance": 1}`, accountSid))
	control(url, "wait-until-idle", fmt.Sprintf(`{"account": %q}`, accountSid))
	check(twilioClient.Api.DeleteCallRecording(callSid, *started.Sid, &api.DeleteCallRecordingParams{}))
	left, err := twilioClient.Api.ListCallRecording(callSid, &api.ListCallRecordingParams{})
	check(err)
	fmt.Printf("%d recording after a deletion\n", len(left))
}

type resource struct{ Sid struct{ Twilio string } }

// control sends a request to the stand-in's control API.
func control(url, path, body string) (answer resource) {
	response, err := http.Post(url+"/_standin/"+path, "application/json", strings.NewReader(body))
	check(err)
	defer response.Body.Close()
	check(json.NewDecoder(response.Body).Decode(&answer))
	return answer
}

func setting(name, otherwise string) string {
	if value, found := os.LookupEnv(name); found {
		return value
	}
	return otherwise
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
