// Record a call with SignalWire's SDK, and pause while the caller says a card number.
//
// Start Tapedeck (`make serve`), then run `npm ci && node signalwire.mjs` in this folder.
// For HTTPS, set TAPEDECK_URL=https://localhost:3443 and NODE_EXTRA_CA_CERTS to the CA file that `make serve` prints.

import { RestClient } from "@signalwire/compatibility-api";

const url = process.env.TAPEDECK_URL ?? "http://localhost:3000";
const projectId = process.env.TAPEDECK_ACCOUNT ?? "720796a0-8ee9-4350-83bd-2d07a3121f1e";
const apiToken = process.env.TAPEDECK_TOKEN ?? "00112233445566778899aabbccddeeff";

// --8<-- [start:pointer]
const client = RestClient(projectId, apiToken, { signalwireSpaceUrl: "localhost" });
client.api.baseUrl = url;
// --8<-- [end:pointer]

// The stand-in simulates telephony. Create an incoming call.
const body = JSON.stringify({ account: projectId });
const headers = { "Content-Type": "application/json" };
const answer = await fetch(`${url}/_standin/calls`, { method: "POST", headers, body });
if (!answer.ok) throw new Error(await answer.text());
const callSid = (await answer.json()).sid.signalwire;
console.log(`call ${callSid} is in progress`);

const started = await client.calls(callSid).recordings.create();
console.log(`recording ${started.sid}: ${started.status}`);

// The caller is about to say a card number: pause, and record nothing until resumed.
const paused = await client.calls(callSid).recordings(started.sid).update({ status: "paused", pauseBehavior: "skip" });
console.log(`recording ${paused.sid}: ${paused.status}`);

const resumed = await client.calls(callSid).recordings(started.sid).update({ status: "in-progress" });
console.log(`recording ${resumed.sid}: ${resumed.status}`);

const stopped = await client.calls(callSid).recordings(started.sid).update({ status: "stopped" });
console.log(`recording ${stopped.sid}: ${stopped.status}`);
