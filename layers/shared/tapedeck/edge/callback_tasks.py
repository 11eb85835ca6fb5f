"""Callbacks as an operator sees them: what was told, to whom, and what came of each attempt."""

from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from tapedeck.dialects.choice import read_in_either
from tapedeck.dialects.dialect import Kind
from tapedeck.domain.claim import Attempt, Claim


def _read_subject(sid: str) -> str:
    identifier = read_in_either(Kind.RECORDING, sid) or read_in_either(Kind.CONFERENCE, sid)
    if identifier is None:
        raise PydanticCustomError("sid", "Not the sid of a recording or a conference, in either spelling")
    return identifier


SubjectSid = Annotated[str, AfterValidator(_read_subject)]
"""Of what callbacks tell, read into an id."""


def write_claim(claim: Claim) -> dict[str, Any]:
    """A callback: times are seconds since the epoch, those of attempts milliseconds; `fields` as they are encoded."""
    return {
        "id": claim.id,
        "event": claim.event,
        "state": str(claim.state),
        "method": claim.method,
        "url": claim.url,
        "fields": claim.body,
        "token": claim.token,
        "created": claim.created,
        "due": claim.due,
        "tried": claim.tried,
        "attempts": [_write_attempt(attempt) for attempt in claim.attempts],
    }


def _write_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": attempt.at,
        "milliseconds": attempt.milliseconds,
        "status": attempt.status,
        "failure": attempt.failure,
        "answer": attempt.answer,
    }
