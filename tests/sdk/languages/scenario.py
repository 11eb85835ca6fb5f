"""The scenario with Twilio's SDK for Python: prints a line for each response."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

URL, ACCOUNT, TOKEN, APPLICATION = (
    os.environ[f"TAPEDECK_{name}"] for name in ("URL", "ACCOUNT", "TOKEN", "APPLICATION")
)
CURRENT = "Twilio.CURRENT"
AGENT, CALLER = "+12025550123", "+12025550199"


def make_client(*credentials: str) -> Client:
    """Return a client of the SDK that sends its requests to the stand-in."""
    client = Client(*credentials)
    client.api.base_url = URL
    return client


def control(path: str, **fields: object) -> Any:
    """Send a request to the stand-in's control API."""
    return requests.post(f"{URL}/_standin/{path}", json={"account": ACCOUNT, **fields}, timeout=60).json()


def advance(seconds: int) -> None:
    """Advance the stand-in's clock, and wait until its work is done."""
    control("clock", advance=seconds)
    control("wait-until-idle")


def say(name: str, *values: object) -> None:
    """Print one line of the trace."""
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    sys.stdout.write(" ".join([f"{name}:", *texts]) + "\n")


def fail(name: str, request: Callable[[], object]) -> None:
    """Print the status and the code of the error that the request raises."""
    try:
        request()
    except TwilioRestException as error:
        say(name, error.status, error.code)
    else:
        say(name, "no error")


def sids(resources: list[Any]) -> str:
    """Return the sids of a list."""
    return " ".join(resource.sid for resource in resources)


def record(client: Client, call_sid: str) -> None:
    """Make three recordings, one a minute; pause the first one."""
    recordings = client.calls(call_sid).recordings
    first = recordings.create(
        recording_channels="dual",
        recording_status_callback=f"{APPLICATION}/recording",
        recording_status_callback_event=["in-progress", "completed"],
    )
    say("created", first.sid, first.status, first.channels, first.source)
    paused = recordings(CURRENT).update(status="paused", pause_behavior="skip")
    say("paused", paused.sid, paused.status)
    resumed = recordings(CURRENT).update(status="in-progress")
    say("resumed", resumed.sid, resumed.status)
    advance(59)
    stopped = recordings(CURRENT).update(status="stopped")
    say("stopped", stopped.sid, stopped.status)
    fail("no current recording", lambda: recordings(CURRENT).update(status="paused"))
    fail("deleted before it is finished", lambda: recordings(first.sid).delete())
    advance(1)
    finished = recordings(first.sid).fetch()
    say("finished", finished.sid, finished.status, finished.duration)

    # A callback URL that cannot be used is no error.
    second = recordings.create(recording_status_callback="/recording")
    say("created", second.sid, second.status, second.channels, second.source)
    advance(59)
    second.update(status="stopped")
    advance(1)
    third = recordings.create()
    advance(59)
    recordings(third.sid).update(status="stopped")
    advance(1)


def read_lists(client: Client, call_sid: str) -> None:
    """Read the recordings in pages, with limits, and by their dates in three time zones."""
    recordings = client.calls(call_sid).recordings
    say("pages of 2", sids(recordings.list(page_size=2)))
    say("limit 5000", sids(client.recordings.list(limit=5000)))
    say("limit 2", sids(client.recordings.list(limit=2)))

    moment: datetime = recordings.list(limit=2)[1].date_created
    say("second recording", moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    say("at that time", sids(client.recordings.list(date_created=moment)))
    # The SDK writes each date-time with `Z`, so text preserves the offset.
    india = moment.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()
    new_york = moment.astimezone(ZoneInfo("America/New_York")).isoformat()
    for zone, time in (("UTC", moment), ("+05:30", india), ("America/New_York", new_york)):
        say(f"{zone} from then on", sids(client.recordings.list(date_created_after=time)))
        say(f"{zone} until then", sids(client.recordings.list(date_created_before=time)))
    say("calls until then", len(client.calls.list(start_time_before=india)))
    say("calls from then on", len(client.calls.list(start_time_after=india)))
    say("on that day", sids(recordings.list(date_created=moment.date())))
    say("after that day", sids(recordings.list(date_created_after=moment.date() + timedelta(days=1))))


def delete(client: Client, call_sid: str) -> None:
    """Delete the oldest recording."""
    recordings = client.calls(call_sid).recordings
    first = recordings.list()[-1].sid
    say("deleted", recordings(first).delete())
    say("recordings left", sids(recordings.list()))
    fail("deleted again", lambda: client.recordings(first).delete())
    fail("fetched after its deletion", lambda: recordings(first).fetch())


def confer(client: Client) -> str:
    """Dial three participants into a conference, change and remove some, and end it; return the agent's call."""
    dial = client.conferences("support").participants.create
    agent = dial(
        from_=CALLER,
        to=AGENT,
        label="agent",
        record=True,
        recording_status_callback=f"{APPLICATION}/recording",
        status_callback=f"{APPLICATION}/call",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
        conference_status_callback=f"{APPLICATION}/conference",
        conference_status_callback_event=["start", "end", "join", "leave"],
    )
    say("dialed", agent.call_sid, agent.label, agent.conference_sid)
    control("wait-until-idle")
    conference = client.conferences(agent.conference_sid)
    guest = conference.participants.create(from_=CALLER, to=AGENT, beep="false", end_conference_on_exit=False)
    monitor = conference.participants.create(from_=CALLER, to=AGENT, label="monitor", muted=True)
    control("wait-until-idle")
    say("conference", *((it := conference.fetch()).sid, it.status, it.friendly_name))
    say("participants", " ".join(it.call_sid for it in conference.participants.list(page_size=1)))
    say("muted", " ".join(it.call_sid for it in conference.participants.list(muted=True)))
    held = conference.participants(guest.call_sid).update(hold=True, muted=True)
    say("updated", held.call_sid, held.hold, held.muted)
    fetched = conference.participants("agent").fetch()
    say("by label", fetched.call_sid, fetched.status, fetched.hold, fetched.muted)
    advance(9)
    say("removed", conference.participants(monitor.call_sid).delete())
    fail("fetched after the removal", lambda: conference.participants(monitor.call_sid).fetch())
    say("participants left", " ".join(it.call_sid for it in conference.participants.list()))
    control("wait-until-idle")
    say("call of the removed participant", client.calls(monitor.call_sid).fetch().status)
    fail("fetched by its name", lambda: client.conferences("support").fetch())
    today = it.date_created.date()
    say("in progress today", sids(client.conferences.list(status="in-progress", date_created=today)))

    ended = conference.update(status="completed")
    say("ended", ended.sid, ended.status, ended.reason_conference_ended)
    advance(1)
    say("participants after the end", len(conference.participants.list()))
    say("call of the agent", client.calls(agent.call_sid).fetch().status)
    recording = client.calls(agent.call_sid).recordings.list()[0]
    say("recording of the agent", recording.sid, recording.status, recording.duration)
    return str(agent.call_sid)


def get_errors(client: Client, call_sid: str, ended_sid: str) -> None:
    """Send requests that fail."""
    unknown = call_sid.replace("CA", "RE")
    intruder = make_client(ACCOUNT, "0123456789abcdef0123456789abcdef")
    fail("wrong token", lambda: intruder.calls(call_sid).fetch())
    fail("unknown recording", lambda: client.calls(call_sid).recordings(unknown).update(status="paused"))
    last = client.calls(call_sid).recordings.list(limit=1)[0]
    fail("invalid status", lambda: last.update(status="processing"))
    fail("recording an ended call", client.calls(ended_sid).recordings.create)
    fail("hanging up again", lambda: client.calls(ended_sid).update(status="completed"))
    fail("redirecting an ended call", lambda: client.calls(ended_sid).update(url=f"{APPLICATION}/voice"))


def use_key(client: Client, call_sid: str) -> None:
    """Create an API key, use it, and delete it."""
    key = client.new_keys.create(friendly_name="scenario")
    say("key", key.friendly_name, len(key.secret))
    user = make_client(key.sid, key.secret, ACCOUNT)
    say("call by key", user.calls(call_sid).fetch().sid)
    say("key deleted", client.keys(key.sid).delete())
    fail("after its deletion", lambda: user.calls(call_sid).fetch())


def main() -> None:
    """Run the scenario."""
    client = make_client(ACCOUNT, TOKEN)
    account = client.api.accounts(ACCOUNT).fetch()
    say("account", account.sid, account.status, len(client.api.accounts.list()))
    call_sid = control("calls")["sid"]["twilio"]
    call = client.calls(call_sid).fetch()
    say("call", call.sid, call.status, call.direction)
    record(client, call_sid)
    read_lists(client, call_sid)
    delete(client, call_sid)
    agent_sid = confer(client)
    get_errors(client, call_sid, agent_sid)
    use_key(client, call_sid)


if __name__ == "__main__":
    main()
