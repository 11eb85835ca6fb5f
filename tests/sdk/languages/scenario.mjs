// The scenario of scenario.py, line by line, with Twilio's SDK for Node.

import { createRequire } from "node:module";

// Loads the SDK of the recipe.
const twilio = createRequire(new URL("../../../examples/node/package.json", import.meta.url))("twilio");

const [url, account, token, application] = ["URL", "ACCOUNT", "TOKEN", "APPLICATION"].map(
  (name) => process.env[`TAPEDECK_${name}`],
);
const current = "Twilio.CURRENT";
const [agentNumber, callerNumber] = ["+12025550123", "+12025550199"];

function makeClient(...credentials) {
  const client = twilio(...credentials);
  client.api.baseUrl = url;
  return client;
}

async function control(path, fields = {}) {
  const body = JSON.stringify({ account, ...fields });
  return (await fetch(`${url}/_standin/${path}`, { method: "POST", body })).json();
}

async function advance(seconds) {
  await control("clock", { advance: seconds });
  await control("wait-until-idle");
}

const say = (name, ...values) => console.log(`${name}:`, ...values);

async function fail(name, request) {
  try {
    await request();
  } catch (error) {
    if (!(error instanceof twilio.RestException)) throw error;
    return say(name, error.status, error.code);
  }
  return say(name, "no error");
}

const sids = (resources) => resources.map((it) => it.sid).join(" ");
const callSids = (participants) => participants.map((it) => it.callSid).join(" ");

async function record(client, callSid) {
  const recordings = client.calls(callSid).recordings;
  const first = await recordings.create({
    recordingChannels: "dual",
    recordingStatusCallback: `${application}/recording`,
    recordingStatusCallbackEvent: ["in-progress", "completed"],
  });
  say("created", first.sid, first.status, first.channels, first.source);
  const paused = await recordings(current).update({ status: "paused", pauseBehavior: "skip" });
  say("paused", paused.sid, paused.status);
  const resumed = await recordings(current).update({ status: "in-progress" });
  say("resumed", resumed.sid, resumed.status);
  await advance(59);
  const stopped = await recordings(current).update({ status: "stopped" });
  say("stopped", stopped.sid, stopped.status);
  await fail("no current recording", () => recordings(current).update({ status: "paused" }));
  await fail("deleted before it is finished", () => recordings(first.sid).remove());
  await advance(1);
  const finished = await recordings(first.sid).fetch();
  say("finished", finished.sid, finished.status, finished.duration);

  // A callback URL that cannot be used is no error.
  const second = await recordings.create({ recordingStatusCallback: "/recording" });
  say("created", second.sid, second.status, second.channels, second.source);
  await advance(59);
  await recordings(second.sid).update({ status: "stopped" });
  await advance(1);
  const third = await recordings.create();
  await advance(59);
  await recordings(third.sid).update({ status: "stopped" });
  await advance(1);
}

async function readLists(client, callSid) {
  const recordings = client.calls(callSid).recordings;
  say("pages of 2", sids(await recordings.list({ pageSize: 2 })));
  say("limit 5000", sids(await client.recordings.list({ limit: 5000 })));
  say("limit 2", sids(await client.recordings.list({ limit: 2 })));

  const moment = (await recordings.list({ limit: 2 }))[1].dateCreated;
  say("second recording", moment.toISOString().replace(".000", ""));
  say("at that time", sids(await client.recordings.list({ dateCreated: moment })));
  // A date has no time zone of its own; the process has one.
  for (const [zone, name] of [["UTC", "UTC"], ["+05:30", "Asia/Kolkata"], ["America/New_York", "America/New_York"]]) {
    process.env.TZ = name;
    const [year, month, day] = [moment.getFullYear(), moment.getMonth(), moment.getDate()];
    const time = new Date(year, month, day, moment.getHours(), moment.getMinutes());
    say(`${zone} from then on`, sids(await client.recordings.list({ dateCreatedAfter: time })));
    say(`${zone} until then`, sids(await client.recordings.list({ dateCreatedBefore: time })));
  }
  process.env.TZ = "Asia/Kolkata";
  say("calls until then", (await client.calls.list({ startTimeBefore: moment })).length);
  say("calls from then on", (await client.calls.list({ startTimeAfter: moment })).length);
  const nextDay = new Date(moment.valueOf() + 24 * 60 * 60 * 1000);
  say("on that day", sids(await recordings.list({ dateCreated: moment })));
  say("after that day", sids(await recordings.list({ dateCreatedAfter: nextDay })));
}

async function deleteOldest(client, callSid) {
  const recordings = client.calls(callSid).recordings;
  const first = (await recordings.list()).at(-1).sid;
  say("deleted", await recordings(first).remove());
  say("recordings left", sids(await recordings.list()));
  await fail("deleted again", () => client.recordings(first).remove());
  await fail("fetched after its deletion", () => recordings(first).fetch());
}

async function confer(client) {
  const dialed = { from: callerNumber, to: agentNumber };
  const agent = await client.conferences("support").participants.create({
    ...dialed,
    label: "agent",
    record: true,
    recordingStatusCallback: `${application}/recording`,
    statusCallback: `${application}/call`,
    statusCallbackEvent: ["initiated", "ringing", "answered", "completed"],
    conferenceStatusCallback: `${application}/conference`,
    conferenceStatusCallbackEvent: ["start", "end", "join", "leave"],
  });
  say("dialed", agent.callSid, agent.label, agent.conferenceSid);
  await control("wait-until-idle");
  const conference = client.conferences(agent.conferenceSid);
  const { participants } = conference;
  const guest = await participants.create({ ...dialed, beep: "false", endConferenceOnExit: false });
  const monitor = await participants.create({ ...dialed, label: "monitor", muted: true });
  await control("wait-until-idle");
  const it = await conference.fetch();
  say("conference", it.sid, it.status, it.friendlyName);
  say("participants", callSids(await participants.list({ pageSize: 1 })));
  say("muted", callSids(await participants.list({ muted: true })));
  const held = await participants(guest.callSid).update({ hold: true, muted: true });
  say("updated", held.callSid, held.hold, held.muted);
  const fetched = await participants("agent").fetch();
  say("by label", fetched.callSid, fetched.status, fetched.hold, fetched.muted);
  await advance(9);
  say("removed", await participants(monitor.callSid).remove());
  await fail("fetched after the removal", () => participants(monitor.callSid).fetch());
  say("participants left", callSids(await participants.list()));
  await control("wait-until-idle");
  say("call of the removed participant", (await client.calls(monitor.callSid).fetch()).status);
  await fail("fetched by its name", () => client.conferences("support").fetch());
  const today = { status: "in-progress", dateCreated: it.dateCreated };
  say("in progress today", sids(await client.conferences.list(today)));

  const ended = await conference.update({ status: "completed" });
  say("ended", ended.sid, ended.status, ended.reasonConferenceEnded);
  await advance(1);
  say("participants after the end", (await participants.list()).length);
  say("call of the agent", (await client.calls(agent.callSid).fetch()).status);
  const [recording] = await client.calls(agent.callSid).recordings.list();
  say("recording of the agent", recording.sid, recording.status, recording.duration);
  return agent.callSid;
}

async function getErrors(client, callSid, endedSid) {
  const intruder = makeClient(account, "0123456789abcdef0123456789abcdef");
  const recordings = client.calls(callSid).recordings;
  await fail("wrong token", () => intruder.calls(callSid).fetch());
  await fail("unknown recording", () => recordings(callSid.replace("CA", "RE")).update({ status: "paused" }));
  const [last] = await recordings.list({ limit: 1 });
  await fail("invalid status", () => recordings(last.sid).update({ status: "processing" }));
  await fail("recording an ended call", () => client.calls(endedSid).recordings.create());
  await fail("hanging up again", () => client.calls(endedSid).update({ status: "completed" }));
  await fail("redirecting an ended call", () => client.calls(endedSid).update({ url: `${application}/voice` }));
}

async function useKey(client, callSid) {
  const key = await client.newKeys.create({ friendlyName: "scenario" });
  say("key", key.friendlyName, key.secret.length);
  const user = makeClient(key.sid, key.secret, { accountSid: account });
  say("call by key", (await user.calls(callSid).fetch()).sid);
  say("key deleted", await client.keys(key.sid).remove());
  await fail("after its deletion", () => user.calls(callSid).fetch());
}

const client = makeClient(account, token);
const own = await client.api.accounts(account).fetch();
say("account", own.sid, own.status, (await client.api.accounts.list()).length);
const callSid = (await control("calls")).sid.twilio;
const call = await client.calls(callSid).fetch();
say("call", call.sid, call.status, call.direction);
await record(client, callSid);
await readLists(client, callSid);
await deleteOldest(client, callSid);
await getErrors(client, callSid, await confer(client));
await useKey(client, callSid);
