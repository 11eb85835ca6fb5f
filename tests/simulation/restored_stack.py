"""A simulated deployment with two accounts whose tables are put back, step by step as the page says.

The page is docs/how-to/restore-the-tables.md.
"""

import io
import shlex
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from scripts.put_back_table import main
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.account import Account
from tapedeck.domain.engine import EngineCapabilities, EngineHealth, MediaEngine
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.operations.authentication import hash_secret
from tapedeck.operations.engine_sessions import SessionOpening
from tapedeck.ports.engines import LiveResource
from tests.client import ROOT, TEMPLATE
from tests.simulation import checks
from tests.simulation.history import ENDED, History
from tests.simulation.workload import Workload
from tests.simulation.world import MAX_VISIBILITY_SECONDS, World
from tests.tutorials.page import read_blocks

MAX_ROUNDS: Final = 20
"""Attempts to end everything."""

ENGINE: Final = MediaEngine("standin")
COPIES: Final = "restored-"
"""Begins the names of the tables that hold the earlier state."""

SCRIPT: Final = "-m scripts.put_back_table"
FINAL: Final = {"completed", "absent", "deleted"}


PAGE: Final = ROOT / "docs/how-to/restore-the-tables.md"


def commands_of_page() -> list[list[str]]:
    """Return the arguments of each command of the page that puts a table back, with the names of the world's tables."""
    text = "".join(block.content for block in read_blocks(PAGE))
    text = text.replace("$CREDENTIALS", "CredentialsTable").replace("$RECORDINGS", "RecordingsTable")
    commands = [line for line in text.splitlines() if SCRIPT in line and "--dry-run" not in line]
    return [shlex.split(line.partition(SCRIPT)[2].partition(" > ")[0]) for line in commands]


class Stack:
    """A world with two accounts and an engine that opens sessions, whose tables are put back as the page says.

    Args:
        world: the simulated deployment.
        omitted: the steps of the page that are left out.
    """

    def __init__(self, world: World, omitted: Collection[str] = ()) -> None:
        self.world = world
        self.accounts = [world.account, new_id(world.clock())]
        self.boot, self._seq = "", 0
        self._omitted = omitted
        keys = CredentialsTable(DynamoDBTable(world.dynamodb, world._credentials_table, world.clock.sleep))
        account = Account(self.accounts[1], hash_secret("another"), world.clock() // 1000)
        keys.put_account(account, {"twilio": b"another", "signalwire": b"PSK_another"})
        self._workloads = {each: Workload(world) for each in self.accounts}
        self.restart_engine([])

    def go_on(self, steps: int) -> None:
        """Run random steps of both accounts, with their faults."""
        for _ in range(steps):
            self.world.account = self.world.random_source.choice(self.accounts)
            self.alive()
            self._workloads[self.world.account].step()
            if self.world.random_source.random() < 0.1:
                self.world.drain()

    def alive(self) -> None:
        """Report that the engine is alive."""
        self._seq += 1
        assert not self.world.sessions.note_alive(ENGINE.name, self.boot, self._seq, EngineHealth(live_calls=1))

    def restart_engine(self, live: list[LiveResource]) -> None:
        """Open a new session with what the engine has."""
        self.world.clock.sleep(5)
        self.boot = new_id(self.world.clock())
        self.world.sessions.open(ENGINE, SessionOpening(self.boot, EngineCapabilities(), live=live))
        self.world.observe()

    def live(self) -> list[LiveResource]:
        """What the engine has: everything that is not final."""
        found = []
        for (partition, name), image in self.world.history.last.items():
            if "version" not in image:
                continue
            account, kind, identifier = partition.split("#")
            status = image["status"]["S"]
            if name.startswith("REC#") and status not in FINAL:
                parent, recording = Parent(account, ParentKind(kind), identifier), name.removeprefix("REC#")
                is_running, version = status in {"in-progress", "paused"}, int(image["version"]["N"])
                found.append(
                    LiveResource("recording", account, recording, parent, is_running, status == "in-progress", version)
                )
            elif name in {"CALL", "CONF"} and status not in ENDED:
                found.append(LiveResource({"CALL": "call", "CONF": "conference"}[name], account, identifier))
        return found

    # The steps of the page.

    def copy_tables(self) -> None:
        """Restore both tables to this moment, into new tables."""
        names = TEMPLATE.create_tables(self.world.dynamodb, COPIES)
        for logical_id, copy in names.items():
            for item in self.items(logical_id):
                self.world.dynamodb.put_item(TableName=copy, Item=item)

    def put_back(self, live: list[LiveResource] | None) -> None:
        """Put both tables back, and start everything again; `live` is what the engine has, None if it lost all."""
        world = self.world
        lines = {command[-1]: self.put_back_table(command) for command in commands_of_page()}["RecordingsTable"]
        if "discard" not in self._omitted:
            world.dynamodb.take_images("RecordingsTable")
            world._unread, world._repeated = [], []
        if "purge" not in self._omitted:
            world.command_queue._messages.clear()
            world.failed_batches.kept.clear()
        self._read_table()
        self._sort_media(lines)
        if live is None:
            self._lose_engine()
        if "restart" not in self._omitted:
            self.restart_engine(live or [])

    def put_back_table(self, arguments: list[str]) -> list[list[str]]:
        """Run the script for one table; return the words of the lines that it prints."""
        printed = io.StringIO()
        with redirect_stdout(printed), redirect_stderr(io.StringIO()):
            assert main(arguments, self.world.dynamodb) == 0
        return [line.split() for line in printed.getvalue().splitlines()]

    def _sort_media(self, lines: list[list[str]]) -> None:
        """Delete the audio of recordings that are gone, and give that of unfinished ones to their conversion."""
        objects = self.world.objects
        for change, partition, sort_key, _, status, _ in lines:
            if not sort_key.startswith("REC#"):
                continue
            folder = f"{partition.partition('#')[0]}/{sort_key.removeprefix('REC#')}/"
            if change == "removed":
                objects.delete([key for key in objects.content if key.startswith(folder)])
            elif status in {"in-progress", "paused", "stopped"} and f"{folder}original.wav" in objects.content:
                objects.content[f"{folder}capture.wav"] = objects.content[f"{folder}original.wav"]

    def _lose_engine(self) -> None:
        """Let the engine lose what it captures, and the events that it has not reported."""
        self.world.engine._sessions.clear()
        self.world.event_channel._late.clear()
        self.world.clock.sleep(MAX_VISIBILITY_SECONDS)
        while received := self.world.events.receive(50):
            for message in received:
                self.world.events.delete(message.receipt)

    def _read_table(self) -> None:
        """Let the history begin with the table as it is; what was wrong before stays."""
        history = History()
        for item in self.items("RecordingsTable"):
            history.note(None, item)
        history.wrong = self.world.history.wrong
        self.world.history = history

    def items(self, table: str) -> list[Any]:
        """All items of a table."""
        pages = self.world.dynamodb.get_paginator("scan").paginate(TableName=table)
        return [item for page in pages for item in page["Items"]]

    # What must hold.

    def pass_minutes(self, minutes: int) -> None:
        """Let minutes pass in which the engine is alive, with a run of the reconciler in every fifth."""
        for _ in range(minutes // 5):
            self.world.clock.sleep(300)
            self.alive()
            self.world.drain()
            self.world.reconcile()

    def left(self) -> list[str]:
        """List what is not final, but for captures of which nothing is left: these are given up after a day."""
        content = self.world.objects.content
        converting = {
            key[1].removeprefix("REC#")
            for key, image in self.world.history.recordings()
            if "captured" in image and not content.get(f"{key[0][:32]}/{key[1].removeprefix('REC#')}/capture.wav")
        }
        return [f"{each.kind} {each.id} goes on" for each in self.live() if each.id not in converting]

    def end_all(self) -> None:
        """End all calls and conferences, the conferences first."""
        world = self.world
        for _ in range(MAX_ROUNDS):
            self.alive()
            world.drain()
            for kind, operations in (("CONF", world.conferences), ("CALL", world.calls)):
                for account, identifier in self._live_ids(kind):
                    world.run(operations.end, account, identifier)
                if kind == "CONF":
                    world._wait_for_dialed_calls()
            if not world.events.messages and not self._live_ids("CALL") and not self._live_ids("CONF"):
                break
            world.clock.sleep(MAX_VISIBILITY_SECONDS)

    def _live_ids(self, kind: str) -> list[tuple[str, str]]:
        """Account and id of each live call (`CALL`) or conference (`CONF`)."""
        keys = [key for key, image in self.world.history.last.items() if key[1] == kind]
        live = [key for key in keys if self.world.history.last[key]["status"]["S"] not in ENDED]
        return [(partition.split("#")[0], partition.split("#")[2]) for partition, _ in live]

    def wrong(self, then: dict[tuple[str, str], str]) -> list[str]:
        """List what violates the rule, given the recordings that were there then and their statuses."""
        world = self.world
        now = {key: image["status"]["S"] for key, image in world.history.recordings()}
        return [
            *world.history.wrong,
            *(f"unexpected error: {error}" for error in world.unexpected_errors),
            # Of a capture that was found to be too short since then, nothing is left: it is given up after a day.
            *checks._failed(world, {*checks.EXPECTED_FAILURES, "MediaMissing"}),
            *checks._unsettled(world),
            *checks._misdelivered(world),
            *(f"{key} was {then[key]}, and is {now.get(key)}" for key in then if now.get(key) not in FINAL),
            *self._foreign(),
            *self._orphans(),
            *self._confused_callbacks(),
        ]

    def _foreign(self) -> Iterator[str]:
        """Everything belongs to an account, and each callback names the account to which it belongs."""
        names = defaultdict[str, set[str]](set)
        for account in self.accounts:
            names[account] = {each.format_sid(ResourceType.ACCOUNT, account) for each in (TWILIO, SIGNALWIRE)}
        for partition, name in self.world.history.last:
            if partition.partition("#")[0] not in {*self.accounts, "ENGINES", "CHECKS"}:
                yield f"{partition} {name} belongs to no account"
        senders = {delivery["body"]: partition.partition("#")[0] for partition, _, delivery in self._deliveries()}
        for request in self.world.network.received:
            body = request.body.decode() or urlsplit(request.url).query
            (named,) = parse_qs(body)["AccountSid"]
            if named not in names[senders.get(body, "")]:
                yield f"a callback that no delivery of {named} has: {body}"

    def _orphans(self) -> Iterator[str]:
        """No audio belongs to a recording that is not there."""
        known = {key[1].removeprefix("REC#") for key, _ in self.world.history.recordings()}
        for path in self.world.objects.content:
            _, recording, name = path.split("/")
            if recording not in known and name.startswith("original"):
                yield f"{path} belongs to no recording"

    def _confused_callbacks(self) -> Iterator[str]:
        """Each participant who left has a callback of its own, and each finished recording one of its end."""
        sent = {(partition, name): delivery["body"] for partition, name, delivery in self._deliveries()}
        for (partition, name), image in self.world.history.last.items():
            account, _, identifier = partition.split("#") if "version" in image else ("", "", "")
            if name.startswith("PART#") and "left" in image:
                number, call = int(image["sequence"]["N"]), name.removeprefix("PART#")
                body = sent.get((f"{account}#CB#{identifier}", f"{number:08d}.leave"))
                if body is not None and TWILIO.format_sid(ResourceType.CALL, call) not in body:
                    yield f"the leave of {call} from {identifier} was reported as {body}"
            elif name.startswith("REC#") and "callback" in image and image["status"]["S"] in {"completed", "absent"}:
                event = image["status"]["S"]
                events = {each["S"] for each in image["callback"]["M"]["events"]["L"]}
                key = f"{account}#CB#{name.removeprefix('REC#')}", f"{int(image['version']['N']):08d}.{event}"
                if event in events and key not in sent:
                    yield f"the end of {name} was not reported"

    def _deliveries(self) -> Iterator[tuple[str, str, Any]]:
        for (partition, name), image in self.world.history.last.items():
            if "#CB#" in partition and name != "closed":
                yield partition, name, {each: value.get("S") for each, value in image.items()}
