"""The rules that recordings of calls and of conferences share; a test module gives them a parent and an address."""

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

# Behaviour.md, section 5.3: from, to -> what happens.
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
    """Whether S answers parameter errors with an array of strings."""

    @abstractmethod
    def parent(self, stage: Stage) -> Call | Conference:
        """A fresh parent in progress."""

    @abstractmethod
    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """The address of a recording under a parent."""

    @abstractmethod
    def of_the_other_kind(self, stage: Stage) -> Call | Conference:
        """A parent of the kind that this address does not name."""

    @property
    @abstractmethod
    def _kind(self) -> ResourceType: ...


class OfCall:
    """What those rules are given where the parent is a call."""

    _kind = ResourceType.CALL

    def parent(self, stage: Stage) -> Call:
        """A call."""
        return stage.call()

    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """Under a call."""
        assert not isinstance(parent, Conference)
        return call_path(client, parent, recording)

    def of_the_other_kind(self, stage: Stage) -> Conference:
        """A conference."""
        return stage.conference()


class OfConference:
    """What those rules are given where the parent is a conference."""

    _kind = ResourceType.CONFERENCE

    def parent(self, stage: Stage) -> Conference:
        """A conference."""
        return stage.conference()

    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """Under a conference."""
        assert not isinstance(parent, Call)
        return conference_path(client, parent, recording)

    def of_the_other_kind(self, stage: Stage) -> Call:
        """A call."""
        return stage.call()


class GetRules(_Rules):
    """CR3, FR2: read a recording at its parent's address."""

    @pytest.mark.parametrize("status", STATUSES[:-1])
    def test_shows_each_status(self, client: FunctionClient, stage: Stage, status: str) -> None:
        """T shows `processing` until it is completed or absent, S each state (resources.md, section 2.2)."""
        recording = stage.recording(self.parent(stage))
        stage.clock.step(4)
        recording = stage.bring(recording, status)
        answer = client.get(*self.path(client, self._of(recording, client), recording))
        assert_answer(answer, 200, shown(client, recording, read=True))

    def test_hides_what_is_deleted(self, client: FunctionClient, stage: Stage) -> None:
        """A deleted recording answers 404 in both dialects."""
        parent = self.parent(stage)
        path = self.path(client, parent, stage.recording(parent, "deleted"))
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))

    def test_reads_what_the_other_dialect_made(
        self, client: FunctionClient, other: FunctionClient, stage: Stage, gateway: Gateway
    ) -> None:
        """One recording is the same in both dialects, each with its own words (section 1)."""
        client.gateway = other.gateway = gateway
        parent = self.parent(stage)
        recording = stage.recording(parent)
        for each in (client, other):
            answer = each.get(*self.path(each, parent, recording))
            assert_answer(answer, 200, shown(each, recording, read=True))

    def test_needs_the_right_parent(self, client: FunctionClient, stage: Stage) -> None:
        """Under another parent, or an unknown one, a recording does not exist (section 5.8)."""
        parent, sibling = self.parent(stage), self.parent(stage)
        recording = stage.recording(parent)
        elsewhere = stage.recording(self.of_the_other_kind(stage))
        for path in (
            self.path(client, sibling, recording),
            self.path(client, client.sid(self._kind, "0" * 32), recording),
            self.path(client, parent, elsewhere),
            self.path(client, parent, client.sid(ResourceType.RECORDING, "0" * 32)),
        ):
            assert_refused(client, client.get(*path), "not found", uri=client.path(*path))

    def test_does_not_know_current(self, client: FunctionClient, stage: Stage) -> None:
        """`Twilio.CURRENT` is unknown on GET, even where one recording is current (section 5.4)."""
        parent = self.parent(stage)
        stage.recording(parent)
        path = self.path(client, parent, CURRENT)
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))

    def test_ignores_a_body(self, client: FunctionClient, stage: Stage) -> None:
        """Whatever comes as the body of a GET is not looked at."""
        parent = self.parent(stage)
        recording = stage.recording(parent)
        path = client.path(*self.path(client, parent, recording))
        answer = client.request("GET", path, form="Status=%zz")
        assert_answer(answer, 200, shown(client, recording, read=True))

    def _of(self, recording: Recording, client: FunctionClient) -> str:
        return client.sid(self._kind, recording.parent.id)


class UpdateRules(_Rules):
    """CR4, FR3: pause, resume and stop a recording at its parent's address."""

    def update(
        self, client: FunctionClient, parent: Call | Conference, recording: Recording | str, form: Form
    ) -> Answer:
        """The update."""
        return client.post(*self.path(client, parent, recording), form=form)

    def refused_parameter(self, client: FunctionClient, answer: Answer, condition: str, name: str) -> None:
        """The answer is this parameter's error."""
        assert_refused(client, answer, condition, name=name, as_strings=self.as_strings)

    @pytest.mark.parametrize(("before", "target"), TRANSITIONS)
    def test_keeps_the_transition_table(self, client: FunctionClient, stage: Stage, before: str, target: str) -> None:
        """Each cell of section 5.3: what changes, what is granted and changes nothing, what is refused."""
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

    def test_goes_through_a_life(
        self, client: FunctionClient, other: FunctionClient, stage: Stage, gateway: Gateway
    ) -> None:
        """Paused in one dialect, resumed in the other, paused again, stopped: each answer shows the new state."""
        client.gateway = other.gateway = gateway
        parent = self.parent(stage)
        recording = stage.recording(parent)
        for who, target in ((client, "paused"), (other, "in-progress"), (client, "paused"), (other, "stopped")):
            now = stage.clock.step(1)
            ended = now if target == "stopped" else None
            answer = self.update(who, parent, recording, {"Status": target})
            assert_answer(answer, 200, shown(who, recording, status=target, updated=now, ended=ended))
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
        """A pause is silent unless it is asked to be skipped (section 5.5); unknown fields are ignored."""
        parent = self.parent(stage)
        recording = stage.recording(parent)
        now = stage.clock.step(1)
        answer = self.update(client, parent, recording, {"Status": "paused", **form})
        assert_answer(answer, 200, shown(client, recording, status="paused", updated=now))
        assert stage.item(items.recording_key(recording.parent, recording.id))["pause_behavior"] == kept

    def test_keeps_the_first_pause_behavior(self, client: FunctionClient, stage: Stage) -> None:
        """A pause while paused changes nothing: the first PauseBehavior stays, until a new pause (section 5.3)."""
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
            # Read only with a pause, but wrong is wrong.
            ({"Status": "stopped", "PauseBehavior": "mute"}, "PauseBehavior", "value outside the enum"),
            ({"Status": "in-progress", "PauseBehavior": "SKIP"}, "PauseBehavior", "value outside the enum"),
        ],
    )
    def test_refuses_wrong_parameters(
        self, client: FunctionClient, stage: Stage, form: Form, name: str, condition: str
    ) -> None:
        """A parameter that is missing or wrong is named in the dialect's words; the recording stays as it was."""
        parent = self.parent(stage)
        recording = stage.recording(parent)
        before = stage.partition(parent)
        self.refused_parameter(client, self.update(client, parent, recording, form), condition, name)
        assert stage.partition(parent) == before

    @pytest.mark.parametrize("status", ["stopped", "completed", "absent"])
    def test_checks_parameters_before_the_state(self, client: FunctionClient, stage: Stage, status: str) -> None:
        """A wrong parameter for an ended recording answers the parameter's error (section 2)."""
        parent = self.parent(stage)
        recording = stage.recording(parent, status)
        answer = self.update(client, parent, recording, {"Status": "no"})
        self.refused_parameter(client, answer, "value outside the enum", "Status")

    def test_checks_existence_before_parameters(self, client: FunctionClient, stage: Stage) -> None:
        """A wrong parameter for what is not there, is deleted or belongs elsewhere answers 404 (section 2)."""
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

    def test_needs_the_right_parent(self, client: FunctionClient, stage: Stage) -> None:
        """Under another parent, or an unknown one, a recording cannot be changed (section 5.8)."""
        parent, sibling = self.parent(stage), self.parent(stage)
        recording = stage.recording(parent)
        elsewhere = stage.recording(self.of_the_other_kind(stage))
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
    def test_reads_json_in_s(
        self, client: FunctionClient, stage: Stage, gateway: Gateway, body: str, content_type: str
    ) -> None:
        """S reads JSON with the same names; to T it is an empty form, which lacks Status (operations.md, 1)."""
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
    def test_refuses_json_that_is_no_text(self, client: FunctionClient, stage: Stage, value: str) -> None:
        """JSON values are read as a form would spell them: null and empty ones are absent, others wrong."""
        parent = self.parent(stage)
        recording = stage.recording(parent)
        path = client.path(*self.path(client, parent, recording))
        answer = client.request("POST", path, form=f'{{"Status": {value}}}', content_type="application/json")
        empty = client.dialect.name == "twilio" or value in {"null", "[]"}
        condition = "parameter missing" if empty else "value outside the enum"
        self.refused_parameter(client, answer, condition, "Status")

    def test_refuses_malformed_and_large_bodies(self, client: FunctionClient, stage: Stage) -> None:
        """A broken or large body gets the plain error object, in S's FR3 too (section 3)."""
        parent = self.parent(stage)
        recording = stage.recording(parent)
        assert_refused(client, self.update(client, parent, recording, "Status=%zz"), "malformed body")
        assert_refused(client, self.update(client, parent, recording, "x=" + "y" * 65_535), "body too large")

    # `Twilio.CURRENT`: section 5.4.

    @pytest.mark.parametrize("status", ["in-progress", "paused"])
    @pytest.mark.parametrize("target", ["in-progress", "paused", "stopped"])
    def test_finds_the_current_recording(self, client: FunctionClient, stage: Stage, status: str, target: str) -> None:
        """The one active recording, paused or not, is current; the answer shows its sid; S knows no such id."""
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
        """Where none is active, none is current: 404, for a stop as well."""
        parent = self.parent(stage)
        if status is not None:
            stage.recording(parent, status)
        answer = self.update(client, parent, CURRENT, {"Status": target})
        assert_refused(client, answer, "not found", uri=client.path(*self.path(client, parent, CURRENT)))

    @pytest.mark.parametrize("status", ["in-progress", "paused"])
    def test_finds_several_current_recordings(self, client: FunctionClient, stage: Stage, status: str) -> None:
        """Of several active recordings none is the current one: T 16108, S as for an unknown id."""
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
        """A wrong parameter answers 404 where none is current, else the parameter's error, before 16108."""
        parent = self.parent(stage)
        for _ in range(active):
            stage.recording(parent)
        answer = self.update(client, parent, CURRENT, {"Status": "no"})
        if client.dialect.name == "signalwire" or not active:
            assert_refused(client, answer, "not found", uri=client.path(*self.path(client, parent, CURRENT)))
        else:
            self.refused_parameter(client, answer, "value outside the enum", "Status")

    @pytest.mark.parametrize(
        "text", ["twilio.current", "Twilio.Current", "TWILIO.CURRENT", "CURRENT", "Twilio.CURRENT.", "Twilio.CURRENT "]
    )
    def test_takes_current_to_the_letter(self, client: FunctionClient, stage: Stage, text: str) -> None:
        """`Twilio.CURRENT` is case-sensitive."""
        parent = self.parent(stage)
        stage.recording(parent)
        path = self.path(client, parent, text)
        answer = client.post(*path, form={"Status": "stopped"})
        assert_refused(client, answer, "not found", uri=client.path(*path))

    def test_needs_a_parent_for_current(self, client: FunctionClient) -> None:
        """Nothing is current under an unknown or malformed parent."""
        for parent in (client.sid(self._kind, "0" * 32), "nonsense"):
            path = self.path(client, parent, CURRENT)
            answer = client.post(*path, form={"Status": "stopped"})
            assert_refused(client, answer, "not found", uri=client.path(*path))

    @pytest.mark.parametrize(("losses", "found"), [(1, True), (2, True), (3, False)])
    def test_resolves_current_again(
        self, make_twilio: Callable[[], FunctionClient], stage: Stage, wire: Wire, losses: int, *, found: bool
    ) -> None:
        """A recording stopped since it was found is no longer current: the next one is, three times at most."""
        client, parent = make_twilio(), self.parent(stage)
        recordings = [stage.recording(parent)]

        def race(when: str, request: WireRequest) -> None:
            if when == "answered" and request.operation == "Query" and len(recordings) <= losses:
                stage.bring(recordings[-1], "stopped")
                recordings.append(stage.recording(parent, id=new_id(stage.clock())))

        stage.clock.step(1)
        with wire.watched_by(race):
            answer = self.update(client, parent, CURRENT, {"Status": "paused"})
        if found:
            now = stage.clock.seconds
            assert_answer(answer, 200, shown(client, recordings[-1], status="paused", updated=now))
        else:
            assert_refused(client, answer, "not found", uri=client.path(*self.path(client, parent, CURRENT)))
        assert wire.recordings == ["Query", "UpdateItem"] * min(losses + 1, 3)


class ListOfParentRules(ABC):
    """CR2 and FR1: the recordings of a call or of a conference."""

    source: Source
    """Something that may start several of them side by side."""

    @abstractmethod
    def parent(self, stage: Stage) -> Call | Conference:
        """Something that is recorded."""

    @abstractmethod
    def path(self, client: FunctionClient, parent: Call | Conference) -> tuple[str, ...]:
        """The path of its recordings."""

    def page(self, client: FunctionClient, parent: Call | Conference, made: list[Recording], filters: str = "") -> Any:
        """The page that shows these."""
        items = [shown(client, recording, read=True) for recording in made]
        path = "/".join(self.path(client, parent))
        return expected.page(client.dialect.name, client.account, path, items, filters=filters)

    def test_shows_each_state(self, client: FunctionClient, stage: Stage) -> None:
        """All but deleted ones, newest first, as a read shows them."""
        parent, made = self.parent(stage), []
        for status in ("completed", "absent", "stopped", "paused", "in-progress"):
            stage.clock.step(1)
            made.append(stage.recording(parent, status, self.source))
        stage.delete(stage.recording(parent, "completed", self.source))
        stage.recording(stage.call())
        assert_answer(client.get(*self.path(client, parent)), 200, self.page(client, parent, made[::-1]))

    @pytest.mark.parametrize(
        ("filters", "wanted"),
        [
            ({"DateCreated": "2020-02-29"}, [1, 2]),
            ({"DateCreated<": "2020-02-29"}, [0, 1]),
            ({"DateCreated>": "2020-03-01"}, [3]),
            ({"DateCreated>": "2020-02-29", "DateCreated<": "2020-03-01"}, [1, 2, 3]),
        ],
    )
    def test_filters_by_day(
        self, client: FunctionClient, stage: Stage, filters: dict[str, str], wanted: list[int]
    ) -> None:
        """A day in UTC, also the one in four years; midnight belongs to what is up to it and from it on."""
        parent, made = self.parent(stage), []
        midnight = 1_582_934_400  # 29 February 2020
        for second in (midnight - 1, midnight, midnight + 86_399, midnight + 86_400):
            stage.clock.milliseconds = second * 1000
            made.append(stage.recording(parent, source=self.source))
        found = [made[place] for place in sorted(wanted, reverse=True)]
        spelled = "".join(f"{n.replace('<', '%3C').replace('>', '%3E')}={v}&" for n, v in filters.items())
        answer = client.get(*self.path(client, parent), **filters)
        assert_answer(answer, 200, self.page(client, parent, found, spelled))

    def test_t_takes_days_only(self, client: FunctionClient, stage: Stage) -> None:
        """An instant is refused in T, and taken in S."""
        parent = self.parent(stage)
        stage.recording(parent)
        answer = client.get(*self.path(client, parent), DateCreated="2018-09-25T23:00:00Z")
        if client.dialect.name == "twilio":
            assert_refused(client, answer, "value outside the enum", name="DateCreated")
        else:
            assert len(answer.body["recordings"]) == 1

    def test_walks_past_deleted_ones(self, client: FunctionClient, stage: Stage) -> None:
        """However many there are, each page is full as long as there is something to show."""
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
    """CR5, FR4, R3: delete a recording and its media, at its parent's address or its account's (section 10)."""

    reads: list[str]
    """What it asks the table before it deletes."""

    @abstractmethod
    def parent(self, stage: Stage) -> Call | Conference:
        """Something that was recorded."""

    @abstractmethod
    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """The address of its recording."""

    def finished(
        self, stage: Stage, objects: Objects, parent: Call | Conference, status: str = "completed"
    ) -> Recording:
        """A finished recording, whose media lie there in each form that they may have."""
        recording = stage.recording(parent, status, channels=2)
        for name in RENDITIONS:
            objects.put(recording, name, b"audio")
        return recording

    @pytest.mark.parametrize("status", ["completed", "absent"])
    def test_deletes_what_is_finished(
        self, client: FunctionClient, stage: Stage, gateway: Gateway, objects: Objects, status: str
    ) -> None:
        """204 without a body: its media are gone, it is kept for 40 days, in the list of what was deleted."""
        client.gateway = gateway
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent, status)
        before = stage.item(items.recording_key(recording.parent, recording.id))
        now = stage.clock.step(9)
        assert_answer(client.delete(*self.path(client, parent, recording)), 204, None)
        held = stage.item(items.recording_key(recording.parent, recording.id))
        until = now + FORTY_DAYS
        changed = {"status": "deleted", "version": recording.version + 1, "updated": now, "expires_at": until}
        assert held == {**before, **changed, "deleted_by": held["deleted_by"]}
        row = {"parent": items.partition(recording.parent), "expires_at": until}
        key = items.list_entry_key(stage.account, "RECS-DELETED", recording.id)
        assert stage.item(key) == {**key, **row}
        assert stage.item(items.list_entry_key(stage.account, "RECS", recording.id)) == {}
        assert objects.names(recording) == set()

    @pytest.mark.parametrize("status", ["in-progress", "paused", "stopped"])
    def test_refuses_what_is_not_finished(
        self, client: FunctionClient, stage: Stage, objects: Objects, status: str
    ) -> None:
        """Before it is completed or absent: 400, 20009; nothing of it is touched."""
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent, status)
        before = stage.partition(parent)
        assert_refused(client, client.delete(*self.path(client, parent, recording)), "not finished")
        assert stage.partition(parent) == before
        assert objects.names(recording) == set(RENDITIONS)
        assert objects.requests == []

    def test_is_gone_at_every_address(
        self, client: FunctionClient, other: FunctionClient, stage: Stage, objects: Objects
    ) -> None:
        """In both dialects it is found nowhere and listed nowhere; its transcriptions stay."""
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent)
        kept = stage.transcription(recording)
        assert client.delete(*self.path(client, parent, recording)).status == 204
        for asked in (client, other):
            sid = asked.sid(ResourceType.RECORDING, recording.id)
            nested, collection = self._nested(asked, recording), ("Recordings",)
            for path in ((*nested, sid), ("Recordings", sid)):
                for answer in (asked.get(*path), asked.delete(*path)):
                    assert_refused(asked, answer, "not found", uri=asked.path(*path))
            for target in ("stopped", "paused"):
                assert asked.post(*nested, sid, form={"Status": target}).status == 404
            for suffix in ("", ".wav", ".mp3"):
                path_of_media = f"{asked.base}/Recordings/{sid}{suffix}"
                assert_refused(asked, asked.request("GET", path_of_media), "not found", uri=path_of_media)
            parents = {f"{kind[:-1]}Sid": of for kind, of in [nested[:2]]}
            for listed in (asked.get(*nested), asked.get(*collection), asked.get(*collection, **parents)):
                assert (listed.status, listed.body["recordings"]) == (200, [])
            transcriptions = asked.get("Recordings", sid, "Transcriptions").body["transcriptions"]
            assert [each["sid"] for each in transcriptions] == [asked.sid(ResourceType.TRANSCRIPTION, kept.id)]

    def test_is_still_shown_to_whoever_asks(
        self, client: FunctionClient, stage: Stage, make_twilio: Callable[[], FunctionClient], objects: Objects
    ) -> None:
        """Whichever dialect deleted it: T shows it with `IncludeSoftDeleted`, as deleted, S does not."""
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
    def test_a_second_time_it_is_not_found(
        self, client: FunctionClient, stage: Stage, objects: Objects, suffix: str
    ) -> None:
        """Deleted is deleted, and its 40 days do not begin anew."""
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
    def test_does_not_find_what_is_not_there(
        self, client: FunctionClient, stage: Stage, objects: Objects, sid: str | None
    ) -> None:
        """An unknown id, what is none, and `Twilio.CURRENT`, which is nothing to delete (section 5.4)."""
        parent = self.parent(stage)
        stage.recording(parent)
        path = self.path(client, parent, sid or client.sid(ResourceType.RECORDING, "0" * 32))
        assert_refused(client, client.delete(*path), "not found", uri=client.path(*path))
        assert objects.requests == []

    def test_media_go_first(self, client: FunctionClient, stage: Stage, objects: Objects, wire: Wire) -> None:
        """It is looked up, its media are deleted, then it is written; and then once more what was made meanwhile."""
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent)
        order: list[str] = []

        def note(when: str, request: WireRequest) -> None:
            if when == "sent":
                order.append(request.operation)

        objects.watchers.append(order.append)
        with wire.watched_by(note):
            assert client.delete(*self.path(client, parent, recording)).status == 204
        assert order == [*self.reads, "DeleteObjects", "TransactWriteItems", "DeleteObjects"]

    def test_what_is_made_meanwhile_goes_too(
        self, client: FunctionClient, stage: Stage, objects: Objects, wire: Wire
    ) -> None:
        """A rendition that somebody keeps between the deletion of the media and its writing does not stay (R18)."""
        parent = self.parent(stage)
        recording = self.finished(stage, objects, parent)

        def keep(when: str, request: WireRequest) -> None:
            if (when, request.operation) == ("sent", "TransactWriteItems"):
                objects.put(recording, "mono.wav", b"audio")

        with wire.watched_by(keep):
            assert client.delete(*self.path(client, parent, recording)).status == 204
        assert objects.names(recording) == set()

    @pytest.mark.parametrize("fault", ["busy", "broken", "denied", "refused", "partly", "lost"])
    def test_a_bucket_that_fails_leaves_it_as_it_was(
        self, client: FunctionClient, other: FunctionClient, stage: Stage, objects: Objects, fault: str
    ) -> None:
        """Where media could not be deleted it stays as it was, whole to every reader; the deletion can be repeated."""
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

    def test_a_bucket_that_fails_at_the_end_changes_nothing(
        self, client: FunctionClient, stage: Stage, objects: Objects, wire: Wire
    ) -> None:
        """Once it is written it is deleted, and that is the answer, though the last look at the bucket failed."""
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

    def test_two_at_once_delete_once(self, client: FunctionClient, stage: Stage, objects: Objects) -> None:
        """Whoever comes second finds it deleted: one 204, one 404, one version."""
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
        """Whatever comes as the body of a DELETE is not looked at."""
        parent = self.parent(stage)
        path = client.path(*self.path(client, parent, self.finished(stage, objects, parent)))
        assert_answer(client.request("DELETE", path, form="Status=%zz"), 204, None)

    def _nested(self, client: FunctionClient, recording: Recording) -> tuple[str, str, str]:
        """The collection of its parent."""
        of_call = recording.parent.kind is ParentKind.CALL
        kind = ResourceType.CALL if of_call else ResourceType.CONFERENCE
        return "Calls" if of_call else "Conferences", client.sid(kind, recording.parent.id), "Recordings"


class DeleteAtParentRules(DeleteRules):
    """CR5, FR4: what holds besides where a parent is named."""

    @abstractmethod
    def of_the_other_kind(self, stage: Stage) -> Call | Conference:
        """A parent of the kind that this address does not name."""

    def test_needs_the_right_parent(self, client: FunctionClient, stage: Stage, objects: Objects) -> None:
        """Under another parent, or an unknown one, a recording cannot be deleted (section 5.8)."""
        parent, sibling = self.parent(stage), self.parent(stage)
        recording = self.finished(stage, objects, parent)
        elsewhere = self.finished(stage, objects, self.of_the_other_kind(stage))
        before = stage.partition(parent)
        for path in (
            self.path(client, sibling, recording),
            self.path(client, "nonsense", recording),
            self.path(client, parent, elsewhere),
        ):
            assert_refused(client, client.delete(*path), "not found", uri=client.path(*path))
        assert stage.partition(parent) == before
        assert objects.names(recording) == objects.names(elsewhere) == set(RENDITIONS)
