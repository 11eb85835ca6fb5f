// The scenario of scenario.py, step by step, with a vendor's Node SDK: requests and a trace of the responses.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

// Loads the SDKs of the recipes.
export const sdkRequire = createRequire(new URL("../../examples/node/package.json", import.meta.url));

/**
 * Runs the scenario against each of the `places` in the JSON argument of the program (scenario.Place by name), and
 * prints the traces on one line.
 *
 * An SDK has makeClient(place, account, token), isApiError(error), hasCurrent, and keepsSid (whether the instance
 * that `create` returns can be updated).
 */
export async function main(sdk) {
  const { places } = JSON.parse(process.argv[2]);
  const traces = {};
  for (const [name, place] of Object.entries(places)) traces[name] = await perform(sdk, place);
  console.log(JSON.stringify(traces));
}

async function perform(sdk, place) {
  const client = sdk.makeClient(place, place.account, place.token);
  return {
    account: place.account,
    "other account": place.other_account,
    ...(await recordACall(sdk, place, client)),
    ...(await recordAConference(sdk, place, client)),
    ...(await getErrors(sdk, place, client)),
  };
}

async function recordACall(sdk, place, client) {
  const callSid = await createResource(place, "calls");
  const recordings = (sid) => client.calls(callSid).recordings(sid);
  const create = () => client.calls(callSid).recordings.create();
  const created = await create();
  const current = sdk.hasCurrent ? "Twilio.CURRENT" : created.sid;
  const trace = { "call sid": callSid, created: recording(created) };
  trace["created again"] = recording(await create());
  trace.paused = recording(await recordings(created.sid).update({ status: "paused", pauseBehavior: "skip" }));
  trace["read while paused"] = recording(await recordings(created.sid).fetch());
  trace.resumed = recording(await recordings(current).update({ status: "in-progress" }));
  trace.stopped = recording(await recordings(created.sid).update({ status: "stopped" }));
  trace["read after the stop"] = recording(await recordings(created.sid).fetch());
  const second = await create();
  trace["second start"] = recording(second);
  const own = sdk.keepsSid ? second : recordings(second.sid);
  trace["second stop"] = recording(await own.update({ status: "stopped" }));
  trace.call = call(await client.calls(callSid).fetch());
  return trace;
}

async function recordAConference(sdk, place, client) {
  const conferenceSid = await createResource(place, "conferences");
  const recordingSid = await createResource(place, `conferences/${conferenceSid}/recordings`);
  const context = client.conferences(conferenceSid);
  const current = sdk.hasCurrent ? "Twilio.CURRENT" : recordingSid;
  const trace = { "conference sid": conferenceSid, "conference recording sid": recordingSid };
  const paused = await context.recordings(current).update({ status: "paused", pauseBehavior: "skip" });
  trace["conference recording paused"] = recording(paused);
  const stopped = await context.recordings(recordingSid).update({ status: "stopped" });
  trace["conference recording stopped"] = recording(stopped);
  const lastSid = await createResource(place, `conferences/${conferenceSid}/recordings`);
  trace["last conference recording sid"] = lastSid;
  trace.conference = conference(await context.fetch());
  trace["conference ended"] = conference(await context.update({ status: "completed" }));
  trace["last conference recording"] = recording(await context.recordings(lastSid).fetch());
  return trace;
}

async function getErrors(sdk, place, client) {
  const [callSid, endedSid] = [await createResource(place, "calls"), await createResource(place, "calls")];
  const recordings = (sid) => client.calls(callSid).recordings(sid);
  const stoppedSid = (await client.calls(callSid).recordings.create()).sid;
  await recordings(stoppedSid).update({ status: "stopped" });
  const runningSid = (await client.calls(callSid).recordings.create()).sid;
  await trigger(place, `calls/${endedSid}/hangup`);
  const foreignSid = await createResource(place, "calls", place.other_account);
  const conferenceSid = await createResource(place, "conferences");
  const context = client.conferences(conferenceSid);
  const conferenceRecordingSid = await createResource(place, `conferences/${conferenceSid}/recordings`);
  const intruder = sdk.makeClient(place, place.account, "not-the-token");
  const foreigner = client.api.v2010.accounts(place.other_account);
  const unknownSid = callSid.replace("CA", "RE");
  // The SDKs reject an update without a status; their underlying client sends it and throws the same errors.
  const updateWithoutStatus = (...path) =>
    client.api.v2010.update({
      uri: `/Accounts/${place.account}/${path.join("/")}.json`,
      method: "POST",
      data: {},
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    });
  const requests = {
    "wrong token": () => intruder.calls(callSid).recordings.create(),
    "unknown recording": () => recordings(unknownSid).update({ status: "paused" }),
    "unknown call": () => client.calls(conferenceSid.replace("CF", "CA")).recordings.create(),
    "unknown conference": () => client.conferences(callSid.replace("CA", "CF")).update({ status: "completed" }),
    "another account": () => foreigner.calls(foreignSid).recordings.create(),
    "another account's call": () => client.calls(foreignSid).fetch(),
    "another call's recording": () => client.calls(endedSid).recordings(runningSid).update({ status: "paused" }),
    "invalid status": () => recordings(runningSid).update({ status: "halted" }),
    "missing status": () => updateWithoutStatus("Calls", callSid, "Recordings", runningSid),
    "invalid pause behavior": () => recordings(runningSid).update({ status: "paused", pauseBehavior: "hum" }),
    "invalid status of a conference recording": () =>
      context.recordings(conferenceRecordingSid).update({ status: "halted" }),
    "missing status of a conference recording": () =>
      updateWithoutStatus("Conferences", conferenceSid, "Recordings", conferenceRecordingSid),
    "invalid status of a conference": () => context.update({ status: "halted" }),
    "recording an ended call": () => client.calls(endedSid).recordings.create(),
    "update after the stop": () => recordings(stoppedSid).update({ status: "paused" }),
    "no current recording": () => client.calls(endedSid).recordings("Twilio.CURRENT").update({ status: "paused" }),
  };
  if (!sdk.hasCurrent) {
    requests["current recording"] = () => recordings("Twilio.CURRENT").update({ status: "paused" });
  }
  const trace = {};
  for (const [name, request] of Object.entries(requests)) trace[name] = await errorOf(sdk, name, request);
  // None of the failed requests changed anything.
  trace.untouched = (await recordings(runningSid).fetch()).status;
  return trace;
}

async function errorOf(sdk, name, request) {
  try {
    await request();
  } catch (error) {
    if (!sdk.isApiError(error)) throw error;
    return [error.status, error.code ?? null];
  }
  return assert.fail(`no error: ${name}`);
}

async function trigger(place, path, account = place.account) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ account });
  const answer = await fetch(`${place.control_url}/_standin/${path}`, { method: "POST", headers, body });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

async function createResource(place, path, account = place.account) {
  return (await trigger(place, path, account)).sid[place.vendor];
}

const isDate = (value) => value instanceof Date && !Number.isNaN(value.valueOf());

function recording(it) {
  return {
    account_sid: it.accountSid,
    call_sid: it.callSid,
    conference_sid: it.conferenceSid,
    sid: it.sid,
    status: it.status,
    source: it.source,
    channels: it.channels,
    duration: it.duration,
    price: it.price,
    error_code: it.errorCode,
    uri: it.uri,
    "is dated": [it.dateCreated, it.dateUpdated, it.startTime].every(isDate),
  };
}

function call(it) {
  return {
    account_sid: it.accountSid,
    sid: it.sid,
    status: it.status,
    to: it.to,
    direction: it.direction,
    uri: it.uri,
    "is dated": isDate(it.startTime) && !isDate(it.endTime),
  };
}

function conference(it) {
  return {
    account_sid: it.accountSid,
    sid: it.sid,
    status: it.status,
    // Fields that only one vendor has.
    reason_conference_ended: it.reasonConferenceEnded ?? null,
    call_sid_ending_conference: it.callSidEndingConference ?? null,
    uri: it.uri,
    "is dated": [it.dateCreated, it.dateUpdated].every(isDate),
  };
}
