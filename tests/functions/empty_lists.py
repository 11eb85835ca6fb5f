"""Shared tests of the lists that are always empty; a test module supplies the resource and the list below it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.functions.literal import Api
from tests.functions.stage import Stage, Wire, assert_refused


class EmptyListRules(ABC):
    """Tests of a list that only Twilio's dialect has, and that never has an item."""

    collection: ClassVar[str]
    """The segment of the path before the resource, such as `Calls`."""

    kind: ClassVar[ResourceType]
    """The type of the resource."""

    name: ClassVar[str]
    """The last segment of the path."""

    items: ClassVar[str]
    """The field of the page that holds the items."""

    reads: ClassVar[list[str]]
    """The requests to the table that the list of an existing resource takes."""

    @abstractmethod
    def store(self, stage: Stage) -> str:
        """Store a new resource; return its id."""

    def path(self, client: FunctionClient, identifier: str) -> tuple[str, ...]:
        """Return the path of the list below the resource with this id."""
        return self.collection, client.sid(self.kind, identifier), self.name

    def assert_rejected(self, client: FunctionClient, stage: Stage, parameter: str, value: str, condition: str) -> None:
        """Check that a value is rejected below a resource, and that an unknown resource takes precedence."""
        path = self.path(client, self.store(stage))
        assert_refused(client, client.get(*path, **{parameter: value}), condition, name=parameter)
        path = self.path(client, "0" * 32)
        assert_refused(client, client.get(*path, **{parameter: value}), "not found", uri=client.path(*path))

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_signalwire_does_not_have_the_path(self, api: Api, example: Stage, method: str) -> None:
        """SignalWire's dialect answers 404 to every method, because the vendor has no such path."""
        path = (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            f"/{self.collection}/{UUID(self.store(example))}/{self.name}"
        )

        answer = api.request(
            method, path, auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864")
        )

        assert answer.status == 404
        assert answer.body == {
            "code": 20404,
            "message": f"The requested resource {path} was not found",
            "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
            "status": 404,
        }

    @pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "HEAD"])
    def test_other_methods_are_not_allowed(
        self, make_twilio: Callable[[], FunctionClient], stage: Stage, method: str
    ) -> None:
        """Twilio's dialect answers 405 to other methods."""
        client = make_twilio()
        path = client.path(*self.path(client, self.store(stage)))
        assert_refused(client, client.request(method, path), "method")

    def test_an_unknown_resource_has_no_list(
        self, make_twilio: Callable[[], FunctionClient], stage: Stage, wire: Wire
    ) -> None:
        """An unknown resource answers 404, after one read of the table."""
        client = make_twilio()
        path = self.path(client, self.store(stage))
        wire.all.clear()
        assert client.get(*path).status == 200
        assert wire.recordings == self.reads
        path = self.path(client, "0" * 32)
        wire.all.clear()
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
        assert wire.recordings == ["GetItem"]

    @pytest.mark.parametrize(
        ("parameter", "value", "condition"), [("PageSize", "0", "page size"), ("PageToken", "x", "page token")]
    )
    def test_invalid_paging_is_rejected(
        self, make_twilio: Callable[[], FunctionClient], stage: Stage, parameter: str, value: str, condition: str
    ) -> None:
        """Parameters are checked although the list is empty; an unknown resource takes precedence."""
        self.assert_rejected(make_twilio(), stage, parameter, value, condition)

    def test_links_repeat_the_page_size(self, make_twilio: Callable[[], FunctionClient], stage: Stage) -> None:
        """The links contain the page size, and no other page is linked."""
        client = make_twilio()
        answer = client.get(*self.path(client, self.store(stage)), PageSize="20")
        assert answer.status == 200
        assert answer.body["uri"].partition("?")[2] == "PageSize=20&Page=0"
        links = (answer.body["next_page_uri"], answer.body["previous_page_uri"])
        assert (*links, answer.body[self.items]) == (None, None, [])
