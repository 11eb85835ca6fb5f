"""The types of the command line's options: what they accept, and the usage errors of other values."""

import re
from typing import Final

import click

from tapedeck.adapters.webhooks.public_addresses import is_unambiguous_host
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.settings import STANDIN_ACCOUNT
from tapedeck_standin.http.addresses import is_http_url

_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?|https?://\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?")


class Secret(click.ParamType):
    """A secret that must not be empty: an empty one would match requests without a password."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value; fail with a usage error if it is empty."""
        return value or self.fail("must not be empty", param, ctx)


class AccountSid(click.ParamType):
    """An account's sid in Twilio's or SignalWire's format, converted to 32 hex digits."""

    name = "sid"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the account's id; fail with a usage error if the sid is malformed."""
        identifier = parse_any_sid(ResourceType.ACCOUNT, value)
        # Click also converts the default, which is already an id.
        return (
            value
            if value == STANDIN_ACCOUNT
            else identifier or self.fail("must be AC and 32 hex digits, or a UUID", param, ctx)
        )


class Origin(click.ParamType):
    """A scheme and a host with an optional port."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the origin without a trailing slash; fail with a usage error if it is malformed."""
        origin = value.removesuffix("/")
        if origin and not _ORIGIN.fullmatch(origin):
            self.fail("must have the form https://host or https://host:port", param, ctx)
        return origin


class HttpUrl(click.ParamType):
    """An absolute HTTP or HTTPS URL."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the URL; fail with a usage error if it is malformed."""
        return (
            value
            if is_http_url(value)
            else self.fail("must have the form http://host:port or https://host:port", param, ctx)
        )


class HostMap(click.ParamType):
    """Comma-separated pairs `host=other`."""

    name = "host=other"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the pairs unchanged; fail with a usage error if one is malformed."""
        for pair in filter(None, value.split(",")):
            host, _, other = pair.partition("=")
            # Only hosts are mapped; the port is always taken from the URL.
            if not is_unambiguous_host(host.strip()) or not is_unambiguous_host(other.strip()):
                self.fail(
                    "must have the form host=other,host=other, each a name or an address without a port", param, ctx
                )
        return value


class HostList(click.ParamType):
    """Comma-separated names or addresses, without a scheme or port."""

    name = "host"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the hosts unchanged; fail with a usage error that names the first malformed one."""
        for host in filter(None, map(str.strip, value.split(","))):
            if not is_unambiguous_host(host):
                self.fail(f"{host!r} is not a host: use names or addresses without a scheme or port", param, ctx)
        return value


class AllowedHost(click.ParamType):
    """A name or an address without a scheme or port, or `*` for any."""

    name = "host"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the host unchanged; fail with a usage error if it is malformed."""
        if value != "*" and not is_unambiguous_host(value):
            self.fail(f"{value!r} is not a host: use a name or an address without a scheme or port, or *", param, ctx)
        return value


class HostName(click.ParamType):
    """A name or an address without a scheme or port."""

    name = "host"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the host unchanged; fail with a usage error if it is malformed."""
        if not is_unambiguous_host(value):
            self.fail(f"{value!r} is not a host: use a name or an address without a scheme or port", param, ctx)
        return value
