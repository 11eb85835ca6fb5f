"""Where a call to a phone number finds its instructions: at its application, or at itself."""

from tapedeck.domain.phone_number import NumberInstructions
from tapedeck.domain.url_settings import UrlSettings
from tests.functions.stage import Stage, Wire

VOICE = "https://app.example.com/voice"


def test_a_number_has_its_own_instructions(stage: Stage, wire: Wire) -> None:
    """A number without an application answers with its own settings, with one strongly consistent read."""
    number = stage.phone_number(number="+12135550111", voice_url=VOICE)
    wire.all.clear()
    assert stage.services.phone_numbers.instructions_of("+12135550111") == NumberInstructions(number, number)
    assert [(request.operation, request.body["ConsistentRead"]) for _, request in wire.all] == [("GetItem", True)]


def test_an_application_comes_before_the_number(stage: Stage, wire: Wire) -> None:
    """The settings of the application replace those of the number, also where they are empty, with one read more."""
    application = stage.application(voice_url="https://app.example.com/reception", voice_method="GET")
    number = stage.phone_number(
        number="+12135550112",
        voice_url=VOICE,
        voice_fallback_url=VOICE,
        status_callback=VOICE,
        voice_application=application.id,
    )
    wire.all.clear()
    found = stage.services.phone_numbers.instructions_of("+12135550112")
    assert found == NumberInstructions(number, application, application.id)
    assert (found.settings.voice_url, found.settings.voice_method, found.settings.status_callback) == (
        "https://app.example.com/reception",
        "GET",
        None,
    )
    assert wire.recordings == ["GetItem", "GetItem"]


def test_a_deleted_application_has_no_voice_url(stage: Stage) -> None:
    """A number whose application is deleted still refers to it, and has no voice URL."""
    application = stage.application(voice_url=VOICE)
    number = stage.phone_number(number="+12135550113", voice_url=VOICE, voice_application=application.id)
    stage.services.applications.delete(stage.account, application.id)
    found = stage.services.phone_numbers.instructions_of("+12135550113")
    assert found == NumberInstructions(number, UrlSettings())
    assert found.settings.voice_url is None


def test_an_unknown_number_has_no_instructions(stage: Stage) -> None:
    """A number that no account holds has no instructions."""
    assert stage.services.phone_numbers.instructions_of("+12135550114") is None
