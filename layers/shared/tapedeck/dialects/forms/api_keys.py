"""The parameters of the operations on API keys."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tapedeck.dialects.forms.base import Form
from tapedeck.domain.account import MAX_FRIENDLY_NAME


def _check_length(name: str) -> str:
    if len(name) > MAX_FRIENDLY_NAME:
        raise PydanticCustomError("choice", "more than 64 characters")
    return name


class KeyForm(Form):
    """Parameters of `create_key` and `update_key`."""

    friendly_name: Annotated[str, AfterValidator(_check_length)] | None = Field(None, alias="FriendlyName")
