"""Starting a recording of a call: `create_call_recording` in both dialects."""

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
    """Starting a recording of a call that has ended answers 400 with error 21220, in SignalWire's dialect."""
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
    """Send the request."""
    return client.post(*call_path(client, call, ""), form=form)


def created_recording(client: FunctionClient, stage: Stage, call: Call, answer: Answer, **fields: Any) -> Recording:
    """Return the recording that the request must have created, with the id from the response."""
    identifier = answer.body["sid"].removeprefix("RE").replace("-", "")
    assert answer.body["sid"] == client.sid(ResourceType.RECORDING, identifier)
    recording = Recording(
        identifier, Parent(stage.account, ParentKind.CALL, call.id), RecordingStatus.IN_PROGRESS,
        Source.START_CALL_RECORDING, stage.clock.seconds, call=call.id, started=stage.clock.seconds,
    )  # fmt: skip
    return replace(recording, **fields)


def test_starting_a_recording_answers_it_in_progress(client: FunctionClient, stage: Stage, gateway: Gateway) -> None:
    """A call in progress gets a mono, untrimmed recording of both tracks: 201, in SignalWire's dialect 200."""
    client.gateway = gateway
    call = stage.call()
    stage.clock.step(3)
    answer = create(client, call)
    recording = created_recording(client, stage, call, answer)
    assert_answer(answer, CREATED[client.dialect.name], shown(client, recording))
    assert_answer(client.get(*call_path(client, call, recording)), 200, shown(client, recording, read=True))


def test_all_parameters_are_stored(client: FunctionClient, stage: Stage, gateway: Gateway) -> None:
    """Channels, track and trim are shown; the callback is stored with the dialect of the request (C-68)."""
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
    recording = created_recording(client, stage, call, answer, channels=2, track="outbound", trim="trim-silence")
    assert_answer(answer, CREATED[client.dialect.name], shown(client, recording))
    stored = stage.item(items.recording_key(recording.parent, recording.id))
    assert stored["callback"] == {
        "url": url,
        "method": "GET",
        "events": ["in-progress", "absent"],
        "dialect": client.dialect.name,
    }


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("RecordingChannels", "mono", {"channels": 1}),
        ("RecordingTrack", "inbound", {"track": "inbound"}),
        ("RecordingTrack", "both", {"track": "both"}),
        ("Trim", "do-not-trim", {"trim": "do-not-trim"}),
        # An empty value counts as absent; of repeated values the last counts.
        ("RecordingChannels", "", {"channels": 1}),
        ("Trim", "", {"trim": "do-not-trim"}),
        ("RecordingStatusCallback", "", {}),
        ("RecordingStatusCallbackEvent", "", {}),
        ("RecordingChannels", ["nonsense", "dual"], {"channels": 2}),
        ("RecordingChannels", ["dual", ""], {"channels": 1}),
        ("Trim", ["do-not-trim", "trim-silence"], {"trim": "trim-silence"}),
    ],
)
def test_every_allowed_value_is_accepted(
    client: FunctionClient, stage: Stage, field: str, value: str | list[str], stored: dict[str, Any]
) -> None:
    """Every allowed value is accepted; an empty value counts as absent, and the last of several values counts."""
    call = stage.call()
    answer = create(client, call, {field: value})
    recording = created_recording(client, stage, call, answer, **stored)
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
        ("failed completed", ["completed", "failed"]),
        ("failed", ["failed"]),
    ],
)
def test_callback_events_are_separated_or_repeated(
    client: FunctionClient, stage: Stage, events: str | list[str] | None, kept: list[str]
) -> None:
    """Events may be separated by spaces, repeated as keys, or both; `failed` is one, the default is `completed`."""
    call = stage.call()
    form: dict[str, Any] = {"RecordingStatusCallback": "http://a.example/"}
    if events is not None:
        form["RecordingStatusCallbackEvent"] = events
    recording = created_recording(client, stage, call, create(client, call, form))
    stored = stage.item(items.recording_key(recording.parent, recording.id))
    assert stored["callback"] == {
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
]


@pytest.mark.parametrize(("field", "value", "condition"), PARAMETER_FAULTS)
def test_an_invalid_parameter_is_rejected(
    client: FunctionClient, stage: Stage, field: str, value: str | list[str], condition: str
) -> None:
    """An invalid value is rejected in the dialect's format, and no recording starts."""
    call = stage.call()
    assert_refused(client, create(client, call, {field: value}), condition, name=field)
    assert [item["SK"] for item in stage.partition(call)] == ["CALL"]


_UNUSABLE_CALLBACKS: list[tuple[dict[str, Any], str, tuple[str, list[str]] | None]] = [
    ({"RecordingStatusCallback": "/relative"}, "no callback URL", None),
    ({"RecordingStatusCallback": "ftp://a.example/"}, "no callback URL", None),
    ({"RecordingStatusCallback": "http://a.example/a b"}, "no callback URL", None),
    ({"RecordingStatusCallbackMethod": "PUT"}, "no HTTP method", ("POST", ["completed"])),
    ({"RecordingStatusCallbackEvent": "started"}, "event unknown", None),
    ({"RecordingStatusCallbackEvent": "completed,absent"}, "event unknown", None),
    ({"RecordingStatusCallbackEvent": "Completed"}, "event unknown", None),
    ({"RecordingStatusCallbackEvent": ["absent", "paused"]}, "event unknown", ("POST", ["absent"])),
    ({"RecordingStatusCallbackEvent": "absent deleted", "RecordingStatusCallbackMethod": "get"}, "event unknown",
     ("GET", ["absent"])),
]  # fmt: skip


@pytest.mark.parametrize(("form", "condition", "kept"), _UNUSABLE_CALLBACKS)
def test_an_unusable_callback_is_left_out(
    client: FunctionClient,
    stage: Stage,
    form: dict[str, Any],
    condition: str,
    kept: tuple[str, list[str]] | None,
) -> None:
    """Twilio starts the recording without what is unusable in the callback; SignalWire rejects the request."""
    call, url = stage.call(), "http://a.example/"
    answer = create(client, call, {"RecordingStatusCallback": url, **form})
    if client.dialect.name == "signalwire":
        assert_refused(client, answer, condition, name=next(iter(form)))
        assert [item["SK"] for item in stage.partition(call)] == ["CALL"]
        return
    recording = created_recording(client, stage, call, answer)
    assert_answer(answer, 201, shown(client, recording))
    expected = None
    if kept is not None:
        expected = {"url": url, "method": kept[0], "events": kept[1], "dialect": "twilio"}
    assert stage.item(items.recording_key(recording.parent, recording.id)).get("callback") == expected


@pytest.mark.parametrize(("field", "value", "condition"), PARAMETER_FAULTS[::2])
def test_existence_is_checked_before_parameters(
    client: FunctionClient, stage: Stage, field: str, value: str, condition: str
) -> None:
    """Invalid parameters answer 404 for an unknown call, and the parameter's error for a call that has ended."""
    unknown, ended = replace(stage.call(), id="0" * 32), stage.call("completed")
    answer = create(client, unknown, {field: value})
    assert_refused(client, answer, "not found", uri=client.path(*call_path(client, unknown, "")))
    assert_refused(client, create(client, ended, {field: value}), condition, name=field)


@pytest.mark.parametrize("status", ["queued", "ringing", "completed", "busy", "failed", "no-answer", "canceled"])
def test_a_call_that_is_not_in_progress_is_not_eligible(client: FunctionClient, stage: Stage, status: str) -> None:
    """A call that is not in progress cannot be recorded: 400 with error 21220, and nothing changes."""
    call = stage.call(status)
    before = stage.partition(call)
    assert_refused(client, create(client, call), "not eligible")
    assert stage.partition(call) == before


def test_an_unknown_call_is_not_found(client: FunctionClient, stage: Stage) -> None:
    """An unknown call answers 404, and nothing is stored."""
    call = replace(stage.call(), id="0" * 32)
    assert_refused(client, create(client, call), "not found", uri=client.path(*call_path(client, call, "")))
    assert stage.partition(call) == []


@pytest.mark.parametrize("status", ["in-progress", "paused"])
def test_a_second_start_answers_the_active_recording(client: FunctionClient, stage: Stage, status: str) -> None:
    """A second start answers 200 with the active recording, ignores its parameters and changes nothing (C-30)."""
    call = stage.call()
    recording = stage.recording(call, status)
    before = stage.partition(call)
    stage.clock.step(5)
    form = {"RecordingChannels": "dual", "RecordingTrack": "inbound", "RecordingStatusCallback": "https://b.example/"}
    assert_answer(create(client, call, form), 200, shown(client, recording))
    assert stage.partition(call) == before


def test_parameters_of_a_second_start_are_validated(client: FunctionClient, stage: Stage) -> None:
    """The parameters of a second start are ignored, but still validated."""
    call = stage.call()
    stage.recording(call)
    assert_refused(client, create(client, call, {"Trim": "no"}), "trim unknown", name="Trim")


@pytest.mark.parametrize("status", ["stopped", "completed", "absent", "deleted"])
def test_a_start_after_a_stop_creates_another_recording(client: FunctionClient, stage: Stage, status: str) -> None:
    """After the recording has stopped, a start creates a new one, which the next start answers."""
    call = stage.call()
    first = stage.recording(call, status)
    stage.clock.step(5)
    answer = create(client, call, {"RecordingChannels": "dual"})
    second = created_recording(client, stage, call, answer, channels=2)
    assert second.id != first.id
    assert_answer(answer, CREATED[client.dialect.name], shown(client, second))
    assert_answer(create(client, call), 200, shown(client, second))
    assert stage.item(items.call_key(call.account, call.id))["active"] == {second.id}


def test_recordings_of_other_sources_run_in_parallel(client: FunctionClient, stage: Stage) -> None:
    """A recording of another source continues in parallel, and a second start does not answer it."""
    call = stage.call()
    others = stage.recording(call, source=Source.OUTBOUND_API)
    answer = create(client, call)
    recording = created_recording(client, stage, call, answer)
    assert_answer(answer, CREATED[client.dialect.name], shown(client, recording))
    assert_answer(create(client, call), 200, shown(client, recording))
    assert_answer(client.get(*call_path(client, call, others)), 200, shown(client, others, read=True))
    assert stage.item(items.call_key(call.account, call.id))["active"] == {others.id, recording.id}


def test_a_call_has_at_most_45_active_recordings(client: FunctionClient, stage: Stage) -> None:
    """With 44 active recordings of other sources a call can be recorded; with 45 it is not eligible (C-31)."""
    allowed, refused = stage.call(), stage.call()
    for call, active in ((allowed, 44), (refused, 45)):
        for _ in range(active):
            stage.recording(call, source=Source.DIAL_VERB)
    assert create(client, allowed).status == CREATED[client.dialect.name]
    before = stage.partition(refused)
    assert_refused(client, create(client, refused), "not eligible")
    assert stage.partition(refused) == before


def test_a_start_answers_the_active_recording_of_the_other_dialect(
    client: FunctionClient, other: FunctionClient, stage: Stage
) -> None:
    """A start in one dialect answers the recording started in the other, in its own format (C-3)."""
    call = stage.call()
    recording = created_recording(client, stage, call, create(client, call))
    assert_answer(create(other, call), 200, shown(other, recording))


def test_starting_a_recording_does_not_affect_other_calls(client: FunctionClient, stage: Stage) -> None:
    """Starting a recording of one call does not change another call of the account."""
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
def test_signalwire_reads_a_json_body(
    client: FunctionClient, stage: Stage, gateway: Gateway, body: dict[str, Any]
) -> None:
    """SignalWire reads a JSON body like a form; Twilio reads it as an empty form."""
    client.gateway = gateway
    call = stage.call()
    text = json.dumps({"RecordingStatusCallback": "https://a.example/", **body})
    path = client.path(*call_path(client, call, ""))
    answer = client.request("POST", path, form=text, content_type="application/json; charset=utf-8")
    reads = client.dialect.name == "signalwire"
    recording = created_recording(client, stage, call, answer, channels=2 if reads else 1)
    assert_answer(answer, CREATED[client.dialect.name], shown(client, recording))
    stored = stage.item(items.recording_key(recording.parent, recording.id)).get("callback")
    assert (stored and stored["events"]) == (["completed", "absent"] if reads else None)


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", "application/xml", ""])
def test_signalwire_reads_other_content_types_as_a_form(
    client: FunctionClient, stage: Stage, content_type: str
) -> None:
    """SignalWire reads every content type except JSON as a form; Twilio reads only forms (C-12)."""
    call = stage.call()
    path = client.path(*call_path(client, call, ""))
    answer = client.request("POST", path, form={"RecordingChannels": "dual"}, content_type=content_type)
    channels = 2 if client.dialect.name == "signalwire" else 1
    recording = created_recording(client, stage, call, answer, channels=channels)
    assert_answer(answer, CREATED[client.dialect.name], shown(client, recording))


def test_the_content_type_is_case_insensitive(client: FunctionClient, stage: Stage) -> None:
    """The content type of a form is case-insensitive and may have parameters."""
    call = stage.call()
    path = client.path(*call_path(client, call, ""))
    kind = "Application/X-WWW-Form-URLEncoded; charset=UTF-8"
    answer = client.request("POST", path, form={"RecordingTrack": "inbound"}, content_type=kind)
    assert_answer(
        answer,
        CREATED[client.dialect.name],
        shown(client, created_recording(client, stage, call, answer, track="inbound")),
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
def test_a_malformed_body_is_rejected(
    client: FunctionClient, stage: Stage, body: str | bytes, content_type: str, dialects: str
) -> None:
    """A body that does not match its content type answers 400; Twilio does not parse JSON at all (C-14)."""
    client.gateway = "sam"  # it forwards every body unchanged
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
def test_a_body_over_the_limits_is_rejected(client: FunctionClient, stage: Stage, gateway: Gateway, body: str) -> None:
    """A body over 64 KB or with more than 200 fields answers 413 (REL-17) (C-13)."""
    client.gateway = gateway
    call = stage.call()
    assert_refused(client, create(client, call, body), "body too large")
    assert [item["SK"] for item in stage.partition(call)] == ["CALL"]


@pytest.mark.parametrize("body", ["x=" + "y" * (64 * 1024 - 2), _fields(200)], ids=["65536 bytes", "200 fields"])
def test_a_body_at_the_limits_is_accepted(client: FunctionClient, stage: Stage, body: str) -> None:
    """A body of exactly 64 KB or 200 fields is accepted."""
    call = stage.call()
    assert create(client, call, body).status == CREATED[client.dialect.name]


def test_a_long_callback_url_is_stored_unchanged(client: FunctionClient, stage: Stage) -> None:
    """A callback URL of ASCII characters is stored byte for byte, at any length."""
    call = stage.call()
    url = "https://a.example/" + quote("é" * 500) + "?q=%zz+" + "z" * 5000
    recording = created_recording(client, stage, call, create(client, call, {"RecordingStatusCallback": url}))
    assert stage.item(items.recording_key(recording.parent, recording.id))["callback"]["url"] == url
