"""CR1: start recording a call (behaviour.md, section 5.2)."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tests.client import Answer, Form, FunctionClient, Gateway
from tests.functions.literal import Api
from tests.functions.stage import Clock, Stage, assert_answer, assert_refused, call_path, shown

CREATED = {"twilio": 201, "signalwire": 200}


def test_recording_a_call_answers_the_new_recording(
    api: Api, example: Stage, fix_new_ids: Callable[[str], None]
) -> None:
    """Starting a recording of a call in progress answers 201 with the recording in progress."""
    example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    fix_new_ids("016612f5f27a74eca7e3b05d9c1f8264")

    answer = api.request(
        "POST",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Recordings.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"RecordingChannels": "dual", "RecordingStatusCallback": "https://app.example.com/recordings"},
    )

    assert answer.status == 201
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "account_sid": "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c",
        "api_version": "2010-04-01",
        "call_sid": "CA016612f5f27a7ca18a5f2c9e41d7b360",
        "conference_sid": None,
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "date_updated": "Tue, 25 Sep 2018 23:00:00 +0000",
        "start_time": "Tue, 25 Sep 2018 23:00:00 +0000",
        "duration": None,
        "sid": "RE016612f5f27a74eca7e3b05d9c1f8264",
        "price": None,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
        ),
        "encryption_details": None,
        "price_unit": None,
        "status": "in-progress",
        "channels": 2,
        "source": "StartCallRecordingAPI",
        "error_code": None,
        "track": "both",
    }


def test_recording_a_call_that_has_ended_is_not_eligible(api: Api, example: Stage, clock: Clock) -> None:
    """Starting a recording of a call that has ended answers 400 with error 21220."""
    example.call("completed", id="016612f5f27a7ca18a5f2c9e41d7b360", ended=clock.seconds)

    answer = api.request(
        "POST",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360/Recordings"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"RecordingChannels": "dual"},
    )

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 21220,
        "message": "Requested resource is not eligible for recording",
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 400,
    }


def create(client: FunctionClient, call: Call | str, form: Form = None) -> Answer:
    """CR1."""
    return client.post(*call_path(client, call, ""), form=form)


def made(client: FunctionClient, stage: Stage, call: Call, answer: Answer, **fields: Any) -> Recording:
    """What CR1 must have made of a call, by the id that the answer tells."""
    identifier = answer.body["sid"].removeprefix("RE").replace("-", "")
    assert answer.body["sid"] == client.sid(ResourceType.RECORDING, identifier)
    recording = Recording(
        identifier, Parent(stage.account, ParentKind.CALL, call.id), RecordingStatus.IN_PROGRESS,
        Source.START_CALL_RECORDING, stage.clock.seconds, call=call.id, started=stage.clock.seconds,
    )  # fmt: skip
    return replace(recording, **fields)


def test_starts_a_recording(client: FunctionClient, stage: Stage, gateway: Gateway) -> None:
    """A call in progress gets a recording in progress, mono, of both tracks, untrimmed: 201, in S 200."""
    client.gateway = gateway
    call = stage.call()
    stage.clock.step(3)
    answer = create(client, call)
    recording = made(client, stage, call, answer)
    assert_answer(answer, CREATED[client.dialect.name], shown(client, recording))
    assert_answer(client.get(*call_path(client, call, recording)), 200, shown(client, recording, read=True))


def test_takes_all_parameters(client: FunctionClient, stage: Stage, gateway: Gateway) -> None:
    """Channels, track and trim are shown; the callback is kept with the dialect that asked for it."""
    client.gateway = gateway
    call = stage.call()
    url = "https://user:pass@app.example.com:8443/hooks?tenant=42#rc=2"
    form = {
        "RecordingChannels": "dual",
        "RecordingTrack": "outbound",
        "Trim": "trim-silence",
        "RecordingStatusCallback": url,
        "RecordingStatusCallbackMethod": "GET",
        "RecordingStatusCallbackEvent": ["absent", "in-progress"],
        "RecordingConfigurationId": "ignored",
        "recordingChannels": "ignored",
    }
    answer = create(client, call, form)
    recording = made(client, stage, call, answer, channels=2, track="outbound", trim="trim-silence")
    assert_answer(answer, CREATED[client.dialect.name], shown(client, recording))
    held = stage.item(items.recording_key(recording.parent, recording.id))
    assert held["callback"] == {
        "url": url,
        "method": "GET",
        "events": ["in-progress", "absent"],
        "dialect": client.dialect.name,
    }


@pytest.mark.parametrize(
    ("field", "value", "held"),
    [
        ("RecordingChannels", "mono", {"channels": 1}),
        ("RecordingTrack", "inbound", {"track": "inbound"}),
        ("RecordingTrack", "both", {"track": "both"}),
        ("Trim", "do-not-trim", {"trim": "do-not-trim"}),
        # An empty value counts as absent; of a repeated one the last counts.
        ("RecordingChannels", "", {"channels": 1}),
        ("Trim", "", {"trim": "do-not-trim"}),
        ("RecordingStatusCallback", "", {}),
        ("RecordingStatusCallbackEvent", "", {}),
        ("RecordingChannels", ["nonsense", "dual"], {"channels": 2}),
        ("RecordingChannels", ["dual", ""], {"channels": 1}),
        ("Trim", ["do-not-trim", "trim-silence"], {"trim": "trim-silence"}),
    ],
)
def test_reads_each_value(
    client: FunctionClient, stage: Stage, field: str, value: str | list[str], held: dict[str, Any]
) -> None:
    """Every allowed value is taken; empty means absent, and the last of several counts."""
    call = stage.call()
    answer = create(client, call, {field: value})
    recording = made(client, stage, call, answer, **held)
    assert_answer(answer, CREATED[client.dialect.name], shown(client, recording))


@pytest.mark.parametrize(
    ("events", "kept"),
    [
        (None, ["completed"]),
        ("", ["completed"]),
        ("absent", ["absent"]),
        ("in-progress completed absent", ["in-progress", "completed", "absent"]),
        ("  absent   in-progress ", ["in-progress", "absent"]),
        (["absent", "completed"], ["completed", "absent"]),
        (["absent in-progress", "completed"], ["in-progress", "completed", "absent"]),
        (["completed", "completed"], ["completed"]),
        (["", "absent"], ["absent"]),
    ],
)
def test_reads_lists_of_events(
    client: FunctionClient, stage: Stage, events: str | list[str] | None, kept: list[str]
) -> None:
    """Events come as one text with spaces, as a repeated key, or both; `completed` unless asked otherwise."""
    call = stage.call()
    form: dict[str, Any] = {"RecordingStatusCallback": "http://a.example/"}
    if events is not None:
        form["RecordingStatusCallbackEvent"] = events
    recording = made(client, stage, call, create(client, call, form))
    held = stage.item(items.recording_key(recording.parent, recording.id))
    assert held["callback"] == {
        "url": "http://a.example/",
        "method": "POST",
        "events": kept,
        "dialect": client.dialect.name,
    }


PARAMETER_FAULTS = [
    ("RecordingChannels", "stereo", "value outside the enum"),
    ("RecordingChannels", "DUAL", "value outside the enum"),
    ("RecordingTrack", "all", "value outside the enum"),
    ("Trim", "trim", "trim unknown"),
    ("Trim", "true", "trim unknown"),
    ("RecordingStatusCallback", "/relative", "no callback URL"),
    ("RecordingStatusCallback", "ftp://a.example/", "no callback URL"),
    ("RecordingStatusCallback", "http://a.example/a b", "no callback URL"),
    ("RecordingStatusCallbackMethod", "PUT", "no HTTP method"),
    ("RecordingStatusCallbackMethod", "post", "no HTTP method"),
    ("RecordingStatusCallbackEvent", "started", "event unknown"),
    ("RecordingStatusCallbackEvent", "completed failed", "event unknown"),
    ("RecordingStatusCallbackEvent", ["completed", "paused"], "event unknown"),
]


@pytest.mark.parametrize(("field", "value", "condition"), PARAMETER_FAULTS)
def test_refuses_wrong_parameters(
    client: FunctionClient, stage: Stage, field: str, value: str | list[str], condition: str
) -> None:
    """A value that cannot be used is refused in the dialect's words, and nothing starts."""
    call = stage.call()
    assert_refused(client, create(client, call, {field: value}), condition, name=field)
    assert [item["SK"] for item in stage.partition(call)] == ["CALL"]


@pytest.mark.parametrize(("field", "value", "condition"), PARAMETER_FAULTS[::4])
def test_checks_existence_before_parameters(
    client: FunctionClient, stage: Stage, field: str, value: str, condition: str
) -> None:
    """Wrong parameters for an unknown call answer 404, for an ended one the parameter's error (section 2)."""
    unknown, ended = replace(stage.call(), id="0" * 32), stage.call("completed")
    answer = create(client, unknown, {field: value})
    assert_refused(client, answer, "not found", uri=client.path(*call_path(client, unknown, "")))
    assert_refused(client, create(client, ended, {field: value}), condition, name=field)


@pytest.mark.parametrize("status", ["queued", "ringing", "completed", "busy", "failed", "no-answer", "canceled"])
def test_needs_a_call_in_progress(client: FunctionClient, stage: Stage, status: str) -> None:
    """A call that is not in progress cannot be recorded: 400, 21220; it stays as it was."""
    call = stage.call(status)
    before = stage.partition(call)
    assert_refused(client, create(client, call), "not eligible")
    assert stage.partition(call) == before


def test_needs_a_call(client: FunctionClient, stage: Stage) -> None:
    """An unknown call answers 404, and leaves nothing behind."""
    call = replace(stage.call(), id="0" * 32)
    assert_refused(client, create(client, call), "not found", uri=client.path(*call_path(client, call, "")))
    assert stage.partition(call) == []


@pytest.mark.parametrize("status", ["in-progress", "paused"])
def test_answers_with_the_recording_that_runs(client: FunctionClient, stage: Stage, status: str) -> None:
    """A second start answers 200 with the first's recording, ignores its parameters and changes nothing."""
    call = stage.call()
    recording = stage.recording(call, status)
    before = stage.partition(call)
    stage.clock.step(5)
    form = {"RecordingChannels": "dual", "RecordingTrack": "inbound", "RecordingStatusCallback": "https://b.example/"}
    assert_answer(create(client, call, form), 200, shown(client, recording))
    assert stage.partition(call) == before


def test_checks_parameters_even_when_a_recording_runs(client: FunctionClient, stage: Stage) -> None:
    """A second start's parameters are ignored, but checked as always."""
    call = stage.call()
    stage.recording(call)
    assert_refused(client, create(client, call, {"Trim": "no"}), "trim unknown", name="Trim")


@pytest.mark.parametrize("status", ["stopped", "completed", "absent", "deleted"])
def test_starts_again_after_a_stop(client: FunctionClient, stage: Stage, status: str) -> None:
    """After the recording has stopped a start makes a new one, which the next start then finds."""
    call = stage.call()
    first = stage.recording(call, status)
    stage.clock.step(5)
    answer = create(client, call, {"RecordingChannels": "dual"})
    second = made(client, stage, call, answer, channels=2)
    assert second.id != first.id
    assert_answer(answer, CREATED[client.dialect.name], shown(client, second))
    assert_answer(create(client, call), 200, shown(client, second))
    assert stage.item(items.call_key(call.account, call.id))["active"] == {second.id}


def test_starts_beside_recordings_of_other_sources(client: FunctionClient, stage: Stage) -> None:
    """What another source started runs on beside it, and is not what a start finds."""
    call = stage.call()
    others = stage.recording(call, source=Source.OUTBOUND_API)
    answer = create(client, call)
    recording = made(client, stage, call, answer)
    assert_answer(answer, CREATED[client.dialect.name], shown(client, recording))
    assert_answer(create(client, call), 200, shown(client, recording))
    assert_answer(client.get(*call_path(client, call, others)), 200, shown(client, others, read=True))
    assert stage.item(items.call_key(call.account, call.id))["active"] == {others.id, recording.id}


def test_finds_a_recording_of_the_other_dialect(client: FunctionClient, other: FunctionClient, stage: Stage) -> None:
    """A start in one dialect is found by a start in the other, in the other's words (section 1)."""
    call = stage.call()
    recording = made(client, stage, call, create(client, call))
    assert_answer(create(other, call), 200, shown(other, recording))


def test_stops_nothing_but_its_own(client: FunctionClient, stage: Stage) -> None:
    """Starting on one call leaves another call of the account alone."""
    one, two = stage.call(), stage.call()
    before = stage.partition(two)
    create(client, one)
    assert stage.partition(two) == before


@pytest.mark.parametrize(
    "body",
    [
        {"RecordingChannels": "dual", "RecordingStatusCallbackEvent": ["absent", "completed"]},
        {"RecordingChannels": "dual", "RecordingStatusCallbackEvent": "completed absent"},
        {"RecordingChannels": ["mono", "dual"], "RecordingStatusCallbackEvent": ["absent completed"], "Trim": None},
        {"RecordingChannels": "dual", "RecordingStatusCallbackEvent": ["completed", "absent"], "Trim": "", "x": {}},
    ],
)
def test_reads_json(client: FunctionClient, stage: Stage, gateway: Gateway, body: dict[str, Any]) -> None:
    """S reads JSON like a form; T reads it as an empty form (operations.md, section 1)."""
    client.gateway = gateway
    call = stage.call()
    text = json.dumps({"RecordingStatusCallback": "https://a.example/", **body})
    path = client.path(*call_path(client, call, ""))
    answer = client.request("POST", path, form=text, content_type="application/json; charset=utf-8")
    reads = client.dialect.name == "signalwire"
    recording = made(client, stage, call, answer, channels=2 if reads else 1)
    assert_answer(answer, CREATED[client.dialect.name], shown(client, recording))
    held = stage.item(items.recording_key(recording.parent, recording.id)).get("callback")
    assert (held and held["events"]) == (["completed", "absent"] if reads else None)


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", "application/xml", ""])
def test_reads_other_types_as_a_form_in_s_only(client: FunctionClient, stage: Stage, content_type: str) -> None:
    """S reads any type other than JSON as a form, T only a form (behaviour.md, section 3)."""
    call = stage.call()
    path = client.path(*call_path(client, call, ""))
    answer = client.request("POST", path, form={"RecordingChannels": "dual"}, content_type=content_type)
    channels = 2 if client.dialect.name == "signalwire" else 1
    recording = made(client, stage, call, answer, channels=channels)
    assert_answer(answer, CREATED[client.dialect.name], shown(client, recording))


def test_reads_the_content_type_in_any_case(client: FunctionClient, stage: Stage) -> None:
    """A form's content type may be spelled in any case and carry parameters."""
    call = stage.call()
    path = client.path(*call_path(client, call, ""))
    kind = "Application/X-WWW-Form-URLEncoded; charset=UTF-8"
    answer = client.request("POST", path, form={"RecordingTrack": "inbound"}, content_type=kind)
    assert_answer(
        answer,
        CREATED[client.dialect.name],
        shown(client, made(client, stage, call, answer, track="inbound")),
    )


MALFORMED: dict[str, tuple[str | bytes, str, str]] = {
    "not UTF-8": (b"Trim=\xff\xfe", "application/x-www-form-urlencoded", "both"),
    "not UTF-8 in escapes": (b"Trim=%ff%fe", "application/x-www-form-urlencoded", "both"),
    "broken escape": ("Trim=%zz", "application/x-www-form-urlencoded", "both"),
    "half an escape at the end": ("Trim=%4", "application/x-www-form-urlencoded", "both"),
    "JSON that does not parse": ('{"Trim":', "application/json", "signalwire"),
    "JSON that is no object": ('["Trim"]', "application/json", "signalwire"),
    "JSON nested too deep": ("[" * 60_000, "application/json", "signalwire"),
    "JSON in no encoding": (b'{"Trim": "\xff"}', "application/json", "signalwire"),
}


@pytest.mark.parametrize(("body", "content_type", "dialects"), MALFORMED.values(), ids=MALFORMED.keys())
def test_refuses_malformed_bodies(
    client: FunctionClient, stage: Stage, body: str | bytes, content_type: str, dialects: str
) -> None:
    """A body that is not what its content type says is refused with 400; T does not read JSON at all."""
    client.gateway = "sam"  # which hands every body over as it came
    call = stage.call()
    path = client.path(*call_path(client, call, ""))
    answer = client.request("POST", path, form=body, content_type=content_type)
    if dialects in {"both", client.dialect.name}:
        assert_refused(client, answer, "malformed body")
        assert [item["SK"] for item in stage.partition(call)] == ["CALL"]
    else:
        assert answer.status == 201


def _fields(number: int) -> str:
    return "&".join(f"f{position}={position}" for position in range(number))


TOO_LARGE = {
    "65537 bytes": "x=" + "y" * (64 * 1024 - 1),
    "201 fields": _fields(201),
    "separators only": "&" * 200,
}


@pytest.mark.parametrize("body", TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_refuses_large_bodies(client: FunctionClient, stage: Stage, gateway: Gateway, body: str) -> None:
    """A body over 64 KB or 200 fields is refused with 413 (rule R17)."""
    client.gateway = gateway
    call = stage.call()
    assert_refused(client, create(client, call, body), "body too large")
    assert [item["SK"] for item in stage.partition(call)] == ["CALL"]


@pytest.mark.parametrize("body", ["x=" + "y" * (64 * 1024 - 2), _fields(200)], ids=["65536 bytes", "200 fields"])
def test_takes_bodies_up_to_the_limits(client: FunctionClient, stage: Stage, body: str) -> None:
    """64 KB and 200 fields are not too many."""
    call = stage.call()
    assert create(client, call, body).status == CREATED[client.dialect.name]


def test_keeps_a_long_callback_url(client: FunctionClient, stage: Stage) -> None:
    """A callback URL is kept to the byte, however long and whatever its path spells."""
    call = stage.call()
    url = "https://a.example/" + quote("é") + "é" * 500 + "?q=" + "z" * 5000
    recording = made(client, stage, call, create(client, call, {"RecordingStatusCallback": url}))
    assert stage.item(items.recording_key(recording.parent, recording.id))["callback"]["url"] == url
