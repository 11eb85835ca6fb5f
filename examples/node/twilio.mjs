// Record a call with Twilio's SDK, and pause while the caller says a card number.
//
// Start Tapedeck (`make serve`), then run `npm ci && node twilio.mjs` in this folder.
// For HTTPS, set TAPEDECK_URL=https://localhost:3443 and NODE_EXTRA_CA_CERTS to the CA file that `make serve` prints.

import twilio from "twilio";

const url = process.env.TAPEDECK_URL ?? "http://localhost:3000";
const accountSid = process.env.TAPEDECK_ACCOUNT ?? "AC720796a08ee9435083bd2d07a3121f1e";
const authToken = process.env.TAPEDECK_TOKEN ?? "00112233445566778899aabbccddeeff";

// --8<-- [start:pointer]
const client = twilio(accountSid, authToken);
client.api.baseUrl = url;
// --8<-- [end:pointer]

// The stand-in simulates telephony. Create an incoming call.
const body = JSON.stringify({ account: accountSid });
const headers = { "Content-Type": "application/json" };
const answer = await fetch(`${url}/_standin/calls`, { method: "POST", headers, body });
if (!answer.ok) throw new Error(await answer.text());
const callSid = (await answer.json()).sid.twilio;
console.log(`call ${callSid} is in progress`);

const started = await client.calls(callSid).recordings.create();
console.log(`recording ${started.sid}: ${started.status}`);

// The caller is about to say a card number: pause, and record nothing until resumed.
// (`started.update()` fails in this SDK, which loses the recording's sid after `create()`.)
const paused = await client.calls(callSid).recordings(started.sid).update({ status: "paused", pauseBehavior: "skip" });
console.log(`recording ${paused.sid}: ${paused.status}`);

// `Twilio.CURRENT` is the active recording, for clients that do not know its sid.
const resumed = await client.calls(callSid).recordings("Twilio.CURRENT").update({ status: "in-progress" });
console.log(`recording ${resumed.sid}: ${resumed.status}`);

const stopped = await client.calls(callSid).recordings(started.sid).update({ status: "stopped" });
console.log(`recording ${stopped.sid}: ${stopped.status}`);
