"""Shared tests of call recordings and conference recordings; a test module supplies the parent and the path."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import ParentKind, Recording, RecordingStatus, Source
from tests.client import Answer, Form, FunctionClient, Gateway
from tests.functions import expected
from tests.functions.objects import RENDITIONS, Objects
from tests.functions.stage import (
    Stage,
    Wire,
    WireRequest,
    assert_answer,
    assert_refused,
    call_path,
    conference_path,
    shown,
)

CURRENT = "Twilio.CURRENT"
STATUSES = ("in-progress", "paused", "stopped", "completed", "absent", "deleted")

# (status before, status requested) -> outcome of an update.
TRANSITIONS = {
    ("in-progress", "in-progress"): "no change",
    ("in-progress", "paused"): "change",
    ("in-progress", "stopped"): "change",
    ("paused", "in-progress"): "change",
    ("paused", "paused"): "no change",
    ("paused", "stopped"): "change",
    ("stopped", "in-progress"): "not eligible",
    ("stopped", "paused"): "not eligible",
    ("stopped", "stopped"): "no change",
    ("completed", "in-progress"): "not eligible",
    ("completed", "paused"): "not eligible",
    ("completed", "stopped"): "no change",
    ("absent", "in-progress"): "not eligible",
    ("absent", "paused"): "not eligible",
    ("absent", "stopped"): "no change",
    ("deleted", "in-progress"): "not found",
    ("deleted", "paused"): "not found",
    ("deleted", "stopped"): "not found",
}


class _Rules(ABC):
    as_strings: bool
    """Whether SignalWire answers parameter errors of this operation with an array of strings."""

    @abstractmethod
    def parent(self, stage: Stage) -> Call | Conference:
        """Store a new parent in progress."""

    @abstractmethod
    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """Return the path of a recording below its parent."""

    @abstractmethod
    def other_parent(self, stage: Stage) -> Call | Conference:
        """Store a parent of the other type: a conference if the path names a call, and vice versa."""

    @property
    @abstractmethod
    def _kind(self) -> ResourceType: ...


class OfCall:
    """Supplies a call as the parent."""

    _kind = ResourceType.CALL

    def parent(self, stage: Stage) -> Call:
        """Store a call."""
        return stage.call()

    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """Return the path of a recording below a call."""
        assert not isinstance(parent, Conference)
        return call_path(client, parent, recording)

    def other_parent(self, stage: Stage) -> Conference:
        """Store a conference."""
        return stage.conference()


class OfConference:
    """Supplies a conference as the parent."""

    _kind = ResourceType.CONFERENCE

    def parent(self, stage: Stage) -> Conference:
        """Store a conference."""
        return stage.conference()

    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """Return the path of a recording below a conference."""
        assert not isinstance(parent, Call)
        return conference_path(client, parent, recording)

    def other_parent(self, stage: Stage) -> Call:
        """Store a call."""
        return stage.call()


class GetRules(_Rules):
    """Tests of reading a recording below its parent."""

    @pytest.mark.parametrize("status", STATUSES[:-1])
    def test_shows_each_status(self, client: FunctionClient, stage: Stage, status: str) -> None:
        """Twilio shows `processing` until the recording is completed or absent; SignalWire shows each status."""
        recording = stage.recording(self.parent(stage))
        stage.clock.step(4)
        recording = stage.bring(recording, status)
        answer = client.get(*self.path(client, self._of(recording, client), recording))
        assert_answer(answer, 200, shown(client, recording, read=True))

    def test_does_not_show_a_deleted_recording(self, client: FunctionClient, stage: Stage) -> None:
        """A deleted recording answers 404 in both dialects."""
        parent = self.parent(stage)
        path = self.path(client, parent, stage.recording(parent, "deleted"))
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))

    def test_reads_recordings_of_the_other_dialect(
        self, client: FunctionClient, other: FunctionClient, stage: Stage, gateway: Gateway
    ) -> None:
        """A recording made in one dialect is readable in both, each in its own format."""
        client.gateway = other.gateway = gateway
        parent = self.parent(stage)
        recording = stage.recording(parent)
        for each in (client, other):
            answer = each.get(*self.path(each, parent, recording))
            assert_answer(answer, 200, shown(each, recording, read=True))

    def test_requires_the_right_parent(self, client: FunctionClient, stage: Stage) -> None:
        """Below another parent, or an unknown one, a recording is not found."""
        parent, sibling = self.parent(stage), self.parent(stage)
        recording = stage.recording(parent)
        elsewhere = stage.recording(self.other_parent(stage))
        for path in (
            self.path(client, sibling, recording),
            self.path(client, client.sid(self._kind, "0" * 32), recording),
            self.path(client, parent, elsewhere),
            self.path(client, parent, client.sid(ResourceType.RECORDING, "0" * 32)),
        ):
            assert_refused(client, client.get(*path), "not found", uri=client.path(*path))

    def test_get_does_not_accept_current(self, client: FunctionClient, stage: Stage) -> None:
        """GET does not accept `Twilio.CURRENT`, even if one recording is current."""
        parent = self.parent(stage)
        stage.recording(parent)
        path = self.path(client, parent, CURRENT)
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))

    def test_ignores_a_body(self, client: FunctionClient, stage: Stage) -> None:
        """The body of a GET is ignored."""
        parent = self.parent(stage)
        recording = stage.recording(parent)
        path = client.path(*self.path(client, parent, recording))
        answer = client.request("GET", path, form="Status=%zz")
        assert_answer(answer, 200, shown(client, recording, read=True))

    def _of(self, recording: Recording, client: FunctionClient) -> str:
        return client.sid(self._kind, recording.parent.id)


class UpdateRules(_Rules):
    """Tests of pausing, resuming and stopping a recording below its parent."""

    def update(
        self, client: FunctionClient, parent: Call | Conference, recording: Recording | str, form: Form
    ) -> Answer:
        """Send the update."""
        return client.post(*self.path(client, parent, recording), form=form)

    def refused_parameter(self, client: FunctionClient, answer: Answer, condition: str, name: str) -> None:
        """Check that the response is this parameter's error."""
        assert_refused(client, answer, condition, name=name, as_strings=self.as_strings)

    @pytest.mark.parametrize(("before", "target"), TRANSITIONS)
    def test_follows_the_transition_table(self, client: FunctionClient, stage: Stage, before: str, target: str) -> None:
        """Each transition is applied, accepted without a change, or rejected, as the table above lists (C-34)."""
        outcome = TRANSITIONS[before, target]
        parent = self.parent(stage)
        recording = stage.recording(parent)
        stage.clock.step(2)
        if before != "in-progress":
            recording = stage.bring(recording, before)
        left = stage.partition(parent)
        now = stage.clock.step(3)
        answer = self.update(client, parent, recording, {"Status": target})
        if outcome == "change":
            ended = now if target == "stopped" else None
            assert_answer(answer, 200, shown(client, recording, status=target, updated=now, ended=ended))
            assert stage.item(items.recording_key(recording.parent, recording.id))["version"] == recording.version + 1
            return
        if outcome == "no change":
            assert_answer(answer, 200, shown(client, recording))
        else:
            uri = client.path(*self.path(client, parent, recording))
            assert_refused(client, answer, outcome, uri=uri)
        assert stage.partition(parent) == left

    def test_dialects_update_one_recording_in_turn(
        self, client: FunctionClient, other: FunctionClient, stage: Stage, gateway: Gateway
    ) -> None:
        """Both dialects pause, resume and stop one recording in turn; each response shows the new status."""
        client.gateway = other.gateway = gateway
        parent = self.parent(stage)
        recording = stage.recording(parent)
        for each, target in ((client, "paused"), (other, "in-progress"), (client, "paused"), (other, "stopped")):
            now = stage.clock.step(1)
            ended = now if target == "stopped" else None
            answer = self.update(each, parent, recording, {"Status": target})
            assert_answer(answer, 200, shown(each, recording, status=target, updated=now, ended=ended))
        item = stage.item(items.recording_key(recording.parent, recording.id))
        assert (item["status"], item["version"]) == ("stopped", 5)
        assert len({item[place] for place in items.WRITE_TOKEN_ATTRIBUTES[:5]} | {""}) == 6

    @pytest.mark.parametrize(
        ("form", "kept"),
        [
            ({}, "silence"),
            ({"PauseBehavior": "silence"}, "silence"),
            ({"PauseBehavior": "skip"}, "skip"),
            ({"PauseBehavior": ""}, "silence"),
            ({"PauseBehavior": ["silence", "skip"]}, "skip"),
            ({"PauseBehavior": "skip", "PlayBeep": "true", "pausebehavior": "x"}, "skip"),
        ],
    )
    def test_keeps_the_pause_behavior(
        self, client: FunctionClient, stage: Stage, form: dict[str, Any], kept: str
    ) -> None:
        """The default PauseBehavior is `silence`, the last of several values wins, and unknown fields are ignored."""
        parent = self.parent(stage)
        recording = stage.recording(parent)
        now = stage.clock.step(1)
        answer = self.update(client, parent, recording, {"Status": "paused", **form})
        assert_answer(answer, 200, shown(client, recording, status="paused", updated=now))
        assert stage.item(items.recording_key(recording.parent, recording.id))["pause_behavior"] == kept

    def test_keeps_the_first_pause_behavior(self, client: FunctionClient, stage: Stage) -> None:
        """Pausing a paused recording keeps its PauseBehavior; only a new pause after a resume sets another (C-33)."""
        parent = self.parent(stage)
        recording = stage.recording(parent)
        key = items.recording_key(recording.parent, recording.id)
        kept = []
        for status, behavior in (("paused", "skip"), ("paused", "silence"), ("in-progress", "skip"), ("paused", "")):
            stage.clock.step(1)
            answer = self.update(client, parent, recording, {"Status": status, "PauseBehavior": behavior})
            assert answer.status == 200
            kept.append(stage.item(key).get("pause_behavior"))
        assert kept == ["skip", "skip", None, "silence"]

    # --8<-- [start:invalid]
    @pytest.mark.parametrize(
        ("form", "name", "condition"),
        [
            (None, "Status", "parameter missing"),
            ({"Status": ""}, "Status", "parameter missing"),
            ({"status": "paused"}, "Status", "parameter missing"),
            ({"PauseBehavior": "skip"}, "Status", "parameter missing"),
            ({"Status": ["paused", ""]}, "Status", "parameter missing"),
            ({"Status": "processing"}, "Status", "value outside the enum"),
            ({"Status": "completed"}, "Status", "value outside the enum"),
            ({"Status": "absent"}, "Status", "value outside the enum"),
            ({"Status": "deleted"}, "Status", "value outside the enum"),
            ({"Status": "Paused"}, "Status", "value outside the enum"),
            ({"Status": " paused"}, "Status", "value outside the enum"),
            ({"Status": "paused\0"}, "Status", "value outside the enum"),
            ({"Status": ["paused", "no"]}, "Status", "value outside the enum"),
            ({"Status": "paused", "PauseBehavior": "mute"}, "PauseBehavior", "value outside the enum"),
            # PauseBehavior is validated even if the status is not a pause.
            ({"Status": "stopped", "PauseBehavior": "mute"}, "PauseBehavior", "value outside the enum"),
            ({"Status": "in-progress", "PauseBehavior": "SKIP"}, "PauseBehavior", "value outside the enum"),
        ],
    )
    def test_rejects_invalid_parameters(
        self, client: FunctionClient, stage: Stage, form: Form, name: str, condition: str
    ) -> None:
        """A missing or invalid parameter gets the dialect's error with its name; the recording is unchanged."""
        parent = self.parent(stage)
        recording = stage.recording(parent)
        before = stage.partition(parent)
        self.refused_parameter(client, self.update(client, parent, recording, form), condition, name)
        assert stage.partition(parent) == before
        # --8<-- [end:invalid]

    @pytest.mark.parametrize("status", ["stopped", "completed", "absent"])
    def test_checks_parameters_before_the_state(self, client: FunctionClient, stage: Stage, status: str) -> None:
        """An invalid parameter for an ended recording gets the parameter's error, not the state's."""
        parent = self.parent(stage)
        recording = stage.recording(parent, status)
        answer = self.update(client, parent, recording, {"Status": "no"})
        self.refused_parameter(client, answer, "value outside the enum", "Status")

    def test_checks_existence_before_parameters(self, client: FunctionClient, stage: Stage) -> None:
        """An invalid parameter gets 404 if the recording is unknown, deleted, or has another parent."""
        parent, sibling = self.parent(stage), self.parent(stage)
        recording, deleted = stage.recording(parent), stage.recording(parent, "deleted")
        unknown = client.sid(ResourceType.RECORDING, "0" * 32)
        for path in (
            self.path(client, sibling, recording),
            self.path(client, parent, deleted),
            self.path(client, parent, unknown),
            self.path(client, parent, "nonsense"),
        ):
            answer = client.post(*path, form={"Status": "no"})
            assert_refused(client, answer, "not found", uri=client.path(*path))

    def test_requires_the_right_parent(self, client: FunctionClient, stage: Stage) -> None:
        """Below another parent, or an unknown one, a recording cannot be updated."""
        parent, sibling = self.parent(stage), self.parent(stage)
        recording = stage.recording(parent)
        elsewhere = stage.recording(self.other_parent(stage))
        before = stage.partition(parent)
        for path in (
            self.path(client, sibling, recording),
            self.path(client, parent, elsewhere),
            self.path(client, parent, client.sid(ResourceType.RECORDING, "0" * 32)),
        ):
            answer = client.post(*path, form={"Status": "stopped"})
            assert_refused(client, answer, "not found", uri=client.path(*path))
        assert stage.partition(parent) == before

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            ('{"Status": "paused", "PauseBehavior": "skip"}', "application/json"),
            ('{"Status": ["stopped", "paused"], "PauseBehavior": ["skip"]}', "application/vnd.api+json"),
            ('\n{"Status": "\\u0070aused", "PauseBehavior": "skip", "More": [1, {"a": null}]}', "APPLICATION/JSON"),
        ],
    )
    def test_reads_json_in_signalwire(
        self, client: FunctionClient, stage: Stage, gateway: Gateway, body: str, content_type: str
    ) -> None:
        """SignalWire reads JSON with the same names; Twilio reads it as an empty form, so Status is missing."""
        client.gateway = gateway
        parent = self.parent(stage)
        recording = stage.recording(parent)
        now = stage.clock.step(1)
        path = client.path(*self.path(client, parent, recording))
        answer = client.request("POST", path, form=body, content_type=content_type)
        if client.dialect.name == "twilio":
            self.refused_parameter(client, answer, "parameter missing", "Status")
            return
        assert_answer(answer, 200, shown(client, recording, status="paused", updated=now))
        assert stage.item(items.recording_key(recording.parent, recording.id))["pause_behavior"] == "skip"

    @pytest.mark.parametrize("value", ["true", "null", "[]", '["paused", 1.5]'])
    def test_reads_json_values_as_form_values(self, client: FunctionClient, stage: Stage, value: str) -> None:
        """A JSON value is read as its form spelling: null and an empty array are absent, others are invalid."""
        parent = self.parent(stage)
        recording = stage.recording(parent)
        path = client.path(*self.path(client, parent, recording))
        answer = client.request("POST", path, form=f'{{"Status": {value}}}', content_type="application/json")
        empty = client.dialect.name == "twilio" or value in {"null", "[]"}
        condition = "parameter missing" if empty else "value outside the enum"
        self.refused_parameter(client, answer, condition, "Status")

    def test_rejects_malformed_and_large_bodies(self, client: FunctionClient, stage: Stage) -> None:
        """A malformed or too large body gets the error object in both dialects, never an array of strings."""
        parent = self.parent(stage)
        recording = stage.recording(parent)
        assert_refused(client, self.update(client, parent, recording, "Status=%zz"), "malformed body")
        assert_refused(client, self.update(client, parent, recording, "x=" + "y" * 65_535), "body too large")

    # `Twilio.CURRENT`: the one active recording of the parent.

    @pytest.mark.parametrize("status", ["in-progress", "paused"])
    @pytest.mark.parametrize("target", ["in-progress", "paused", "stopped"])
    def test_finds_the_current_recording(self, client: FunctionClient, stage: Stage, status: str, target: str) -> None:
        """The one active recording, paused or not, is current and shown with its sid; SignalWire answers 404."""
        parent = self.parent(stage)
        stage.recording(parent, "stopped")
        recording = stage.recording(parent, status)
        now = stage.clock.step(1)
        answer = self.update(client, parent, CURRENT, {"Status": target})
        if client.dialect.name == "signalwire":
            assert_refused(client, answer, "not found", uri=client.path(*self.path(client, parent, CURRENT)))
        elif status == target:
            assert_answer(answer, 200, shown(client, recording))
        else:
            assert_answer(answer, 200, shown(client, recording, status=target, updated=now))

    @pytest.mark.parametrize("status", [None, "stopped", "completed", "absent", "deleted"])
    @pytest.mark.parametrize("target", ["paused", "stopped"])
    def test_finds_no_current_recording(
        self, client: FunctionClient, stage: Stage, status: str | None, target: str
    ) -> None:
        """Without an active recording Twilio answers 21220, for a stop as well; SignalWire answers 404."""
        parent = self.parent(stage)
        if status is not None:
            stage.recording(parent, status)
        answer = self.update(client, parent, CURRENT, {"Status": target})
        if client.dialect.name == "twilio":
            assert_refused(client, answer, "not eligible")
        else:
            assert_refused(client, answer, "not found", uri=client.path(*self.path(client, parent, CURRENT)))

    @pytest.mark.parametrize("status", ["in-progress", "paused"])
    def test_finds_several_current_recordings(self, client: FunctionClient, stage: Stage, status: str) -> None:
        """With several active recordings none is current: Twilio answers 16108, SignalWire 404."""
        from tapedeck.domain.recording import Source

        parent = self.parent(stage)
        stage.recording(parent)
        stage.recording(parent, status, source=Source.OUTBOUND_API)
        before = stage.partition(parent)
        answer = self.update(client, parent, CURRENT, {"Status": "stopped"})
        uri = client.path(*self.path(client, parent, CURRENT))
        assert_refused(client, answer, "several current", uri=uri)
        assert stage.partition(parent) == before

    @pytest.mark.parametrize("active", [0, 1, 2])
    def test_checks_parameters_of_current(self, client: FunctionClient, stage: Stage, active: int) -> None:
        """An invalid parameter gets its error, however many recordings are active; SignalWire answers 404."""
        parent = self.parent(stage)
        for _ in range(active):
            stage.recording(parent)
        answer = self.update(client, parent, CURRENT, {"Status": "no"})
        if client.dialect.name == "signalwire":
            assert_refused(client, answer, "not found", uri=client.path(*self.path(client, parent, CURRENT)))
        else:
            self.refused_parameter(client, answer, "value outside the enum", "Status")

    @pytest.mark.parametrize(
        "text", ["twilio.current", "Twilio.Current", "TWILIO.CURRENT", "CURRENT", "Twilio.CURRENT.", "Twilio.CURRENT "]
    )
    def test_current_is_case_sensitive(self, client: FunctionClient, stage: Stage, text: str) -> None:
        """`Twilio.CURRENT` is matched exactly and case-sensitively (C-37)."""
        parent = self.parent(stage)
        stage.recording(parent)
        path = self.path(client, parent, text)
        answer = client.post(*path, form={"Status": "stopped"})
        assert_refused(client, answer, "not found", uri=client.path(*path))

    def test_current_requires_a_parent(self, client: FunctionClient) -> None:
        """`Twilio.CURRENT` below an unknown or malformed parent is not found, also with an invalid parameter."""
        for parent in (client.sid(self._kind, "0" * 32), "nonsense"):
            for status in ("stopped", "no"):
                path = self.path(client, parent, CURRENT)
                answer = client.post(*path, form={"Status": status})
                assert_refused(client, answer, "not found", uri=client.path(*path))

    @pytest.mark.parametrize("end", ["stopped", "deleted"])
    @pytest.mark.parametrize(("losses", "found"), [(1, True), (2, True), (3, False)])
    def test_retries_a_current_recording_that_stopped(
        self, make_twilio: Callable[[], FunctionClient], stage: Stage, wire: Wire, end: str, losses: int, *, found: bool
    ) -> None:
        """If the current recording ends before the update, the next one is looked up, at most three times in all."""
        client, parent = make_twilio(), self.parent(stage)
        recordings = [stage.recording(parent)]

        def race(when: str, request: WireRequest) -> None:
            if when == "answered" and request.operation == "Query" and len(recordings) <= losses:
                stage.bring(recordings[-1], end)
                recordings.append(stage.recording(parent, id=new_id(stage.clock())))

        stage.clock.step(1)
        with wire.watched_by(race):
            answer = self.update(client, parent, CURRENT, {"Status": "paused"})
        if found:
            now = stage.clock.seconds
            assert_answer(answer, 200, shown(client, recordings[-1], status="paused", updated=now))
        else:
            assert_refused(client, answer, "not eligible")
        assert wire.recordings == ["Query", "UpdateItem"] * min(losses + 1, 3)


class ListOfParentRules(ABC):
    """Tests of listing the recordings of a call or of a conference."""

    source: Source
    """A source that may start several recordings of one parent at once."""

    @abstractmethod
    def parent(self, stage: Stage) -> Call | Conference:
        """Store a parent."""

    @abstractmethod
    def path(self, client: FunctionClient, parent: Call | Conference) -> tuple[str, ...]:
        """Return the path of its recordings."""

    def page(self, client: FunctionClient, parent: Call | Conference, made: list[Recording], filters: str = "") -> Any:
        """Return the expected page with these recordings."""
        items = [shown(client, recording, read=True) for recording in made]
        path = "/".join(self.path(client, parent))
        return expected.page(client.dialect.name, client.account, path, items, filters=filters)

    def test_shows_each_state(self, client: FunctionClient, stage: Stage) -> None:
        """The list shows all recordings but deleted ones, newest first, in the format of a read."""
        parent, made = self.parent(stage), []
        for status in ("completed", "absent", "stopped", "paused", "in-progress"):
            stage.clock.step(1)
            made.append(stage.recording(parent, status, self.source))
        stage.delete(stage.recording(parent, "completed", self.source))
        stage.recording(stage.call())
        assert_answer(client.get(*self.path(client, parent)), 200, self.page(client, parent, made[::-1]))

    @pytest.mark.parametrize(
        ("filters", "expected_places"),
        [
            ({"DateCreated": "2020-02-29"}, [1, 2]),
            ({"DateCreated<": "2020-02-29"}, [0, 1]),
            ({"DateCreated>": "2020-03-01"}, [3]),
            ({"DateCreated>": "2020-02-29", "DateCreated<": "2020-03-01"}, [1, 2, 3]),
        ],
    )
    def test_filters_by_day(
        self, client: FunctionClient, stage: Stage, filters: dict[str, str], expected_places: list[int]
    ) -> None:
        """DateCreated filters by days in UTC, a leap day included; a range includes the midnight of each bound."""
        parent, made = self.parent(stage), []
        midnight = 1_582_934_400  # 29 February 2020
        for second in (midnight - 1, midnight, midnight + 86_399, midnight + 86_400):
            stage.clock.milliseconds = second * 1000
            made.append(stage.recording(parent, source=self.source))
        found = [made[place] for place in sorted(expected_places, reverse=True)]
        spelled = "".join(f"{n.replace('<', '%3C').replace('>', '%3E')}={v}&" for n, v in filters.items())
        answer = client.get(*self.path(client, parent), **filters)
        assert_answer(answer, 200, self.page(client, parent, found, spelled))

    def test_only_signalwire_filters_by_instant(self, client: FunctionClient, stage: Stage) -> None:
        """Twilio rejects an instant as DateCreated; SignalWire accepts it."""
        parent = self.parent(stage)
        stage.recording(parent)
        answer = client.get(*self.path(client, parent), DateCreated="2018-09-25T23:00:00Z")
        if client.dialect.name == "twilio":
            assert_refused(client, answer, "value outside the enum", name="DateCreated")
        else:
            assert len(answer.body["recordings"]) == 1

    def test_fills_pages_past_deleted_recordings(self, client: FunctionClient, stage: Stage) -> None:
        """Every page but the last is full, however many deleted recordings are in between."""
        parent, kept = self.parent(stage), []
        for number in range(130):
            recording = stage.recording(parent, "completed", self.source)
            if number in {0, 65, 66, 129}:
                kept.append(recording.id)
            else:
                stage.delete(recording)
        seen, uri = [], f"{client.path(*self.path(client, parent))}?PageSize=3"
        sizes = []
        while uri is not None:
            body = client.request("GET", uri).body
            sizes.append(len(body["recordings"]))
            seen += [item["sid"] for item in body["recordings"]]
            uri = body["next_page_uri"]
        assert seen == [client.sid(ResourceType.RECORDING, identifier) for identifier in sorted(kept, reverse=True)]
        assert sizes == [3, 1]


FORTY_DAYS = 40 * 86_400


class DeleteRules(ABC):
    """Tests of deleting a recording and its media, below its parent or its account."""

    reads: list[str]
    """The operation's reads of the table before it deletes."""

    @abstractmethod
    def parent(self, stage: Stage) -> Call | Conference:
        """Store a parent."""

    @abstractmethod
    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """Return the path of a recording of this parent."""

    def finished(
        self, stage: Stage, objects: Objects, parent: Call | Conference, status: str = "completed"
    ) -> Recording:
        """Store a finished recording, with an object in the bucket for each rendition."""
        recording = stage.recording(parent, status, channels=2)
        for name in RENDITIONS:
            objects.put(recording, name, b"audio")
        return recording

    @pytest.mark.parametrize("status", ["completed", "absent"])
    def test_deletes_a_finished_recording(
        self, client: FunctionClient, stage: Stage, gateway: Gateway, objects: Objects, status: str
    ) -> None:
        """204 without a body: the media are gone, the row moves to the list of deleted ones and expires in 40 days."""
        client.gateway = gateway
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent, status)
        before = stage.item(items.recording_key(recording.parent, recording.id))
        now = stage.clock.step(9)
        assert_answer(client.delete(*self.path(client, parent, recording)), 204, None)
        stored = stage.item(items.recording_key(recording.parent, recording.id))
        until = now + FORTY_DAYS
        changed = {"status": "deleted", "version": recording.version + 1, "updated": now, "expires_at": until}
        assert stored == {**before, **changed, "deleted_by": stored["deleted_by"]}
        row = {"parent": items.partition(recording.parent), "expires_at": until}
        key = items.list_entry_key(stage.account, "RECS-DELETED", recording.id)
        assert stage.item(key) == {**key, **row}
        assert stage.item(items.list_entry_key(stage.account, "RECS", recording.id)) == {}
        assert objects.names(recording) == set()

    @pytest.mark.parametrize("status", ["in-progress", "paused", "stopped"])
    def test_rejects_an_unfinished_recording(
        self, client: FunctionClient, stage: Stage, objects: Objects, status: str
    ) -> None:
        """A recording that is neither completed nor absent gets 400 with 20009; row and media are unchanged (C-46)."""
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent, status)
        before = stage.partition(parent)
        assert_refused(client, client.delete(*self.path(client, parent, recording)), "not finished")
        assert stage.partition(parent) == before
        assert objects.names(recording) == set(RENDITIONS)
        assert objects.requests == []

    def test_is_not_found_at_any_path(
        self, client: FunctionClient, other: FunctionClient, stage: Stage, objects: Objects
    ) -> None:
        """In both dialects a deleted recording is neither found nor listed; its transcriptions are still listed."""
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent)
        kept = stage.transcription(recording)
        assert client.delete(*self.path(client, parent, recording)).status == 204
        for reader in (client, other):
            sid = reader.sid(ResourceType.RECORDING, recording.id)
            nested, collection = self._nested(reader, recording), ("Recordings",)
            for path in ((*nested, sid), ("Recordings", sid)):
                for answer in (reader.get(*path), reader.delete(*path)):
                    assert_refused(reader, answer, "not found", uri=reader.path(*path))
            for target in ("stopped", "paused"):
                assert reader.post(*nested, sid, form={"Status": target}).status == 404
            for suffix in ("", ".wav", ".mp3"):
                path_of_media = f"{reader.base}/Recordings/{sid}{suffix}"
                assert_refused(reader, reader.request("GET", path_of_media), "not found", uri=path_of_media)
            parents = {f"{kind[:-1]}Sid": of for kind, of in [nested[:2]]}
            for listed in (reader.get(*nested), reader.get(*collection), reader.get(*collection, **parents)):
                assert (listed.status, listed.body["recordings"]) == (200, [])
            transcriptions = reader.get("Recordings", sid, "Transcriptions").body["transcriptions"]
            assert [each["sid"] for each in transcriptions] == [reader.sid(ResourceType.TRANSCRIPTION, kept.id)]

    def test_is_shown_with_include_soft_deleted(
        self, client: FunctionClient, stage: Stage, make_twilio: Callable[[], FunctionClient], objects: Objects
    ) -> None:
        """Twilio shows it with `IncludeSoftDeleted`, whichever dialect deleted it; SignalWire does not (C-47)."""
        parent, twilio = self.parent(stage), make_twilio()
        recording = self.finished(stage, objects, parent)
        now = stage.clock.step(9)
        assert client.delete(*self.path(client, parent, recording)).status == 204
        gone = replace(recording, status=RecordingStatus.DELETED, updated=now)
        body = expected.account_recording("twilio", gone)
        sid = twilio.sid(ResourceType.RECORDING, recording.id)
        assert_answer(twilio.get("Recordings", sid, IncludeSoftDeleted="true"), 200, body)
        assert twilio.get("Recordings", IncludeSoftDeleted="true").body["recordings"] == [body]
        if client.dialect.name == "signalwire":
            assert client.get("Recordings", IncludeSoftDeleted="true").body["recordings"] == []

    @pytest.mark.parametrize("suffix", ["", ".json"])
    def test_a_second_deletion_is_not_found(
        self, client: FunctionClient, stage: Stage, objects: Objects, suffix: str
    ) -> None:
        """A second deletion gets 404 and does not extend the 40 days."""
        client.suffix = suffix
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent)
        path = self.path(client, parent, recording)
        assert client.delete(*path).status == 204
        before = stage.partition(parent)
        stage.clock.step(86_400)
        objects.requests.clear()
        assert_refused(client, client.delete(*path), "not found", uri=client.path(*path))
        assert stage.partition(parent) == before
        assert objects.requests == []

    @pytest.mark.parametrize("sid", [None, "nonsense", CURRENT])
    def test_does_not_find_unknown_ids(
        self, client: FunctionClient, stage: Stage, objects: Objects, sid: str | None
    ) -> None:
        """An unknown id, a malformed id and `Twilio.CURRENT` are not found."""
        parent = self.parent(stage)
        stage.recording(parent)
        path = self.path(client, parent, sid or client.sid(ResourceType.RECORDING, "0" * 32))
        assert_refused(client, client.delete(*path), "not found", uri=client.path(*path))
        assert objects.requests == []

    def test_deletes_media_before_the_row(
        self, client: FunctionClient, stage: Stage, objects: Objects, wire: Wire
    ) -> None:
        """Media are deleted before the row is written, and once more afterwards for renditions made in between.

        Within a day of its end an empty object takes the place of the capture, so that no upload can store it (C-274).
        """
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent)
        order: list[str] = []

        def note(when: str, request: WireRequest) -> None:
            if when == "sent":
                order.append(request.operation)

        objects.watchers.append(order.append)
        with wire.watched_by(note):
            assert client.delete(*self.path(client, parent, recording)).status == 204
        assert order == [*self.reads, "PutObject", "DeleteObjects", "TransactWriteItems", "DeleteObjects"]

    def test_deletes_the_empty_capture_of_an_old_recording(
        self, client: FunctionClient, stage: Stage, objects: Objects
    ) -> None:
        """A day after the end no upload can be running: the deletion leaves no object, not even an empty one."""
        parent = self.parent(stage)
        for seconds, empty in ((86_399, {"capture.wav"}), (86_400, set())):
            recording = self.finished(stage, objects, parent)
            objects.put(recording, "capture.wav", b"audio")
            stage.clock.step(seconds)
            assert client.delete(*self.path(client, parent, recording)).status == 204
            assert (objects.names(recording), objects.empty_names(recording)) == (set(), empty)

    def test_deletes_renditions_stored_meanwhile(
        self, client: FunctionClient, stage: Stage, objects: Objects, wire: Wire
    ) -> None:
        """A rendition stored between the deletion of the media and the write of the row is deleted too (REL-18)."""
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent)

        def keep(when: str, request: WireRequest) -> None:
            if (when, request.operation) == ("sent", "TransactWriteItems"):
                objects.put(recording, "mono.wav", b"audio")

        with wire.watched_by(keep):
            assert client.delete(*self.path(client, parent, recording)).status == 204
        assert objects.names(recording) == set()

    @pytest.mark.parametrize("fault", ["busy", "broken", "denied", "refused", "partly", "lost"])
    def test_a_failing_bucket_leaves_the_recording_unchanged(
        self, client: FunctionClient, other: FunctionClient, stage: Stage, objects: Objects, fault: str
    ) -> None:
        """If the media cannot be deleted, the recording is unchanged and readable, and the deletion can be retried."""
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent)
        before = stage.partition(parent)
        path = self.path(client, parent, recording)
        objects.faults["DeleteObjects"] = fault
        condition = "too many requests" if fault == "busy" else "internal error"
        assert_refused(client, client.delete(*path), condition)
        objects.faults.clear()
        assert stage.partition(parent) == before
        for each in (client, other):
            answer = each.get("Recordings", each.sid(ResourceType.RECORDING, recording.id))
            assert_answer(answer, 200, expected.account_recording(each.dialect.name, recording))
        assert_answer(client.delete(*path), 204, None)
        assert objects.names(recording) == set()

    def test_a_bucket_failure_after_the_write_is_ignored(
        self, client: FunctionClient, stage: Stage, objects: Objects, wire: Wire
    ) -> None:
        """Once the row is written, the response is 204, even if the second deletion of media failed."""
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent)
        path = self.path(client, parent, recording)

        def fail(when: str, request: WireRequest) -> None:
            if (when, request.operation) == ("answered", "TransactWriteItems"):
                objects.faults["DeleteObjects"] = "broken"

        with wire.watched_by(fail):
            assert_answer(client.delete(*path), 204, None)
        assert_refused(client, client.delete(*path), "not found", uri=client.path(*path))
        assert objects.names(recording) == set()

    def test_concurrent_deletions_delete_once(self, client: FunctionClient, stage: Stage, objects: Objects) -> None:
        """Of two concurrent deletions one gets 204 and the other 404; the version rises by one."""
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent)
        path = self.path(client, parent, recording)
        statuses: list[int] = []
        objects.meanwhile["DeleteObjects"] = lambda: statuses.append(client.delete(*path).status)
        answer = client.delete(*path)
        assert statuses == [204]
        assert_refused(client, answer, "not found", uri=client.path(*path))
        key = items.recording_key(recording.parent, recording.id)
        assert stage.item(key)["version"] == recording.version + 1

    def test_ignores_a_body(self, client: FunctionClient, stage: Stage, objects: Objects) -> None:
        """The body of a DELETE is ignored."""
        parent = self.parent(stage)
        path = client.path(*self.path(client, parent, self.finished(stage, objects, parent)))
        assert_answer(client.request("DELETE", path, form="Status=%zz"), 204, None)

    def _nested(self, client: FunctionClient, recording: Recording) -> tuple[str, str, str]:
        """Return the path of its parent's recordings."""
        of_call = recording.parent.kind is ParentKind.CALL
        kind = ResourceType.CALL if of_call else ResourceType.CONFERENCE
        return "Calls" if of_call else "Conferences", client.sid(kind, recording.parent.id), "Recordings"


class DeleteAtParentRules(DeleteRules):
    """Further tests of deletion where the path names the parent."""

    @abstractmethod
    def other_parent(self, stage: Stage) -> Call | Conference:
        """Store a parent of the other type: a conference if the path names a call, and vice versa."""

    def test_requires_the_right_parent(self, client: FunctionClient, stage: Stage, objects: Objects) -> None:
        """Below another parent, or an unknown one, a recording cannot be deleted."""
        parent, sibling = self.parent(stage), self.parent(stage)
        recording = self.finished(stage, objects, parent)
        elsewhere = self.finished(stage, objects, self.other_parent(stage))
        before = stage.partition(parent)
        for path in (
            self.path(client, sibling, recording),
            self.path(client, "nonsense", recording),
            self.path(client, parent, elsewhere),
        ):
            assert_refused(client, client.delete(*path), "not found", uri=client.path(*path))
        assert stage.partition(parent) == before
        assert objects.names(recording) == objects.names(elsewhere) == set(RENDITIONS)
