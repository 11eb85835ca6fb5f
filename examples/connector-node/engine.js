// A toy media engine: it captures a tone into WAV files of 16 bits, mono, with 8,000 samples per second.

import fs from "node:fs";
import path from "node:path";

export const RATE = 8000;
const HEADER = 44;
const TONE = Buffer.alloc(2 * RATE); // one second of 440 Hz
for (let n = 0; n < RATE; n++) TONE.writeInt16LE(Math.round(8000 * Math.sin((2 * Math.PI * 440 * n) / RATE)), 2 * n);

export class ToneEngine {
  #folder;
  #captures = new Map(); // id of the recording -> {status, behavior, until}; `until`: captured up to this time, in ms

  constructor(folder) {
    this.#folder = folder;
    fs.mkdirSync(folder, { recursive: true });
  }

  file(id) {
    return path.join(this.#folder, `${id}.wav`);
  }

  samples(id) {
    return (fs.statSync(this.file(id)).size - HEADER) / 2;
  }

  /** Bring a capture to the wanted state; begin it if it has not begun. */
  apply(id, wanted) {
    let capture = this.#captures.get(id);
    if (!capture) {
      fs.writeFileSync(this.file(id), Buffer.alloc(HEADER));
      capture = { until: Date.now() };
      this.#captures.set(id, capture);
    }
    this.#advance(id, capture);
    capture.status = wanted.status;
    capture.behavior = wanted.pause_behavior ?? "silence";
  }

  /** Capture what has passed since the last call. */
  advance() {
    for (const [id, capture] of this.#captures) this.#advance(id, capture);
  }

  #advance(id, capture) {
    const from = this.samples(id);
    const count = Math.max(0, Math.floor(((Date.now() - capture.until) * RATE) / 1000));
    capture.until += (count * 1000) / RATE;
    if (capture.status === "paused" && capture.behavior === "silence") {
      fs.appendFileSync(this.file(id), Buffer.alloc(2 * count));
    } else if (capture.status === "in-progress") {
      const audio = Buffer.alloc(2 * count);
      for (let done = 0; done < count; ) {
        const start = (from + done) % RATE;
        done += TONE.copy(audio, 2 * done, 2 * start) / 2;
      }
      fs.appendFileSync(this.file(id), audio);
    }
  }

  /** Go on with a capture after a crash; return how many milliseconds of it are lost. */
  recover(id, wanted) {
    const now = Date.now();
    const file = this.file(id);
    if (!fs.existsSync(file)) fs.writeFileSync(file, Buffer.alloc(HEADER));
    const { size, mtimeMs } = fs.statSync(file);
    fs.truncateSync(file, Math.max(HEADER, size - (size % 2))); // the last sample may be incomplete
    const isSilent = wanted.status === "paused";
    const until = isSilent && wanted.pause_behavior !== "skip" ? mtimeMs : now;
    this.#captures.set(id, { status: wanted.status, behavior: wanted.pause_behavior ?? "silence", until });
    return isSilent ? 0 : Math.max(0, Math.round(now - mtimeMs));
  }

  /** End a capture, and return its complete WAV file. */
  finish(id) {
    this.#captures.delete(id);
    const file = fs.readFileSync(this.file(id));
    const size = file.length - HEADER;
    file.write("RIFF", 0);
    file.writeUInt32LE(size + HEADER - 8, 4);
    file.write("WAVEfmt ", 8);
    file.writeUInt32LE(16, 16); // size of the format
    file.writeUInt16LE(1, 20); // PCM
    file.writeUInt16LE(1, 22); // channels
    file.writeUInt32LE(RATE, 24);
    file.writeUInt32LE(2 * RATE, 28);
    file.writeUInt16LE(2, 32); // bytes in a frame
    file.writeUInt16LE(16, 34); // bits in a sample
    file.write("data", 36);
    file.writeUInt32LE(size, 40);
    return file;
  }

  delete(id) {
    this.#captures.delete(id);
    fs.rmSync(this.file(id), { force: true });
  }
}
