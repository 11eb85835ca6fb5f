"""A run of every operation that writes behind the edge, with secrets in every input."""

import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ConnectionClosedError

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.identity import new_id
from tapedeck.ports.messaging import FailureReason, WebhookResult
from tests.client import DIALECTS, FunctionClient, make_event
from tests.engine_reports import capture_fields
from tests.functions.background_world import ENGINE_TOKEN, register_engine
from tests.functions.canaries import Canaries
from tests.functions.objects import Objects
from tests.functions.secret_places import LENT_KEY, LENT_TOKEN, Deployment
from tests.functions.stage import call_path, participant_path
from tests.media import sound

SECRETS: Final = {
    "auth token": "canary4711token00000000000000000",
    "signing key": "PSK_canary-signing-key",
    "wrong token": "canary-wrong-token",
    "engine token": ENGINE_TOKEN,
    "wrong engine token": f"tdk_standin_{'w' * 43}",
    "lent key": LENT_KEY,
    "lent session": LENT_TOKEN,
    "unlisted field": "canary-unlisted-field",
    "refused value": "canary-refused-value",
    "header": "canary-header",
    "password of a SIP address": "canary-sip-password",
    "call token": "canary-call-token",
    "unlisted field of an event": "canary-event-field",
}
"""What no place may contain; that of a new API key is added when it is created."""

USER, PASSWORD, QUERY = "canary-user", "canary-password", "canary-query"
URL: Final = f"https://{USER}:{PASSWORD}@app.example.com/hooks?secret={QUERY}"

CONTENT: Final = {
    "called number": "13105678901",
    "calling number": "13103384645",
    "password of a URL": PASSWORD,
    "query of a URL": QUERY,
    "name of a conference": "canary-room",
    "label": "canary-label",
}
"""What requests contain and the service stores, so that it can be found where it must be, and nowhere else."""


class Scenario:
    """Uses every operation that writes behind the edge, with each kind of success and failure.

    Args:
        deployment: where it runs.
        objects: the media bucket.
        dialect: the dialect of its requests, apart from those that only Twilio has.
        canaries: what it plants.
    """

    def __init__(self, deployment: Deployment, objects: Objects, dialect: str, canaries: Canaries) -> None:
        self.deployment, self.world, self.objects, self.canaries = deployment, deployment.world, objects, canaries
        made = api_bootstrap.get_admin_services().accounts.create(
            auth_token=SECRETS["auth token"], signing_key=SECRETS["signing key"]
        )
        self.account, self.world.account = made.account, made
        self.client = FunctionClient(DIALECTS[dialect], made.account, made.auth_token)
        self.twilio = FunctionClient(DIALECTS["twilio"], made.account, made.auth_token)

    def play(self) -> None:
        """Run everything."""
        self._open_a_session()
        self._record_a_call()
        self._hold_a_conference()
        self._fail_to_publish()
        self._deliver_callbacks()
        self._use_tasks()
        for client in (self.client, self.twilio):
            for answer in client.answers:
                self.deployment.places.note("answers", answer.text + json.dumps(answer.headers))

    def _post(self, path: tuple[str, ...], form: Mapping[str, str], client: FunctionClient | None = None) -> Any:
        """Send a request with secrets where none are expected; then one with a wrong token, and a refused one."""
        client = client or self.client
        to, headers = client.path(*path), {"X-Other": SECRETS["header"], "Cookie": SECRETS["header"]}
        answer = client.request("POST", to, form={**form, "Unlisted": SECRETS["unlisted field"]}, headers=headers)
        assert answer.status < 300, answer.text
        wrong = FunctionClient(client.dialect, client.account, SECRETS["wrong token"])
        assert wrong.request("POST", to, form=form).status == 401
        names = ("Status", "RecordingStatusCallbackMethod", "Method", "Muted", "AnnounceMethod", "Trim")
        client.request("POST", to, form={**form, **dict.fromkeys(names, SECRETS["refused value"])})
        return answer.body

    def _open_a_session(self) -> None:
        register_engine(self.world, "standin", SECRETS["engine token"])
        for token in (SECRETS["engine token"], SECRETS["wrong engine token"]):
            request = {"protocol": 2, "boot": "b" * 32, "capabilities": {}, "sent_at": self.world.clock()}
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
            event = make_event(
                "POST", "/engine/v2/sessions", headers=headers, body=json.dumps(request).encode(), gateway="api-gateway"
            )
            answer = self.world.call("open_engine_session", event)
            assert answer["statusCode"] == (200 if token == SECRETS["engine token"] else 401)
            # A new session lends the engine credentials.
            self.deployment.places.note("answers", answer["headers"])

    def _report(self, kind: str, /, **fields: Any) -> None:
        odd = {"unlisted": SECRETS["unlisted field of an event"]}
        self.world.ingest(self.world.event(kind, **fields), self.world.event(kind, **{**fields, **odd}))
        body = json.dumps({"events": SECRETS["unlisted field of an event"]}).encode()
        status, answer = self.world.post_events(body, f"Bearer {SECRETS['wrong engine token']}")
        self.deployment.places.note("answers", [status, answer, self.world.reports])

    def _record_a_call(self) -> None:
        call = new_id(self.world.clock())
        numbers = {"to": f"+{CONTENT['called number']}", "from": f"+{CONTENT['calling number']}"}
        self._report("call.ringing", call=call, **numbers)
        self._report("call.answered", call=call)
        recordings = call_path(self.client, self.client.sid_of_call(call), "")
        callback = {"RecordingStatusCallback": URL, "RecordingStatusCallbackEvent": "in-progress completed absent"}
        made = self._post(recordings, callback)
        recording = made["sid"].replace("-", "")[-32:]
        parent = {"type": "call", "id": call}
        self._report("recording.started", parent=parent, recording=recording, version=1, source="StartCallRecordingAPI")
        path = (*recordings[:-1], "Recordings", made["sid"])
        # Nothing confirms the pause: it is sent at once, and answered with 408.
        assert self.client.post(*path, form={"Status": "paused", "PauseBehavior": "skip"}).status in {408, 503}
        self.client.post(*path, form={"Status": "in-progress"})
        self._post(path, {"Status": "stopped"})
        content = sound(1)
        self.objects.put_at(self.account, recording, "capture.wav", content)
        capture = capture_fields(recording, content)
        self._report("recording.completed", parent=parent, recording=recording, version=4, **capture)
        self._post(recordings[:-1], {"Url": URL, "StatusCallback": URL})
        self._post(recordings[:-1], {"Status": "completed"})
        self.deployment.publish()

    def _hold_a_conference(self) -> None:
        dialed = {
            "From": f"+{CONTENT['calling number']}", "To": f"+{CONTENT['called number']}", "Label": CONTENT["label"],
            "StatusCallback": URL, "ConferenceStatusCallback": URL,
            "ConferenceStatusCallbackEvent": "start end join leave", "ConferenceRecord": "record-from-start",
            "ConferenceRecordingStatusCallback": URL, "SipAuthPassword": SECRETS["password of a SIP address"],
            "CallToken": SECRETS["call token"],
        }  # fmt: skip
        made = self._post(("Conferences", CONTENT["name of a conference"], "Participants"), dialed, self.twilio)
        conference, call = made["conference_sid"][2:], made["call_sid"][2:]
        numbers = {"to": f"+{CONTENT['called number']}", "from": f"+{CONTENT['calling number']}"}
        for each in (call, new_id(self.world.clock())):
            self._report("call.answered", call=each, **numbers)
            self._report("participant.joined", conference=conference, call=each)
        participant = participant_path(self.client, self._sid(conference), self.client.sid_of_call(call))
        self._post(participant, {"Muted": "true", "HoldUrl": URL})
        self._post(participant[:2], {"AnnounceUrl": URL})
        self.client.delete(*participant)
        self._post(participant[:2], {"Status": "completed"})
        self._report("conference.ended", conference=conference)

    def _sid(self, conference: str) -> str:
        return self.client.sid(ResourceType.CONFERENCE, conference)

    def _fail_to_publish(self) -> None:
        """The bus fails until the change of a call goes to the failure destination; its errors quote the events."""
        self.deployment.publish()
        call = new_id(self.world.clock())
        numbers = {"to": f"+{CONTENT['called number']}", "from": f"+{CONTENT['calling number']}"}
        self._report("call.answered", call=call, **numbers)
        self.deployment.services.failing.add("put_events")
        self._post(call_path(self.client, self.client.sid_of_call(call)), {"Url": URL, "StatusCallback": URL})
        self.deployment.publish()
        self.deployment.services.failing.clear()
        assert self.deployment.failed

    def _deliver_callbacks(self) -> None:
        """Callbacks cannot be signed, time out, fail, are gone, cannot be stored, and are delivered."""
        deployment = self.deployment
        hangs = WebhookResult(None, FailureReason.READ, 15_000)
        fails, gone = (WebhookResult(status, None, 20, b"answer") for status in (500, 410))
        deployment.services.failing.add("decrypt")
        deployment.deliver("callbacks.fifo")
        deployment.services.failing.clear()
        for answers in ([hangs] * 2, [fails] * 9, [gone]):
            self._wait(700)
            deployment.deliver("retries.fifo", *answers)
        self._wait(700)
        self.world.faults.append(_fail)
        for queue in ("callbacks.fifo", "retries.fifo"):
            deployment.deliver(queue)
        deployment.finish()
        self._wait(700)
        self.world.faults.remove(_fail)

    def _wait(self, seconds: int) -> None:
        """Let time pass, and reconcile."""
        self.world.clock.step(seconds)
        self.deployment.run("reconcile", {})

    def _use_tasks(self) -> None:
        """Create an API key, list and replay callbacks, fail to create an account, and redrive what failed."""
        made = self.twilio.post("Keys")
        self.canaries.plant("secret of an API key", made.body["secret"])
        self.twilio.answers.remove(made)
        account = f"AC{self.account}"
        listed: list[tuple[str, str]] = []
        for page in self.world.memory.get_paginator("scan").paginate(TableName=self.world.table):
            for item in page["Items"]:
                partition, sort_key = item["PK"]["S"].split("#"), item["SK"]["S"]
                if partition[1:2] == ["CB"] and sort_key != "closed":
                    listed.append((partition[2], sort_key))
        for resource, callback in listed:
            sid = f"RE{resource}"
            self.deployment.run("list_callbacks", {"account_sid": account, "sid": sid})
            self.deployment.run("replay_callback", {"account_sid": account, "sid": sid, "callback": callback})
        self.deployment.run("replay_callback", {"account_sid": account, "sid": SECRETS["refused value"]})
        self.deployment.run("create_account", {"account_sid": SECRETS["refused value"]})
        self.deployment.run("redrive_failed_changes", {})


def _fail(_when: str, operation: str, request: Mapping[str, Any]) -> None:
    """Fail a request to a table, with an error that quotes it."""
    raise ConnectionClosedError(endpoint_url=f"https://dynamodb/{operation}?{request}")
