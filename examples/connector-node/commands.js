// What a message of the queue must have to be a command.

const RECORDING = ["parent", "recording", "wanted"];
const CALL = ["call", "wanted"];
const CONFERENCE = ["conference", "wanted"];
const PARTICIPANT = ["conference", "call", "wanted"];

const NEEDED = {
  "recording.start": RECORDING,
  "recording.pause": RECORDING,
  "recording.resume": RECORDING,
  "recording.stop": RECORDING,
  "media.delete": RECORDING,
  "call.place": CALL,
  "call.redirect": CALL,
  "call.hang_up": CALL,
  "call.send_digits": CALL,
  "conference.end": CONFERENCE,
  "conference.announce": CONFERENCE,
  "participant.add": PARTICIPANT,
  "participant.update": PARTICIPANT,
  "participant.announce": PARTICIPANT,
  "participant.remove": PARTICIPANT,
};
const TO_THE_ENGINE = new Set(["engine.resync", "engine.drain"]);

/** Return a command, or null for a message that is no JSON object, is of another protocol, or lacks a field. */
export function readCommand(body) {
  let command;
  try {
    command = JSON.parse(body);
  } catch {
    return null;
  }
  const always = TO_THE_ENGINE.has(command?.type) ? ["id", "type"] : ["id", "type", "account", "version"];
  const needed = [...always, ...(NEEDED[command?.type] ?? [])];
  return command?.protocol === 2 && needed.every((name) => command[name] != null) ? command : null;
}
