// What the connector must remember, in one JSON file that is replaced as a whole.

import fs from "node:fs";
import path from "node:path";

const REMEMBER_MS = 30 * 24 * 3_600_000; // endings of recordings are remembered for 30 days

export class State {
  #file;
  seq = null; // number of the last event; null until the first session
  recordings = {};
  outbox = []; // events without a final outcome: {event, tries, since, retryAt}
  dead = []; // events that were given up, for the operator

  constructor(folder) {
    fs.mkdirSync(folder, { recursive: true });
    this.#file = path.join(folder, "state.json");
    if (fs.existsSync(this.#file)) Object.assign(this, JSON.parse(fs.readFileSync(this.#file, "utf8")));
  }

  /** Store the state; after a crash the file has either the old or the new one. */
  save() {
    for (const [id, recording] of Object.entries(this.recordings)) {
      if (recording.phase === "done" && recording.endedAt < Date.now() - REMEMBER_MS) delete this.recordings[id];
    }
    const handle = fs.openSync(`${this.#file}.new`, "w");
    fs.writeFileSync(handle, JSON.stringify(this));
    fs.fsyncSync(handle);
    fs.closeSync(handle);
    fs.renameSync(`${this.#file}.new`, this.#file);
  }
}
