// The requests of a connector to Tapedeck, its clock, and ids.

import { randomBytes } from "node:crypto";

export const log = (...words) => console.log(new Date().toISOString(), ...words);

/** Return how many milliseconds to wait after a request that failed, with jitter. */
export function waitAfter(error, failures) {
  if (error.status === 401) return 30_000; // the token was revoked; an operator must act
  return 200 + Math.random() * Math.min(29_800, 200 * 2 ** failures);
}

/** An answer with a status of 400 or more; `code` says why. */
export class RefusedRequest extends Error {
  constructor(status, { refused = "", field = "" }) {
    super(`${status} ${refused} ${field}`.trim());
    this.status = status;
    this.code = refused;
  }
}

export class Tapedeck {
  #url;
  #token;
  #difference = 0; // Tapedeck's clock minus ours, in ms
  boot = this.newId();

  constructor(url, token) {
    this.#url = url;
    this.#token = token;
  }

  /** Send a request, and return the answer; no answer within ten seconds is a failure. */
  async post(route, body) {
    const answer = await fetch(`${this.#url}/engine/v2/${route}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    if (answer.ok) return answer.json();
    const refusal = new RefusedRequest(answer.status, await answer.json().catch(() => ({})));
    if (refusal.code === "superseded") exitSuperseded();
    throw refusal;
  }

  setClock(now) {
    this.#difference = now - Date.now();
  }

  /** Return the time by Tapedeck's clock. */
  now() {
    return Date.now() + this.#difference;
  }

  /** Return a new UUID of version 7. */
  newId() {
    const random = randomBytes(10).toString("hex");
    return `${this.now().toString(16).padStart(12, "0")}7${random.slice(0, 3)}8${random.slice(3, 18)}`;
  }
}

export function exitSuperseded() {
  log("another connector has opened a session for this engine");
  process.exit(3);
}
