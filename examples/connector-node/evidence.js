// The evidence chain of a recording: each entry's hash includes the hash of the entry before it.

import { createHash } from "node:crypto";

const sha256 = (text) => createHash("sha256").update(text, "utf8").digest("hex");

/** Return the canonical form of a value: JSON with sorted keys and without spaces. */
export function canonical(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const keys = Object.keys(value).filter((key) => value[key] !== undefined).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

export function newChain(recordingId) {
  return { entries: [], head: sha256(`tapedeck-evidence-1:${recordingId}`) };
}

/** Append an entry, and return the end of the chain. */
export function append(chain, entry) {
  const numbered = { n: chain.entries.length + 1, ...entry };
  chain.entries.push(numbered);
  chain.head = sha256(chain.head + canonical(numbered));
  return endOf(chain);
}

/** Return the end of a chain, as events report it. */
export function endOf({ entries, head }) {
  return { n: entries.length, head };
}
