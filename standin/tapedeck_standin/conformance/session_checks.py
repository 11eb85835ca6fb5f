"""Checks of sessions, presence and the credentials of the queue."""

import time
from http import HTTPStatus
from typing import Any, Final

from tapedeck_standin.conformance.journal import Records
from tapedeck_standin.conformance.proxy import ALIVE_EVERY_SECONDS, Forward, changing_answer, queue_operation
from tapedeck_standin.conformance.registry import CheckList
from tapedeck_standin.conformance.rig import CheckFailed, Rig, check, now_ms
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

CHECKS: Final = CheckList()

EXIT_CODE: Final = 3
_RENEWAL_MS: Final = 15 * 60_000
_CLOCK_MS: Final = 60_000
_ALIVE_REPORTS: Final = 3
_UNAUTHORIZED_SECONDS: Final = 4
_MAX_UNAUTHORIZED: Final = 3
_RETRY_SECONDS: Final = 45


@CHECKS.add("session-opens", "SESSION-1", "After a start a session is opened; its boot is a new UUID of version 7.")
def session_opens(rig: Rig) -> None:
    """The first session was answered with 200, and the boot has the time of the start."""
    session = rig.expect("a session that is opened", lambda seen: next(iter(seen.requests_to("sessions")), None))
    check(session.status == HTTPStatus.OK, "200 to POST /engine/v2/sessions", f"{session.status} {session.answer}")
    boot = session.body["boot"]
    check(boot[12] == "7" and boot[16] in "89ab", "a boot that is a UUID of version 7", boot)
    away = abs(int(boot[:12], 16) - session.body["sent_at"])
    check(away < _CLOCK_MS, "a boot with the time of the start", f"{boot}, which is {away / 1000:.0f} s away")


@CHECKS.add("alive-in-time", "SESSION-4", "`engine.alive` is reported at the interval that the session names.")
def alive_in_time(rig: Rig) -> None:
    """Three reports in a row arrive at the interval of the session, which the suite makes short."""
    rig.need("presence")
    before = rig.journal.last_number
    rig.expect(
        f"three reports of engine.alive within {4 * ALIVE_EVERY_SECONDS} s, one every {ALIVE_EVERY_SECONDS} s",
        lambda seen: len([e for e in seen.events if e.type == "engine.alive" and e.number > before]) >= _ALIVE_REPORTS,
        4 * ALIVE_EVERY_SECONDS,
    )
    check(rig.client.presence() == "alive", "an engine that is alive", rig.client.presence())


@CHECKS.add("resync-of-an-answer", "SESSION-5", "An answer with `resync` true has the session opened again.")
def resync_of_an_answer(rig: Rig) -> None:
    """The answer to a report has `resync`; the connector opens a session with the same boot."""
    boot, before = rig.last_boot(), rig.journal.last_number
    with rig.proxy.intercepting("events", changing_answer(lambda answer: {**answer, "resync": True})):
        made = rig.request_recording()
        rig.expect_event(made.recording, "recording.started")
        session = rig.expect_session(before)
    check(session.get("boot") == boot, f"the same boot {boot}", session.get("boot"))


@CHECKS.add(
    "ends-what-has-ended", "SESSION-3", "What the answer to a session lists as `ended` is stopped and finished."
)
def ends_what_has_ended(rig: Rig) -> None:
    """A running recording is listed as `ended`: it is stopped, or its audio is uploaded or given up."""
    made = rig.start_recording()
    before = rig.journal.last_number
    ending = changing_answer(lambda answer: {**answer, "ended": [*answer.get("ended", ()), made.recording]})
    with rig.proxy.intercepting("sessions", ending):
        rig.send(rig.invented_command("engine.resync", wanted={}))
        rig.expect_session(before)
    rig.expect_reported(made.recording, "recording.stopped", "recording.completed", "recording.absent")


@CHECKS.add(
    "credentials-renewed", "SESSION-6", "15 minutes before the credentials expire, the session is opened again."
)
def credentials_renewed(rig: Rig) -> None:
    """The credentials of a session have 15 minutes and two seconds left; a session follows."""
    boot, before = rig.last_boot(), rig.journal.last_number

    def shorten(answer: dict[str, Any]) -> dict[str, Any]:
        expires = {"expires_at": answer["now"] + _RENEWAL_MS + 2_000}
        return {**answer, "commands": {**answer["commands"], **expires}}

    with rig.proxy.intercepting("sessions", changing_answer(shorten)):
        rig.send(rig.invented_command("engine.resync", wanted={}))
        rig.expect_session(before)
    session = rig.expect_session(rig.journal.last_number)
    check(session.get("boot") == boot, f"the same boot {boot}", session.get("boot"))


@CHECKS.add("queue-denied", "SESSION-6", "When the queue answers 403, the session is opened again, and commands go on.")
def queue_denied(rig: Rig) -> None:
    """The queue denies every request until a session is opened; then a recording starts."""
    boot, before = rig.last_boot(), rig.journal.last_number

    def deny(request: ServerRequest, forward: Forward) -> ServerResponse:
        if rig.journal.read(lambda seen: bool(seen.requests_to("sessions", before))):
            return forward(request)
        if queue_operation(request) != "ReceiveMessage":
            return forward(request)
        kind = {"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "The token has expired."}
        return ServerResponse.of_json(403, kind)

    with rig.proxy.intercepting("queue", deny):
        session = rig.expect_session(before)
        check(session.get("boot") == boot, f"the same boot {boot}", session.get("boot"))
        rig.start_recording()


@CHECKS.add(
    "unauthorized", "SESSION-8", "After 401 the connector goes on, and tries again every 30 seconds.", is_slow=True
)
def unauthorized(rig: Rig) -> None:
    """Every request is answered with 401 for a while; at most three are sent, and reports go on later."""
    before = rig.journal.last_number

    def refuse(_request: ServerRequest, _forward: Forward) -> ServerResponse:
        return ServerResponse.of_json(401, {"refused": "unauthorized"})

    def sent(seen: Records) -> int:
        return len([each for each in seen.requests if each.number > before and each.status == HTTPStatus.UNAUTHORIZED])

    with rig.proxy.intercepting("events", refuse), rig.proxy.intercepting("sessions", refuse):
        made = rig.request_recording()
        rig.expect("a request that is answered with 401", sent)
        time.sleep(_UNAUTHORIZED_SECONDS)
    count = rig.journal.read(sent)
    check(count <= _MAX_UNAUTHORIZED, f"at most 3 requests in {_UNAUTHORIZED_SECONDS} s", count)
    rig.expect_event(made.recording, "recording.started", seconds=_RETRY_SECONDS)


@CHECKS.add("superseded", "SESSION-7", "A connector whose session is superseded exits with code 3.")
def superseded(rig: Rig) -> None:
    """Another connector opens a newer session; this one ends with code 3. Then it is started again."""
    process = rig.controlled_process()
    # One millisecond newer, by the clock of the connector, so that the next boot is newer again.
    newer = f"{int(rig.last_boot()[:12], 16) + 1:012x}7fffbfffffffffffffff"
    body = {"protocol": 2, "boot": newer, "capabilities": {}, "sent_at": now_ms()}
    rig.client.open_session(rig.token, body)
    if not rig.capability("presence"):
        rig.request_recording()
    code = process.wait_for_end(3 * ALIVE_EVERY_SECONDS + 5)
    process.kill()
    rig.connect()
    if code is None:
        raise CheckFailed("expected the connector to exit with code 3; it still ran")
    check(code == EXIT_CODE, "exit code 3", code)


@CHECKS.add(
    "superseded-request", "SESSION-7", "A session that is refused with 409 `superseded` ends the connector, too."
)
def superseded_request(rig: Rig) -> None:
    """The request for a session is refused; the connector ends with code 3. Then it is started again."""
    process = rig.controlled_process()

    def refuse(_request: ServerRequest, _forward: Forward) -> ServerResponse:
        return ServerResponse.of_json(409, {"refused": "superseded"})

    with rig.proxy.intercepting("sessions", refuse):
        rig.send(rig.invented_command("engine.resync", wanted={}))
        code = process.wait_for_end(8)
    process.kill()
    rig.connect()
    if code is None:
        raise CheckFailed("expected the connector to exit with code 3; it still ran")
    check(code == EXIT_CODE, "exit code 3", code)


@CHECKS.add("restart", "SESSION-1", "After a restart the boot is newer, and every new `seq` is above all earlier ones.")
def restart(rig: Rig) -> None:
    """The connector is killed and started again; its first events have higher numbers than all before.

    An event that was reported before, and is reported again after the restart, keeps its number (EVENT-5).
    """
    process = rig.controlled_process()
    boot = rig.last_boot()
    rig.finish(rig.start_recording())
    process.kill()
    before = rig.journal.last_number
    highest = rig.journal.read(lambda seen: max((each.seq for each in seen.events), default=0))
    rig.connect()
    check(rig.last_boot() > boot, f"a boot after {boot}", rig.last_boot())
    made = rig.start_recording()
    rig.expect_event(made.recording, "recording.started")

    def low_numbers(seen: Records) -> list[int]:
        known = {each.id for each in seen.events if each.number <= before}
        return [each.seq for each in seen.events if each.id not in known and each.seq <= highest]

    low = rig.journal.read(low_numbers)
    check(not low, f"each seq above {highest}", low)
