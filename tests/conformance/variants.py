"""The example connector with one fault each, as a program: `python variants.py NAME`.

Each variant replaces a part of `examples/connector/connector.py`; `VARIANTS` lists the checks that must fail.
"""

import importlib.util
import itertools
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final
from urllib.error import HTTPError

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "examples" / "connector" / "connector.py"


def load_example() -> ModuleType:
    """Return the example as a module of its own."""
    spec = importlib.util.spec_from_file_location("connector", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["connector"] = module
    spec.loader.exec_module(module)
    return module


def _replace(example: ModuleType, old: str, new: str) -> None:
    """Replace a part of the example's text, which must be there once, and execute it again."""
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text.count(old) == 1, (text.count(old), old)
    exec(compile(text.replace(old, new).replace('if __name__ == "__main__"', "if False"), str(EXAMPLE), "exec"),  # noqa: S102
         example.__dict__)  # fmt: skip


def _numbers_fall(example: ModuleType) -> None:
    """The numbers of each further recording are lower than those of the one before."""
    bases: dict[str, Any] = {}

    def report(self: Any, event: dict[str, Any]) -> None:
        counter = bases.setdefault(
            event.get("recording", ""), itertools.count(self._seq + 500_000 - 1_000 * len(bases))
        )
        self._outbox.append(example.Pending({"at": self.now_ms(), **event, "id": self.new_id(), "seq": next(counter)}))

    example.Connector._report = report


def _old_id_again(example: ModuleType) -> None:
    """A repetition is answered by the old event."""
    first: dict[tuple[Any, ...], dict[str, Any]] = {}
    original = example.Connector._report

    def report(self: Any, event: dict[str, Any]) -> None:
        key = (event.get("recording"), event.get("type"), event.get("version"))
        if event.get("recording") and key in first:
            self._outbox.append(example.Pending(first[key]))
            return
        original(self, event)
        first[key] = self._outbox[-1].subject

    example.Connector._report = report


def _overtaken_pause_is_confirmed(example: ModuleType) -> None:
    """An overtaken pause is answered with its own version."""
    original = example.Connector._change

    def change(self: Any, command: dict[str, Any]) -> None:
        state = self._recordings.get(command["recording"])
        if state is not None and command["type"] == "recording.pause" and command["version"] < state["version"]:
            self._report({**state, "type": "recording.paused", "version": command["version"]})
        else:
            original(self, command)

    example.Connector._change = change


def _events_are_dropped_after_503(example: ModuleType) -> None:
    """What was answered with 503 is not reported again."""
    original = example.Connector._post

    def post(self: Any, route: str, body: dict[str, Any]) -> Any:
        try:
            return original(self, route, body)
        except HTTPError as error:
            if route == "events" and error.code == 503:
                self._outbox.clear()
            raise

    example.Connector._post = post


def _events_are_dropped_without_an_answer(example: ModuleType) -> None:
    """What got no answer is not reported again."""
    original = example.Connector._post

    def post(self: Any, route: str, body: dict[str, Any]) -> Any:
        try:
            return original(self, route, body)
        except HTTPError:
            raise
        except OSError:
            if route == "events":
                self._outbox.clear()
            raise

    example.Connector._post = post


def _start_without_a_version(example: ModuleType) -> None:
    """The first report of a start has no version."""
    original = example.Connector._change

    def change(self: Any, command: dict[str, Any]) -> None:
        is_first = command["recording"] not in self._recordings
        original(self, command)
        event = self._outbox[-1].subject
        if is_first and command["type"] == "recording.start" and event["type"] == "recording.started":
            del event["version"]

    example.Connector._change = change


def _text(old: str, new: str) -> Callable[[ModuleType], None]:
    def change(example: ModuleType) -> None:
        _replace(example, old, new)

    return change


def _start_is_deleted_at_the_end(example: ModuleType) -> None:
    """The first message that starts a recording is deleted when the recording has ended."""
    original, original_call = example.Connector._take, example.Connector._call_queue
    kept: list[tuple[str, str]] = []

    def call_queue(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "DeleteMessage" and self.last_start is not None:
            kept.append((self.last_start, parameters["ReceiptHandle"]))
            return {}
        for recording, receipt in list(kept):
            if self._recordings[recording]["type"] == "recording.stopped":
                kept.remove((recording, receipt))
                original_call(self, "DeleteMessage", {"ReceiptHandle": receipt})
        return original_call(self, operation, parameters)

    def take(self: Any, body: str) -> None:
        command = example.read_command(body)
        is_start = command is not None and command["type"] == "recording.start"
        is_first = is_start and command["recording"] not in self._recordings
        original(self, body)
        has_begun = is_first and command["recording"] in self._recordings
        self.last_start = command["recording"] if has_begun else None

    example.Connector._take = take
    example.Connector._call_queue = call_queue
    example.Connector.last_start = None


def _with_evidence(*, changes_entries: bool) -> Callable[[ModuleType], None]:
    """Report an evidence chain; `changes_entries`: one entry is not the one that was reported."""

    def change(example: ModuleType) -> None:
        from tapedeck_protocol.evidence import EvidenceChain

        chains: dict[str, EvidenceChain] = {}
        original = example.Connector._report

        def report(self: Any, event: dict[str, Any]) -> None:
            recording, kind = event.get("recording"), event["type"].partition(".")[2]
            if recording is not None and event["type"].startswith("recording."):
                chain = chains.setdefault(recording, EvidenceChain(recording))
                if kind in {"started", "paused", "resumed", "stopped"}:
                    chain.append(kind, done_at=event["at"])
                event = {**event, "evidence": {"n": chain.n, "head": chain.head}}
                if kind in {"completed", "absent"}:
                    entries = [dict(entry) for entry in chain.entries]
                    if changes_entries:
                        entries[0]["done_at"] -= 1
                    event["evidence_entries"] = entries
            original(self, event)

        example.Connector._report = report

    return change


def _with_a_wrong_clock(seconds: int) -> Callable[[ModuleType], None]:
    """The clock of the machine differs from Tapedeck's by some seconds."""

    def change(example: ModuleType) -> None:
        example.__dict__["time"] = SimpleNamespace(
            time=lambda: time.time() + seconds, monotonic=time.monotonic, sleep=time.sleep
        )

    return change


def _with_calls_of_its_own(example: ModuleType) -> None:
    """The engine has calls: one for each line of the file `CALLS`; recordings of other calls are refused."""
    calls: list[str] = []
    run_once, take = example.Connector.run_once, example.Connector._take

    def run_and_answer(self: Any) -> None:
        run_once(self)
        file = Path(os.environ["CALLS"])
        for _ in file.read_text().splitlines()[len(calls) :] if file.exists() else ():
            calls.append(self.new_id())
            self._report({
                "type": "call.answered", "account": os.environ["ACCOUNT"], "call": calls[-1], "direction": "inbound",
                "to": "+12025550123", "from": "+12025550199",
            })  # fmt: skip

    def take_of_own_calls(self: Any, body: str) -> None:
        command = example.read_command(body)
        if command is not None and command["type"] == "call.hang_up":
            ended = {name: command[name] for name in ("account", "call", "version")}
            self._report({"type": "call.ended", "status": command["wanted"]["status"], **ended})
        elif command is not None and "recording" in command and command["parent"]["id"] not in calls:
            self._refuse(command, "gone", is_final=True)
        else:
            take(self, body)

    example.Connector.run_once = run_and_answer
    example.Connector._take = take_of_own_calls


VARIANTS: Final[Mapping[str, tuple[Callable[[ModuleType], None], set[str]]]] = {
    "begins-late": (
        _text("self.now_ms() > until", "self.now_ms() < 0"), {"begins-nothing-late", "tapedecks-clock"},
    ),
    "uses-its-own-clock": (_text('if "now" in content:', "if False:"), {"tapedecks-clock"}),
    "needs-not-after": (
        _text("(until is not None and self.now_ms() > until)", "self.now_ms() > until"), {"begins-without-limit"},
    ),
    "begins-what-it-cannot": (_text("if not can_record(command):", "if False:"), {"unsupported-recording"}),
    "carries-out-any-protocol": (_text('command["protocol"] == PROTOCOL and ', ""), {"unknown-protocol"}),
    "counts-anew": (
        _text("        self._seq = max(", "        self._unreadable = 0\n        self._seq = max("),
        {"unreadable-is-counted"},
    ),
    "answers-a-stop-with-an-old-version": (
        _text('or version > state["version"]:', 'or version > state["version"] and not is_over:'),
        {"stop-after-the-end"},
    ),
    "keeps-a-refused-start": (
        _text('if (event["type"], outcome) == ("recording.started", "refused"):', "if False:"),
        {"discards-a-refused-start"},
    ),
    "gives-up-an-unknown-upload": (_text("pending.put_off() > UNKNOWN_SECONDS", "True"), {"upload-of-unknown"}),
    "hides-the-status": (_text('"id": name, "status": status_of(state), ', '"id": name, '), {"resync"}),
    "numbers-fall": (_numbers_fall, {"seq-rises"}),
    "old-id-again": (_old_id_again, {"repeated-command"}),
    "overtaken-pause-is-confirmed": (_overtaken_pause_is_confirmed, {"overtaken-command"}),
    "events-are-dropped-after-503": (_events_are_dropped_after_503, {"repeats-after-503"}),
    "unknown-command-ends-it": (
        _text('        else:\n            self._refuse(command, "unsupported", is_final=True)',
              '        elif command["type"].startswith("call."):\n            raise SystemExit(1)\n'
              '        else:\n            self._refuse(command, "unsupported", is_final=True)'),
        {"unknown-command"},
    ),
    "poison-ends-it": (
        _text("    except (ValueError, ", "    except ("),
        {"unreadable-message"},
    ),
    "poison-is-not-counted": (_text("self._unreadable += 1", "self._unreadable += 0"), {"unreadable-is-counted"}),
    "later-gets-a-new-id": (
        _text("DEAD_SECONDS:\n            return",
              "DEAD_SECONDS:\n            self._seq += 1\n"
              '            pending.subject = {**event, "id": self.new_id(), "seq": self._seq}\n            return'),
        {"retries-later"},
    ),
    "later-blocks": (_text("PARK_SECONDS = 2 ", "PARK_SECONDS = 600 "), {"later-blocks-nothing"}),
    "urgent-events-wait": (
        _text('FAST = {"recording.paused", "recording.stopped", "command.refused"}', "FAST: set[str] = set()"),
        {"urgent-event"},
    ),
    "one-queue-of-events": (
        _text('event.get("parent", {}).get("id", event["type"])', '"all"'),
        {"two-recordings"},
    ),
    "refused-is-repeated": (
        _text('if outcome == "later" and', 'if outcome in {"later", "refused"} and'),
        {"refused-is-final", "discards-a-refused-start"},
    ),
    "deletes-at-the-end": (_start_is_deleted_at_the_end, {"deleted-when-begun"}),
    "ignores-superseded": (_text('if answer["superseded"]:', "if False:"), {"superseded"}),
    "boot-of-version-4": (
        _text("self.new_id(), 0\n", 'self.new_id()[:12] + "4" + self.new_id()[13:], 0\n'), {"session-opens"},
    ),
    "ignores-resync": (_text('if answer["resync"]:', "if False:"), {"resync-of-an-answer"}),
    "ignores-ended": (_text('& set(answer["ended"])', "& set()"), {"ends-what-has-ended"}),
    "own-interval": (_text('answer["alive_every"]', "5"), {"alive-in-time"}),
    "lists-nothing": (_text('"live": live}', '"live": []}'), {"resync"}),
    "drops-drain": (_text('get("until") or math.inf, 0.0', 'get("until") or 0, 0.0'), {"drain"}),
    "rejects-unknown-fields": (
        _text("return command if is_complete else None",
              'return command if is_complete and "x_new" not in command else None'),
        {"unknown-fields"},
    ),
    "refuses-late-ends": (
        _text("            if is_over:\n", '            if self._is_late(command):\n'
              '                self._refuse(command, "expired", is_final=False)\n            elif is_over:\n'),
        {"ends-late"},
    ),
    "hides-a-paused-start": (_text('{"paused": wanted["status"] == "paused"}', "{}"), {"begins-what-never-began"}),
    "repeats-412": (_text("if error.code != HTTPStatus.PRECONDITION_FAILED:", "if True:"), {"upload-answer-lost"}),
    "repeats-deleted": (_text("if error.code in {403, 409} or", "if"), {"upload-of-deleted"}),
    "keeps-denied-credentials": (
        _text("self._renew_at = 0.0  # the", "pass  # the"), {"queue-denied"},
    ),
    "keeps-old-credentials": (
        _text('self._renew_at = time.monotonic() + (self._commands["expires_at"] - answer["now"]) / 1000 - 900',
              'self._renew_at = float("inf")'),
        {"credentials-renewed"},
    ),
    "evidence": (_with_evidence(changes_entries=False), set()),
    "clock-is-ahead": (_with_a_wrong_clock(3 * 86_400), set()),
    "clock-is-behind": (_with_a_wrong_clock(-3 * 86_400), set()),
    "changed-evidence": (_with_evidence(changes_entries=True), {"evidence"}),
    "start-without-a-version": (_start_without_a_version, {"recording-starts"}),
    "resume-is-a-start": (_text('"in-progress": "recording.resumed"', '"in-progress": "recording.started"'),
                          {"pause-and-resume"}),
    "refuses-with-another-code": (
        _text('        else:\n            self._refuse(command, "unsupported", is_final=True)',
              '        else:\n            is_of_a_participant = command["type"].startswith("participant.")\n'
              '            self._refuse(command, "busy" if is_of_a_participant else "unsupported", is_final=True)'),
        {"unknown-subject"},
    ),
    "forgets-the-numbers": (_text('self._seq = max(self._seq, answer["seq_seen"])', "pass"), {"restart"}),
    "goes-on-after-409": (_text("if error.code == HTTPStatus.CONFLICT and", "if False and"), {"superseded-request"}),
    "events-are-dropped-without-an-answer": (_events_are_dropped_without_an_answer, {"repeats-after-no-answer"}),
    "event-against-the-schema": (_text('"type": "engine.alive",', '"type": "engine.alive", "disk_free_mb": -1,'),
                                 {"events-match-schema"}),
    "event-changes": (
        _text("DEAD_SECONDS:\n            return",
              'DEAD_SECONDS:\n            pending.subject = {**event, "at": event["at"] + 1}\n            return'),
        {"events-unchanged"},
    ),
    "another-rate": (_text("(1, 2, RATE, 0,", "(1, 2, 44_100, 0,"), {"upload", "upload-answer-lost"}),
    "gives-up-an-upload": (
        _text("            if error.code != HTTPStatus.PRECONDITION_FAILED:",
              "            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:\n"
              "                self._discard(name)\n"
              "                return\n"
              "            if error.code != HTTPStatus.PRECONDITION_FAILED:"),
        {"upload-unavailable"},
    ),
    "gives-up-a-damaged-upload": (
        _text("            if error.code != HTTPStatus.PRECONDITION_FAILED:",
              "            if error.code == HTTPStatus.BAD_REQUEST:\n"
              "                self._discard(name)\n"
              "                return\n"
              "            if error.code != HTTPStatus.PRECONDITION_FAILED:"),
        {"upload-damaged"},
    ),
    "ends-after-401": (_text("            time.sleep(30 if", "            assert not is_unauthorized\n"
                             "            time.sleep(30 if"), {"unauthorized"}),
}  # fmt: skip
"""Each variant with the checks that it fails."""


def main(name: str) -> None:
    """Run a variant until it is ended."""
    example = load_example()
    if name == "with-calls":
        _with_calls_of_its_own(example)
    elif name in VARIANTS:
        VARIANTS[name][0](example)
    example.main()


if __name__ == "__main__":
    main(sys.argv[1])
