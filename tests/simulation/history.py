"""The history of a table, read from its stream, and the callbacks, commands and domain events that it requires.

An oracle: it derives the legal transitions and the required messages from the specification, not with the code under
test.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tapedeck.domain.recording import TRANSITIONS, RecordingStatus

Image = Mapping[str, dict[str, Any]]
Key = tuple[str, str]

ACTIVE: Final = {"in-progress", "paused"}
UNFINISHED: Final = {*ACTIVE, "stopped"}
FINISHED: Final = {"completed", "absent", "deleted"}
ENDED: Final = {"completed", "busy", "failed", "no-answer", "canceled"}
"""Final statuses of calls and conferences."""

EVENTS: Final = {"in-progress": "resumed", "paused": "paused", "stopped": "stopped", "completed": "completed",
                 "absent": "absent"}  # fmt: skip
"""The callback event for each new status of a recording."""

CALL_EVENTS: Final = {"queued": ("initiated", 0), "ringing": ("ringing", 1), "in-progress": ("answered", 2)}
"""The callback event for each new status of a dialed call, and its number."""


class History:
    """Reads stream records in order; `wrong` lists the illegal changes."""

    def __init__(self) -> None:
        self.last: dict[Key, Image] = {}
        self.wrong: list[str] = []
        self.callbacks: defaultdict[str, set[str]] = defaultdict(set)
        """By recording or call: the names of all callbacks that must be delivered."""
        self.requests: set[tuple[str, int]] = set()
        """Resource and version of each change that requires an engine command."""
        self.facts: set[str] = set()
        """Ids of the domain events that must be published."""
        self.work: dict[Key, tuple[str, int]] = {}
        """Entries of the pending-work index: shard, and the time that it sorts by."""
        self.shards: dict[Key, str] = {}
        """Entries of the index of what engines have, by item: the shard."""
        self._active: defaultdict[str, set[str]] = defaultdict(set)
        self._dialed: set[Key] = set()
        """The participants that were dialed into their conference."""
        self._numbers: dict[str, int] = {}
        """By call: the number of its last event."""

    def note(self, before: Image | None, after: Image | None) -> None:
        """Read one record: an item before and after a write."""
        image = after or before or {}
        key = image["PK"]["S"], image["SK"]["S"]
        if after is None:
            self.last.pop(key, None)
            self.work.pop(key, None)
            self.shards.pop(key, None)
            return
        self.last[key] = after
        if key[1].startswith("PART#"):
            is_dialed = "to" in after.get("options", {}).get("M", {})
            (self._dialed.add if is_dialed else self._dialed.discard)(key)
        if "work" in after:
            self.work[key] = after["work"]["S"], int(after["work_at"]["N"])
        else:
            self.work.pop(key, None)
        self._note_live(key, after)
        # Deliveries and list entries have no version.
        if "version" not in after:
            return
        if key[1].startswith("REC#"):
            self._note_recording(key, before, after)
        else:
            self._note_request(key, before, after)
        if key[1] == "CALL":
            self._note_call(key, before, after)
        self._note_version(key, before, after)

    def look(self) -> None:
        """Check after each step that no recording is active under an ended call or conference.

        The call of a dialed participant ends in the same write in which the participant leaves.
        """
        for partition, recordings in self._active.items():
            kind = partition.split("#")[1]
            parent = self.last.get((partition, kind))
            if recordings and parent is not None and parent["status"]["S"] in ENDED:
                self.wrong.append(f"{partition} has ended, and {sorted(recordings)} are active")
        self.wrong += [f"{key} has left, and its call goes on" for key in self._going_on(is_inside=False)]

    def outliving(self) -> list[str]:
        """Ids of the calls that were dialed into a conference and have outlived it."""
        return [key[1].removeprefix("PART#") for key in self._going_on(is_inside=True)]

    def _going_on(self, *, is_inside: bool) -> Iterator[Key]:
        """Yield the dialed participants whose calls go on although they should not.

        Args:
            is_inside: those whose conference has ended with them inside; otherwise those that left after the answer.
        """
        for key in self._dialed:
            partition, call_id = key[0], key[1].removeprefix("PART#")
            account, _, conference = partition.split("#")
            participant, call = self.last[key], self.last[f"{account}#CALL#{call_id}", "CALL"]
            has_left = "left" in participant
            is_over = self.last[partition, "CONF"]["status"]["S"] in ENDED
            should_end = is_over and not has_left if is_inside else participant["status"]["S"] == "complete"
            # A call with new instructions, or in another conference, goes on.
            is_free = "redirect" in call or call["conference"]["S"] != conference
            if should_end and not is_free and call["status"]["S"] not in ENDED:
                yield key

    def recordings(self) -> Iterator[tuple[Key, Image]]:
        """All recordings in their current state."""
        for key, image in self.last.items():
            if key[1].startswith("REC#") and "version" in image:
                yield key, image

    def live(self, sort_key: str) -> list[str]:
        """Ids of the calls (`CALL`) or conferences (`CONF`) that have not ended."""
        return [
            key[0].split("#")[2]
            for key, image in self.last.items()
            if key[1] == sort_key and image["status"]["S"] not in ENDED
        ]

    def _note_live(self, key: Key, after: Image) -> None:
        """Check that the index of what engines have contains exactly what is not final and, of recordings, begun."""
        if "live" in after:
            self.shards[key] = after["live"]["S"]
        else:
            self.shards.pop(key, None)
        if key[1] in {"CALL", "CONF"} or key[1].startswith("REC#"):
            is_recording = key[1].startswith("REC#")
            final = FINISHED if is_recording else ENDED
            name = key[1].removeprefix("REC#") if key[1].startswith("REC#") else key[0].split("#")[2]
            engine = after.get("engine", {"S": "" if is_recording else "-"})["S"]
            expected = f"{engine}#{name[-1]}" if engine and after["status"]["S"] not in final else None
            if self.shards.get(key) != expected:
                self.wrong.append(f"{key} is {after['status']['S']}, in the index `live` as {self.shards.get(key)}")

    def _note_version(self, key: Key, before: Image | None, after: Image) -> None:
        version = _number(after, "version")
        old = _number(before, "version")
        if version < old or _number(after, "confirmed") > version:
            self.wrong.append(f"{key} went from version {old} to {version}, {_number(after, 'confirmed')} confirmed")
        if version > old:
            about = key[1].removeprefix("REC#")
            if about in {"CALL", "CONF"}:
                about = key[0].split("#")[2]
            elif about.startswith("PART#"):
                about = f"{key[0].split('#')[2]}-{about.removeprefix('PART#')}"
            self.facts.add(f"{about}-{version}")

    def _note_request(self, key: Key, before: Image | None, after: Image) -> None:
        version = _number(after, "version")
        # A participant whose call is redirected is removed by the command of the call.
        is_pending = _number(after, "confirmed") < version
        if version > _number(before, "version") and _number(after, "asked") == version and is_pending:
            name = key[1].removeprefix("PART#") if key[1].startswith("PART#") else key[0].split("#")[2]
            self.requests.add((name, version))

    def _note_call(self, key: Key, before: Image | None, after: Image) -> None:
        name, new = key[0].split("#")[2], after["status"]["S"]
        if before is not None and before["status"]["S"] == new:
            return
        event, number = CALL_EVENTS.get(new, ("completed", self._numbers.get(name, 0) + 1))
        self._numbers[name] = number
        if "callback" not in after:
            return
        chosen = [each["S"] for each in after["callback"]["M"]["events"]["L"]]
        if event in (chosen or ["completed"]):
            self.callbacks[name].add(f"{number if chosen else 0:08d}.{event}")

    def _note_recording(self, key: Key, before: Image | None, after: Image) -> None:
        name = key[1].removeprefix("REC#")
        old, new = before["status"]["S"] if before else None, after["status"]["S"]
        was, now = _number(before, "version"), _number(after, "version")
        confirmed, had = _number(after, "confirmed"), _number(before, "confirmed")
        is_move = old is not None and old != new
        if old is not None and is_move and RecordingStatus(new) not in TRANSITIONS[RecordingStatus(old)]:
            self.wrong.append(f"{key} went from {old} to {new}")
        if (old, new) == ("paused", "in-progress") and confirmed == now and _number(before, "own") != was:
            self.wrong.append(f"{key} was resumed by its engine, but paused by a request")
        if (old, new) == ("absent", "completed") and "given_up" not in (before or {}):
            self.wrong.append(f"{key} was completed after the engine reported it as absent")
        # A pause that an engine has confirmed, but then contradicts, is requested again.
        is_paused_again = old == new == "paused" and confirmed == was and now == was + 1
        if now != was + (before is None or is_move or is_paused_again) or confirmed < had:
            self.wrong.append(f"{key} went from {old} {was} ({had}) to {new} {now} ({confirmed})")
        (self._active[key[0]].add if new in ACTIVE else self._active[key[0]].discard)(key[1])
        if now > was and ((confirmed < now and new in UNFINISHED) or new == "deleted"):
            self.requests.add((name, now))
        if "callback" in after:
            words = {each["S"] for each in after["callback"]["M"]["events"]["L"]}
            words |= {"absent"} if "failed" in words else set()
            if after["callback"]["M"]["dialect"]["S"] == "signalwire":
                words &= {"in-progress", "completed", "absent"}
            begun = {"started", "in-progress"} if confirmed > 0 and had == 0 else set()
            self.callbacks[name] |= {f"{1:08d}.{word}" for word in begun & words}
            if is_move and EVENTS.get(new) in words:
                self.callbacks[name].add(f"{now:08d}.{EVENTS[new]}")


def _number(image: Image | None, name: str) -> int:
    return int(image[name]["N"]) if image is not None and name in image else 0
