// The events that have no final outcome yet. They are stored before they are sent, and sent until they have one.

import { exitSuperseded, log, waitAfter } from "./tapedeck.js";

const URGENT = new Set(["recording.paused", "recording.stopped", "command.refused"]); // need not wait for their call
const LATER_MS = [200, 500, 1000, 2000, 4000, 8000]; // then every 15 seconds
const BLOCK_MS = 2000; // an event that cannot be applied yet delays others for this time
const GIVE_UP_MS = 30 * 60_000;

export class Outbox {
  #tapedeck;
  #state;
  #sending = new Set(); // entries that are on their way
  #sendAt = 0; // nothing is sent before, because a request has failed
  #failures = 0;
  onSettled = () => {}; // is called with an event and its final outcome
  onResync = () => {}; // is called when Tapedeck wants a new session

  constructor(tapedeck, state) {
    this.#tapedeck = tapedeck;
    this.#state = state;
  }

  /** Store an event, together with everything else that has changed, and send it. */
  report(event) {
    const complete = { at: Date.now(), ...event, id: this.#tapedeck.newId(), seq: ++this.#state.seq };
    this.#state.outbox.push({ event: complete, tries: 0, since: 0, retryAt: 0 });
    this.#state.save();
    setImmediate(() => this.send());
  }

  has(isWanted) {
    return this.#state.outbox.some(({ event }) => isWanted(event));
  }

  counts() {
    const { outbox, dead } = this.#state;
    const waiting = outbox.filter(({ since }) => !since);
    const ages = waiting.map(({ event }) => Date.now() - event.at);
    return {
      waiting: waiting.length,
      oldest_ms: Math.max(0, ...ages),
      parked: outbox.length - waiting.length,
      dead: dead.length,
    };
  }

  /** Send the events that are due in one request; further ones may be sent before it is answered. */
  async send() {
    const due = performance.now() >= this.#sendAt ? this.#dueEvents() : [];
    if (due.length === 0) return;
    for (const entry of due) this.#sending.add(entry);
    try {
      const events = due.map(({ event }) => event);
      const { boot } = this.#tapedeck;
      const answer = await this.#tapedeck.post("events", { protocol: 2, boot, sent_at: Date.now(), events });
      if (answer.superseded) exitSuperseded();
      due.forEach((entry, index) => this.#settle(entry, answer.results[index]));
      this.#state.save();
      this.#failures = 0;
      if (answer.resync) this.onResync();
    } catch (error) {
      log("events:", error.message);
      this.#sendAt = performance.now() + waitAfter(error, this.#failures++);
    } finally {
      for (const entry of due) this.#sending.delete(entry);
    }
    setImmediate(() => this.send());
  }

  /** Return up to 50 events that may be sent now: one of each call, and besides the urgent ones of each recording. */
  #dueEvents() {
    const now = Date.now();
    const isBlocking = (entry) => !entry.since || now < entry.since + BLOCK_MS;
    const busy = new Set([...this.#sending].filter(isBlocking).flatMap(({ event }) => resourcesOf(event)));
    const due = [];
    for (const entry of this.#state.outbox) {
      if (this.#sending.has(entry)) continue;
      const { type, recording } = entry.event;
      const resources = resourcesOf(entry.event);
      const waitsFor = URGENT.has(type) ? resources.filter((name) => name === recording) : resources;
      if (due.length < 50 && now >= entry.retryAt && !waitsFor.some((name) => busy.has(name))) due.push(entry);
      if (isBlocking(entry)) for (const name of resources) busy.add(name);
    }
    return due;
  }

  #settle(entry, { outcome, code, after_ms }) {
    const { event } = entry;
    log("event", event.type, event.id, outcome, code ?? "");
    if (outcome === "later") {
      const now = Date.now();
      entry.since ||= now;
      entry.retryAt = now + Math.max(after_ms ?? 0, LATER_MS[entry.tries++] ?? 15_000);
      if (now < entry.since + GIVE_UP_MS) return;
    }
    this.#state.outbox.splice(this.#state.outbox.indexOf(entry), 1);
    if (outcome === "later" || outcome === "refused") this.#state.dead.push({ event, outcome, code });
    this.onSettled(event, outcome);
  }
}

/** Return the resources whose events keep their order; an event without one, such as `engine.alive`, has its type. */
function resourcesOf(event) {
  const own = event.parent?.id ?? event.conference ?? event.call ?? event.type;
  return event.recording ? [event.recording, own] : [own];
}
