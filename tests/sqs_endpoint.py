"""An endpoint of SQS over HTTP on this machine, for the messages of one program."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(frozen=True)
class SqsEndpoint:
    """The URL of each engine's queue, up to the engine's name."""

    prefix: str


@contextmanager
def running_sqs(on_request: Callable[[str, dict[str, Any]], object]) -> Iterator[SqsEndpoint]:
    """Serve SQS's JSON protocol; `on_request` gets the action and the body of each request before it is answered."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Accept a message."""
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            on_request(self.headers["X-Amz-Target"].rpartition(".")[2], body)
            answer = b'{"MessageId": "5fea7756-0ea4-451a-a703-a558b933e274"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield SqsEndpoint(f"http://127.0.0.1:{server.server_address[1]}/123456789012/stack_engine_")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
