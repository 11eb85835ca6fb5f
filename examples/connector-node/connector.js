// A connector of a toy media engine. Run it with TAPEDECK_URL and TAPEDECK_ENGINE_TOKEN in the environment:
//
//     node connector.js [FOLDER]
//
// FOLDER, by default `toy-engine`, keeps the state and the captures, so that the connector goes on after a crash.

import { createHash } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { readCommand } from "./commands.js";
import { RATE, ToneEngine } from "./engine.js";
import { append, endOf, newChain } from "./evidence.js";
import { Outbox } from "./outbox.js";
import { Queue } from "./queue.js";
import { State } from "./state.js";
import { log, Tapedeck, waitAfter } from "./tapedeck.js";

const CAPABILITIES = {
  pause: true,
  pause_native_skip: true,
  tracks: false,
  dual: false,
  conference: false,
  conference_recording: false,
  rates: [RATE],
};
const REPORTS = { "in-progress": "recording.resumed", paused: "recording.paused" };
const SUBJECT = ["account", "version", "parent", "recording", "call", "conference"];
const UNKNOWN_MS = 5 * 60_000; // for this time an upload of a recording that Tapedeck does not know is tried again
const RENEW_BEFORE_MS = 15 * 60_000;

class Connector {
  #tapedeck;
  #state;
  #outbox;
  #engine;
  #queue;
  #opening = null; // the request for a session that is on its way
  #renewAt;
  #aliveEvery;
  #aliveAt = 0;
  #uploading = new Set();
  #unreadable = 0;
  #isDraining = false;

  constructor(url, token, folder) {
    this.#tapedeck = new Tapedeck(url, token);
    this.#state = new State(folder);
    this.#engine = new ToneEngine(path.join(folder, "captures"));
    this.#outbox = new Outbox(this.#tapedeck, this.#state);
    this.#outbox.onResync = () => this.#openSession();
    this.#outbox.onSettled = ({ type, recording }, outcome) => {
      if (type === "recording.completed" && outcome !== "refused") this.#engine.delete(recording); // Tapedeck has it
      if (type === "recording.started" && outcome === "refused") this.#discard(recording);
    };
    for (const [id, recording] of this.#recordings("live")) {
      const lost = this.#engine.recover(id, recording.wanted);
      recording.lostMs += lost;
      recording.isRecovered = true;
      append(recording.chain, { type: "recovered", done_at: Date.now(), lost_ms: lost });
    }
  }

  async run() {
    await this.#openSession();
    setInterval(() => this.#tick(), 100);
    for (let failures = 0; ; ) {
      try {
        await this.#takeCommands();
        failures = 0;
      } catch (error) {
        log("commands:", error.message);
        if (failures > 0 || error.status !== 403) await sleep(waitAfter(error, failures));
        if (error.status === 403) await this.#openSession(); // the credentials have ended
        failures++;
      }
    }
  }

  #tick() {
    this.#engine.advance();
    const now = performance.now();
    if (now > this.#renewAt) this.#openSession();
    if (now > this.#aliveAt && !this.#outbox.has(({ type }) => type === "engine.alive")) {
      this.#aliveAt = now + this.#aliveEvery;
      this.#outbox.report(this.#alive());
    }
    for (const [id, recording] of this.#recordings("live")) {
      const limit = recording.wanted.max_seconds;
      if (limit && this.#engine.samples(id) >= limit * RATE) this.#stop(id, recording, { reason: "max_length" });
    }
    for (const [id, recording] of this.#recordings("stopped")) {
      if (!this.#uploading.has(id) && !this.#isUnreported(id)) this.#upload(id, recording);
    }
    this.#outbox.send();
  }

  #alive() {
    const uploads = this.#recordings("stopped").map(([, { endedAt }]) => Date.now() - endedAt);
    return {
      type: "engine.alive",
      live: { recordings: this.#recordings("live").length },
      draining: this.#isDraining,
      outbox: this.#outbox.counts(),
      uploads: { waiting: uploads.length, oldest_ms: Math.max(0, ...uploads) },
      commands_unreadable: this.#unreadable,
    };
  }

  // Sessions

  /** Open a session, however often it takes. */
  #openSession() {
    this.#opening ??= (async () => {
      for (let failures = 0; ; failures++) {
        try {
          return await this.#requestSession();
        } catch (error) {
          log("session:", error.message);
          await sleep(waitAfter(error, failures));
        }
      }
    })().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #requestSession() {
    const { boot } = this.#tapedeck;
    const live = this.#listLive();
    const ended = [];
    const unknown = [];
    let answer;
    do {
      const listed = live.splice(0, 500);
      answer = await this.#tapedeck.post("sessions", {
        protocol: 2, boot, software: "toy-connector 1.0", capabilities: CAPABILITIES, sent_at: Date.now(),
        live: listed, more: live.length > 0,
      });
      ended.push(...(answer.ended ?? []));
      unknown.push(...(answer.unknown ?? []));
    } while (live.length > 0);
    this.#tapedeck.setClock(answer.now);
    this.#queue = new Queue(answer.commands, () => this.#tapedeck.now());
    this.#renewAt = performance.now() + Math.max(answer.commands.expires_at - answer.now - RENEW_BEFORE_MS, 1000);
    this.#aliveEvery = answer.alive_every * 1000;
    this.#aliveAt = 0;
    this.#state.seq ??= answer.seq_seen;
    log("session", boot, "is open");
    for (const id of ended) {
      for (const [name, recording] of this.#recordings("live")) {
        if (name === id) this.#stop(name, recording, { reason: "requested" });
        else if (recording.parent.id === id) this.#stop(name, recording, { reason: "hangup" });
      }
    }
    for (const id of unknown) {
      const recording = this.#state.recordings[id];
      if (recording && !this.#isUnreported(id)) this.#forget(id, recording);
    }
  }

  /** List what runs. The engine has no calls of its own, but Tapedeck ends the calls that are not in the list. */
  #listLive() {
    const live = this.#recordings("live");
    const calls = new Map(live.map(([, { parent, account }]) => [parent.id, { kind: "call", id: parent.id, account }]));
    const captures = [...live, ...this.#recordings("stopped")].map(([id, recording]) => ({
      kind: "recording",
      id,
      account: recording.account,
      parent: recording.parent,
      version: recording.version,
      status: recording.phase === "stopped" ? "stopped" : recording.wanted.status,
      since: recording.since,
      evidence: endOf(recording.chain),
    }));
    return [...calls.values(), ...captures];
  }

  // Commands

  async #takeCommands() {
    const queue = this.#queue;
    for (const message of await queue.receive(20)) {
      this.#take(message);
      await queue.delete(message);
    }
  }

  /** Carry out a command, and store what it changed. */
  #take(message) {
    const command = readCommand(message.Body);
    if (command === null) {
      this.#unreadable++;
      log("message", message.MessageId, "is no command");
      return;
    }
    log("command", command.type, command.id);
    const isForRecording = command.type.startsWith("recording.");
    if (command.type === "engine.resync") this.#openSession();
    else if (command.type === "engine.drain") {
      this.#isDraining = true;
      this.#aliveAt = 0;
    } else if (command.type === "media.delete") this.#deleteMedia(command);
    else if (isForRecording && command.wanted?.status === "stopped") this.#stopByCommand(command);
    else if (isForRecording && command.wanted?.status in REPORTS) this.#change(command);
    else this.#refuse(command, "unsupported", true);
  }

  /** Begin, pause or resume a recording, unless a newer version was carried out. */
  #change(command) {
    const { recording: id, wanted, version, parent } = command;
    const known = this.#state.recordings[id];
    if (!known) {
      const canDo = parent.type === "call" && wanted.channels === 1 && wanted.track === "both";
      if (!canDo) return this.#refuse(command, "unsupported", true);
      const isLate = command.not_after != null && this.#tapedeck.now() > command.not_after;
      if (isLate) return this.#refuse(command, "expired", false);
      this.#begin(command);
    } else if (known.phase === "live" && version > known.version) {
      this.#engine.apply(id, wanted);
      const now = Date.now();
      const offset = { samples: this.#engine.samples(id), rate: RATE };
      Object.assign(known, { version, wanted });
      known.event = {
        type: REPORTS[wanted.status], at: now, done_at: now, legs: 1, offset,
        pause_behavior: wanted.pause_behavior ?? "silence", evidence: this.#noteChange(known, command, now),
      };
    }
    this.#answer(id, this.#state.recordings[id]);
  }

  #begin(command) {
    const { recording: id, wanted, version, issued_at } = command;
    const recording = this.#newRecording(command, "live");
    this.#engine.apply(id, wanted);
    const now = recording.since;
    const paused = wanted.status === "paused";
    append(recording.chain, { type: "started", version, asked_at: issued_at, done_at: now });
    if (paused) this.#noteChange(recording, command, now);
    const capture = { channels: 1, track: "both", rate: RATE, legs: 1, paused };
    recording.event = { type: "recording.started", at: now, ...capture, evidence: endOf(recording.chain) };
  }

  /** Append a pause or a resume to the evidence. */
  #noteChange(recording, { recording: id, wanted, version, issued_at }, now) {
    return append(recording.chain, {
      type: wanted.status === "paused" ? "paused" : "resumed", version, asked_at: issued_at, done_at: now,
      behavior: wanted.pause_behavior ?? "silence", legs: 1, offset: this.#engine.samples(id), rate: RATE,
    });
  }

  #stopByCommand(command) {
    const { recording: id, version } = command;
    const known = this.#state.recordings[id];
    if (!known) {
      const recording = this.#newRecording(command, "done"); // it has never begun, and now it never will
      this.#answer(id, recording);
      this.#outbox.report({ ...subject(id, recording), type: "recording.absent", reason: "too_short" });
      return;
    }
    const isNewer = version > known.version;
    known.version = Math.max(version, known.version);
    if (isNewer && known.phase === "live") this.#stop(id, known, { reason: "requested", ...command });
    else this.#answer(id, known);
  }

  #deleteMedia(command) {
    const id = command.recording;
    this.#state.recordings[id] ??= this.#newRecording(command, "done");
    this.#discard(id);
  }

  /** Delete a capture, also one that runs; nothing more is reported of it but answers to commands. */
  #discard(id) {
    this.#forget(id, this.#state.recordings[id]);
    this.#engine.delete(id);
  }

  /** Remember a recording; its phase is `live`, then `stopped`, and `done` when nothing is left to do. */
  #newRecording({ recording: id, account, parent, version, wanted }, phase) {
    const now = Date.now();
    const event = { type: "recording.stopped", at: now, reason: "requested" }; // of one that never begins
    const recording = { account, parent, version, wanted, phase, event, since: now, endedAt: now, lostMs: 0 };
    recording.chain = newChain(id);
    this.#state.recordings[id] = recording;
    return recording;
  }

  /** Stop a capture, and report it; it is uploaded when the report has an outcome. */
  #stop(id, recording, { reason, version, issued_at = null }) {
    this.#engine.apply(id, { status: "stopped" });
    const now = Date.now();
    const evidence = append(recording.chain, { type: "stopped", version, asked_at: issued_at, done_at: now, reason });
    const event = { type: "recording.stopped", at: now, evidence, reason, lost_ms: recording.lostMs };
    Object.assign(recording, { phase: "stopped", endedAt: now, event });
    this.#outbox.report({ ...subject(id, recording), ...event, version });
  }

  /** Do nothing more for a recording but remember that it has ended. */
  #forget(id, recording) {
    if (recording.phase === "live") this.#engine.apply(id, { status: "stopped" });
    const event = { type: "recording.stopped", at: Date.now(), reason: "requested" };
    Object.assign(recording, { phase: "done", endedAt: Date.now(), event });
    delete recording.chain;
    this.#state.save();
  }

  /** Answer a command with the present state of its recording, and with the version that was carried out last. */
  #answer(id, recording) {
    this.#outbox.report({ ...subject(id, recording), ...recording.event, version: recording.version });
  }

  #refuse(command, code, final) {
    const names = SUBJECT.filter((name) => command[name] != null);
    const fields = Object.fromEntries(names.map((name) => [name, command[name]]));
    this.#outbox.report({ ...fields, type: "command.refused", command: command.id, code, final });
  }

  // Uploads

  async #upload(id, recording) {
    this.#uploading.add(id);
    const about = subject(id, recording);
    try {
      const audio = this.#engine.finish(id);
      const samples = this.#engine.samples(id);
      const file = { bytes: audio.length, sha256: createHash("sha256").update(audio).digest("hex") };
      const ticket = samples > 0 ? await this.#deliver(recording, { ...about, ...file }, audio) : null;
      if (recording.phase !== "stopped") return; // it was deleted meanwhile
      recording.phase = "done";
      if (ticket === null) {
        this.#outbox.report({ ...about, type: "recording.absent", reason: "too_short" });
        return;
      }
      const facts = { ...file, samples, channels: 1, rate: RATE };
      const evidence = append(recording.chain, { type: "sealed", done_at: Date.now(), ...facts });
      const evidence_entries = recording.chain.entries.slice(0, 1000);
      delete recording.chain; // the event has it
      this.#outbox.report({
        ...about, type: "recording.completed", ticket, ...facts, evidence, evidence_entries,
        recovered: recording.isRecovered ?? false, lost_ms: recording.lostMs,
      });
    } catch (error) {
      log("upload of", id, "is given up:", error.message);
      this.#forget(id, recording);
      if (error.code === "deleted") this.#engine.delete(id);
    } finally {
      this.#uploading.delete(id);
    }
  }

  /** Upload a file, however often it takes, and return the ticket; throw a refusal that is final. */
  async #deliver(recording, request, audio) {
    let place = null;
    let unknownSince = null;
    for (let failures = 0; recording.phase === "stopped"; failures++) {
      let problem;
      try {
        place ??= await this.#tapedeck.post("uploads", request);
        const { url, headers, ticket } = place;
        const answer = await fetch(url, { method: "PUT", headers, body: audio, signal: AbortSignal.timeout(600_000) });
        if (answer.ok || answer.status === 412) return ticket; // 412: an earlier try has arrived
        problem = new Error(`the PUT was answered with ${answer.status}`);
        if (answer.status < 500 && answer.status !== 409 && answer.status !== 429) place = null; // request a new URL
      } catch (error) {
        if (error.status === 404) unknownSince ??= performance.now();
        const isUnknown = error.status === 404 && performance.now() > unknownSince + UNKNOWN_MS;
        if (error.status === 403 || error.status === 409 || isUnknown) throw error;
        problem = error;
      }
      log("upload of", request.recording, "is tried again:", problem.message);
      await sleep(waitAfter(problem, failures));
    }
    return null;
  }

  // Helpers

  #recordings(phase) {
    return Object.entries(this.#state.recordings).filter(([, recording]) => recording.phase === phase);
  }

  #isUnreported(id) {
    return this.#outbox.has(({ recording }) => recording === id);
  }
}

/** Return the fields of an event or a request that name a recording. */
function subject(id, { account, parent }) {
  return { account, parent, recording: id };
}

const { TAPEDECK_URL: url, TAPEDECK_ENGINE_TOKEN: token } = process.env;
if (!url || !token) {
  console.error("set TAPEDECK_URL and TAPEDECK_ENGINE_TOKEN");
  process.exit(2);
}
await new Connector(url, token, process.argv[2] ?? "toy-engine").run();
