"""The parameters of the operations on API keys."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tapedeck.dialects.forms.base import Form
from tapedeck.domain.account import MAX_FRIENDLY_NAME


def length_validator(fault: str, max_length: int) -> AfterValidator:
    """Build a validator that rejects text of more than `max_length` characters, with a fault of `dialects.errors`."""

    def check(text: str) -> str:
        if len(text) > max_length:
            raise PydanticCustomError(fault, "too many characters")
        return text

    return AfterValidator(check)


class KeyForm(Form):
    """Parameters of `create_key` and `update_key`; a name has at most 64 characters (C-161)."""

    friendly_name: Annotated[str, length_validator("choice", MAX_FRIENDLY_NAME)] | None = Field(
        None, alias="FriendlyName"
    )
