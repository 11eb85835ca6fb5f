"""Compare the CPU time of a request to the stand-in's server, which answers in threads, and to uvicorn alone.

Both serve the same application without work, each in a process of its own. Four clients with persistent connections
send a small form to one and the other in turn (docs/decisions/0032-http-server.md). Compare only figures of one run:
times depend on the machine and its load.
"""

import http.client
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final

CLIENTS: Final = 4
ROUNDS: Final = 7
ROUND_SECONDS: Final = 3.0

_FORM: Final = "Status=paused&PauseBehavior=skip"
_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def serve_in_threads(pipe: Connection) -> None:
    """Run the stand-in's server."""
    from tapedeck_standin.http.messages import ServerResponse  # noqa: PLC0415 - only the server's process needs it
    from tapedeck_standin.http.server import Server  # noqa: PLC0415

    server = Server("127.0.0.1", 0)
    server.start(lambda _: ServerResponse.of_json(200, {}))
    _report(pipe, server.port)


def serve_by_uvicorn(pipe: Connection) -> None:
    """Run uvicorn with h11, as the stand-in configures it."""
    import uvicorn  # noqa: PLC0415 - only the server's process needs it

    async def application(_scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - of ASGI
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    config = uvicorn.Config(
        application, port=0, http="h11", ws="none", lifespan="off", log_level="critical", access_log=False
    )
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    _report(pipe, server.servers[0].sockets[0].getsockname()[1])


def _report(pipe: Connection, port: int) -> None:
    """Send the port, and this process's CPU seconds whenever they are requested."""
    pipe.send(port)
    while pipe.recv():
        pipe.send(time.process_time())


class ServerProcess:
    """A process that runs a server.

    Args:
        serve: runs the server, and then answers `True` with the CPU seconds of its process.
    """

    def __init__(self, serve: Callable[[Connection], None]) -> None:
        self._pipe, other = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=serve, args=(other,), daemon=True)
        self._process.start()
        other.close()  # so that the end of the process is noticed
        self._port: int = self._pipe.recv()
        _send_requests(self._port, 1.0)  # loads modules

    def measure(self) -> float:
        """Return the CPU milliseconds of a request in one round."""
        before = self._cpu_seconds()
        count = _send_requests(self._port, ROUND_SECONDS)
        return (self._cpu_seconds() - before) / count * 1000

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()

    def _cpu_seconds(self) -> float:
        self._pipe.send(True)
        seconds: float = self._pipe.recv()
        return seconds


def _send_requests(port: int, seconds: float) -> int:
    """Send requests with all clients; return their number."""
    counts: list[int] = []

    def send() -> None:
        connection, sent = http.client.HTTPConnection("127.0.0.1", port), 0
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            connection.request("POST", "/", _FORM, _HEADERS)
            connection.getresponse().read()
            sent += 1
        counts.append(sent)

    clients = [threading.Thread(target=send) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return sum(counts)


def main() -> None:
    """Print the median of each server, with the least and the most."""
    servers = {"uvicorn alone": ServerProcess(serve_by_uvicorn), "stand-in's server": ServerProcess(serve_in_threads)}
    rounds = [{name: server.measure() for name, server in servers.items()} for _ in range(ROUNDS)]
    for name, server in servers.items():
        server.stop()
        found = [each[name] for each in rounds]
        print(
            f"CPU of a request, {CLIENTS} clients: {name:<20} {statistics.median(found):.2f} ms "
            f"({min(found):.2f} to {max(found):.2f})"
        )


if __name__ == "__main__":
    main()
