"""A media engine whose host dies, with a connector whose clock is wrong and that sends events that cannot be read."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Final

from tapedeck.domain.engine import EngineCapabilities, EngineHealth, MediaEngine
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.operations.engine_sessions import SessionOpening
from tapedeck.ports.engines import LiveResource
from tapedeck.ports.messaging import QueueMessage
from tapedeck.settings import STANDIN_ENGINE_TOKEN
from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.recordings.captures import CaptureMode
from tests.client import ROOT, make_event
from tests.engine_reports import batch_of
from tests.simulation.ports import ENGINE
from tests.simulation.queue_engine import QueueEngine
from tests.simulation.world import World

DAY_MS: Final = 86_400_000
SKEWS: Final = (0, 40 * DAY_MS, -40 * DAY_MS, None)
"""How many milliseconds the engine's clock is ahead; None: it states the times of events in seconds."""

JUMPS: Final = ((0,), (0, 3_600_000, -3_600_000))
"""How many milliseconds the time of an event is ahead of the engine's clock; one of these for each event."""

POISON_PROBABILITY: Final = 0.4
"""Probability that a batch has an event that can never be taken."""

MEANWHILE_PROBABILITY: Final = 0.2
"""Probability that something else happens while a batch is taken."""

LOST_ANSWER_PROBABILITY: Final = 0.05
MAX_POINTS: Final = 40
GIVEN_UP_AFTER_MS: Final = 30 * 60_000
"""An event that is for later is given up after half an hour."""


class MortalEngine(QueueEngine):
    """A media engine that can die. It refuses to record what it does not have, and begins nothing that has expired."""

    connector: "FaultyConnector"
    is_dead = False

    def process_commands(self) -> bool:
        """Execute the pending commands, unless it is dead."""
        return not self.is_dead and super().process_commands()

    def finish_due_media(self) -> bool:
        """Upload what is due, unless it is dead."""
        return not self.is_dead and super().finish_due_media()

    def modes(self) -> dict[str, CaptureMode]:
        """What each capture that has not ended records."""
        return {name: session.mode for name, session in self._sessions.items() if session.due_at is None}

    def parent_of(self, recording: str) -> Mapping[str, str]:
        """The call or conference of a capture."""
        return self._sessions[recording].parent

    def record(self, parent: Mapping[str, str], source: str, callback: Mapping[str, Any] | None) -> None:
        """Start a recording without a command."""
        if not self.is_dead and parent["id"] in self.connector.subjects:
            self._start_own_recording(
                self.connector.account, parent, group=parent["id"], source=source, callback=callback
            )

    def drop(self, recording: str) -> None:
        """End a capture that was refused."""
        self._sessions.pop(recording, None)

    def lose_all(self, last_seq: int) -> None:
        """Start again with an empty disk, above the number of the last event that is known of it."""
        self._sessions, self._finished, self._numbers = {}, set(), count(last_seq + 1)

    def _apply_recording_command(self, command: dict[str, Any]) -> None:
        begins = command["recording"] not in self._sessions and command["wanted"]["status"] != "stopped"
        if begins and command["recording"] not in self._finished:
            if command["parent"]["id"] not in self.connector.subjects:
                return self._refuse(command, "gone")
            if self._clock() > command["not_after"]:
                return self._refuse(command, "expired")
        return super()._apply_recording_command(command)

    def _dial(self, command: dict[str, Any]) -> None:
        self.connector.subjects |= {command["conference"], command["call"]}
        super()._dial(command)

    def _refuse(self, command: dict[str, Any], code: str) -> None:
        self._report(
            "command.refused", command, group=command["parent"]["id"], command=command["id"], code=code,
            final=code == "gone", parent=command["parent"], recording=command["recording"],
        )  # fmt: skip


class FaultyConnector:
    """Keeps the events of an engine until they are answered, and reports them in batches.

    The events of a call or conference keep their order; those of different ones do not. Confirmations may pass others.

    Args:
        world: the simulated deployment, whose engine this replaces.
    """

    def __init__(self, world: World) -> None:
        self._world, self._random = world, world.random_source
        self.account = world.account
        self.skew, self.jumps = self._random.choice(SKEWS), self._random.choice(JUMPS)
        self.subjects: set[str] = set()
        """Calls and conferences that the engine has."""
        self.wrong: list[str] = []
        self.outcomes: defaultdict[str, int] = defaultdict(int)
        """How often each outcome was answered."""
        self.meanwhile: Sequence[Callable[[], object]] = (world.reconcile, world.publish.run_once)
        self._waiting: list[dict[str, Any]] = []
        self._parked: list[tuple[int, int, dict[str, Any]]] = []
        """Events for later: when they are to be reported again, since when they wait, and the event."""
        self._handler = load_handler(ROOT, "take_engine_events")
        self.engine = MortalEngine(world.command_queue, self, world.clock, world.objects, lambda: world.absence)
        self.engine.connector = self
        world.engine, world.event_channel, world.ingest = self.engine, self, self  # type: ignore[assignment]
        self.boot = ""
        self.start()

    # The engine's side.

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Keep events, unless the host is dead; note what the engine has."""
        for message in messages:
            event = dict(message.body)
            if self.engine.is_dead:
                continue
            at = event["at"] + self._random.choice(self.jumps)
            event["at"] = at // 1000 if self.skew is None else at + self.skew
            self._waiting.append({**event, "group": message.group})
            subject = event.get("call") or event.get("conference", "")
            if event["type"] in {"call.ringing", "call.answered", "conference.started"}:
                self.subjects.add(subject)
            elif event["type"] in {"call.ended", "conference.ended"}:
                self.subjects.discard(subject)

    def catch_up(self) -> bool:
        """Send nothing: no event is late before it is reported."""
        return False

    def die(self) -> None:
        """Lose everything: the captures, the calls, and the events that were not answered."""
        self.engine.is_dead = True
        self.subjects, self._waiting, self._parked = set(), [], []

    def start(self, *, keeps_all: bool = False) -> None:
        """Open a session; with `keeps_all` only the connector starts again, and lists everything that the engine has.

        What is answered as ended is ended at the engine as well; of what is unknown, the events are still to be taken.
        """
        old, self.boot = self.boot, new_id(self._now())
        live = self._listed() if keeps_all else []
        opened = self._world.sessions.open(
            MediaEngine(ENGINE), SessionOpening(self.boot, EngineCapabilities(), live=live)
        )
        self._world.observe()
        for identifier in opened.ended:
            self.subjects.discard(identifier)
            self.engine.drop(identifier)
        if not keeps_all:
            self.engine.lose_all(opened.seq_seen)
            self.engine.is_dead = False
        if old and old != self.boot:
            _, answer = self._post([{"type": "call.ended"}], old)
            if not answer["superseded"]:
                self.wrong.append("the older session was not superseded")

    def note_alive(self) -> None:
        """Report that the engine is alive."""
        if not self.engine.is_dead:
            health = EngineHealth(live_calls=len(self.subjects))
            assert not self._world.sessions.note_alive(ENGINE, self.boot, self.engine.next_seq(), health)

    # The connector's side.

    def run_once(self) -> bool:
        """Report the events that are due; return whether there were any."""
        if self.engine.is_dead:
            return False
        now = self._world.clock()
        due = [(since, event) for at, since, event in self._parked if at <= now]
        batch = self._in_any_order([(now, event) for event in self._waiting] + due)[:50]
        if not batch:
            return False
        if self._random.random() < MEANWHILE_PROBABILITY:
            action = self._random.choice((*self.meanwhile, lambda: self._report(batch)))
            self._world.fault_injector.run_meanwhile(
                self._random.randint(1, MAX_POINTS), lambda: self._world.run(action)
            )
        try:
            results = self._report(batch)
        finally:
            self._world.fault_injector.cancel_meanwhile()
        if self._random.random() >= LOST_ANSWER_PROBABILITY:
            for (since, event), result in zip(batch, results, strict=False):
                self._note_result(since, event, result)
        return True

    def _report(self, batch: list[tuple[int, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Report events, at times with one at any place that can never be taken; return the results of the others."""
        events: list[Any] = [{name: value for name, value in event.items() if name != "group"} for _, event in batch]
        poison, expected = self._poison()
        place = self._random.randint(0, len(events)) if self._random.random() < POISON_PROBABILITY else None
        if place is not None:
            events.insert(place, poison)
        status, answer = self._post(events, self.boot)
        if status != 200:
            return []
        results: list[dict[str, Any]] = answer["results"]
        if len(results) != len(events) or answer["superseded"]:
            self.wrong.append(f"{len(events)} events have {len(results)} results")
            return []
        if place is not None:
            result = results.pop(place)
            if (result["outcome"], result.get("code")) != expected:
                self.wrong.append(f"{poison} was answered {result}")
        return results

    def _note_result(self, since: int, event: dict[str, Any], result: dict[str, Any]) -> None:
        now, outcome = self._world.clock(), result["outcome"]
        self.outcomes[outcome] += 1
        self._waiting = [each for each in self._waiting if each is not event]
        self._parked = [each for each in self._parked if each[2] is not event]
        if outcome == "later" and now - since < GIVEN_UP_AFTER_MS:
            self._parked.append((now + result["after_ms"], since, event))
        elif outcome == "refused" and event["type"] == "recording.started":
            self.engine.drop(event["recording"])
        if result.get("code") in {"unreadable", "unknown_type", "superseded"}:
            self.wrong.append(f"{event} was answered {result}")

    def _in_any_order(self, events: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
        """Mix the events of different calls and conferences."""
        groups: defaultdict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
        for each in sorted(events, key=lambda each: int(each[1]["seq"])):
            # Confirmations of pauses and stops have a connection of their own.
            is_fast = "version" in each[1] and each[1]["type"] in {"recording.paused", "recording.stopped"}
            groups[each[1]["recording"] if is_fast else each[1]["group"]].append(each)
        mixed = []
        while groups:
            name = self._random.choice(sorted(groups))
            mixed.append(groups[name].pop(0))
            if not groups[name]:
                del groups[name]
        return mixed

    def _poison(self) -> tuple[Any, tuple[str, str | None]]:
        """An event that can never be taken, with outcome and code of its result."""
        now = self._now()
        call = {
            "id": new_id(now), "type": "call.ended", "seq": self.engine.next_seq(), "at": now,
            "account": self.account, "call": new_id(now), "status": "completed",
        }  # fmt: skip
        unknown = {
            **call, "type": "recording.paused", "version": 2, "recording": new_id(now),
            "parent": {"type": "call", "id": new_id(now)},
        }  # fmt: skip
        return self._random.choice((
            (unknown, ("later", None)),
            (["not", "an", "event"], ("refused", "unreadable")),
            ({**call, "type": "call.exploded"}, ("refused", "unknown_type")),
            ({**call, "at": now + 0.5}, ("refused", "unreadable")),
        ))  # fmt: skip

    def _post(self, events: list[Any], boot: str) -> tuple[int, Any]:
        body = batch_of(events, boot, self._now())
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {STANDIN_ENGINE_TOKEN}"}
        request = make_event(
            "POST", "/engine/v2/events", headers=headers, body=json.dumps(body).encode(), gateway="api-gateway"
        )
        answer = self._handler(request, None)
        assert answer["statusCode"] in {200, 503}
        return answer["statusCode"], json.loads(answer["body"])

    def _now(self) -> int:
        """The time by the engine's clock."""
        return self._world.clock() + (self.skew or 0)

    def _listed(self) -> list[LiveResource]:
        history = self._world.history
        conferences = {key[0].split("#")[2] for key in history.last if key[1] == "CONF"}
        listed = [
            LiveResource("conference" if each in conferences else "call", self.account, each)
            for each in sorted(self.subjects)
        ]
        for recording in sorted(self.engine.capturing()):
            parent = self.engine.parent_of(recording)
            kind = ParentKind.CALL if parent["type"] == "call" else ParentKind.CONFERENCE
            listed.append(LiveResource("recording", self.account, recording, Parent(self.account, kind, parent["id"])))
        return listed
