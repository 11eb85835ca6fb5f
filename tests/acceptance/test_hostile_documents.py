"""Documents that are made to do harm: they end a call with an error, and nothing else."""

import random
from typing import Final

import pytest
from twilio.twiml.voice_response import Gather, VoiceResponse

from tests.acceptance.scene import Scene
from tests.acceptance.test_keys_and_speech import VOICE, ended
from tests.standin.receiver import Reply
from tests.thoroughness import scaled

MESSAGE: Final = "an application error has occurred"
ENTITIES: Final = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS: Final = f'<!DOCTYPE Response [<!ENTITY a0 "ha">{ENTITIES}]><Response><Say>&a9;</Say></Response>'
MUTATIONS: Final = scaled(deep=400, ci=60, fast=12)


@pytest.mark.parametrize(
    ("markup", "code"),
    [
        pytest.param(LAUGHS, 12100, id="entities that grow to gigabytes"),
        pytest.param(
            '<!DOCTYPE Response [<!ENTITY f SYSTEM "file:///etc/hostname">]><Response><Say>&f;</Say></Response>', 12100,
            id="a file as an entity",
        ),
        pytest.param('<!DOCTYPE Response SYSTEM "http://127.0.0.1:9/x.dtd"><Response/>', 12100, id="a foreign DTD"),
        pytest.param("<Response>" + "<Say>" * 10_000 + "</Say>" * 10_000 + "</Response>", 11750, id="10,000 levels"),
        pytest.param("<Response>" + "<a>" * 9_000 + "</a>" * 9_000 + "</Response>", 12100, id="9,000 levels"),
        pytest.param("<Response>" + "<a>" * 20_000, 12100, id="20,000 levels that never end"),
        pytest.param("<Response>" + "<Say/>" * 1_001 + "</Response>", 12100, id="1,001 elements"),
        pytest.param("<Response>" + "x" * (65_536 - 21) + "</Response>", None, id="as long as is allowed"),
        pytest.param("<Response>" + "x" * (65_537 - 21) + "</Response>", 11750, id="a byte longer"),
        pytest.param("<Response>\0</Response>", 12100, id="a null character"),
        pytest.param(b"<?xml version='1.0' encoding='utf-7'?><Response/>", 12100, id="an encoding that is not known"),
        pytest.param(b"<Response>\xff</Response>", 12100, id="bytes that are no text"),
    ],
)  # fmt: skip
def test_a_hostile_document_ends_the_call_with_an_error(scene: Scene, markup: str | bytes, code: int | None) -> None:
    """It is refused before it is executed; a message says so, and the next call is executed as always."""
    scene.answer("/voice", Reply(markup))
    call = scene.call_in()
    scene.until(call, "ended")
    if code is None:
        assert (scene.requests(call), scene.spoken_texts(call)) == ([VOICE, ended(scene, "0", "0")], [])
    else:
        assert scene.requests(call) == [VOICE, ended(scene, "4", "1")]
        assert [(level, number) for level, number, _, _ in scene.warnings(call)] == [("error", code)]
        assert scene.spoken_texts(call) == [MESSAGE]
    scene.answer("/voice", "<Response><Say>Hello</Say></Response>")
    following = scene.call_in()
    scene.until(following, "ended")
    assert scene.spoken_texts(following) == ["Hello"]


def _menu() -> str:
    response = VoiceResponse()
    response.say("Welcome", voice="alice", loop=2)
    gather = Gather(action="/menu", num_digits=1, timeout=3, input="dtmf speech")
    gather.say("Press one")
    gather.play("https://media.example.com/a.mp3")
    response.append(gather)
    response.record(max_length=5, finish_on_key="#", recording_status_callback="/rec")
    response.redirect("/again", method="GET")
    return str(response)


@pytest.mark.sized
@pytest.mark.parametrize("seed", range(MUTATIONS))
def test_any_damage_to_a_document_ends_in_a_call_that_ends(twilio: Scene, seed: int) -> None:
    """However a document is damaged, its call ends within an hour, and each request about it is complete and signed."""
    generator = random.Random(seed)  # noqa: S311 - not for secrets
    damaged = list(_menu())
    for _ in range(generator.randint(1, 4)):
        place = generator.randrange(len(damaged))
        kind = generator.choice(("delete", "insert", "replace", "repeat"))
        if kind == "delete":
            del damaged[place : place + generator.randint(1, 6)]
        elif kind == "repeat":
            damaged[place:place] = damaged[place : place + generator.randint(1, 30)]
        else:
            end = place + (kind == "replace")
            damaged[place:end] = [generator.choice("<>/\"'&=#;abé\t\n0\u2028")]
    twilio.answer("/voice", "".join(damaged))
    for path in ("/menu", "/again"):
        twilio.answer(path, "<Response><Hangup/></Response>")
    call = twilio.call_in()
    twilio.until(call, "ended", at_most=3_600)
    assert twilio.ending(call)[0] == "completed"
    twilio.advance(2)
    assert twilio.requests(call)[0] == VOICE
