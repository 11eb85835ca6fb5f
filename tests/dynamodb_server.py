"""A DynamoDB over HTTP on this machine, with streams: a database that is kept while programs end and begin."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from dynamodb_memory.client import MemoryDynamoDB
from tests.functions.databases import answer_from

SHARD = f"shardId-{0:020}-{0:08}"


@contextmanager
def running_dynamodb() -> Iterator[tuple[str, MemoryDynamoDB]]:
    """Serve a database in memory; yield its URL and the database. Each stream may have one reader at a time."""
    memory = MemoryDynamoDB()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            """Answer a request to DynamoDB or to DynamoDB Streams."""
            service, _, operation = self.headers["X-Amz-Target"].partition(".")
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if service.startswith("DynamoDBStreams"):
                status, answer = 200, json.dumps(_read_stream(memory, operation, json.loads(body))).encode()
            else:
                status, answer = answer_from(memory, operation, body)
            self.send_response(status)
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
        yield f"http://127.0.0.1:{server.server_address[1]}", memory
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _read_stream(memory: MemoryDynamoDB, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer as a stream of one shard; its iterators are the names of the tables."""
    if operation == "DescribeStream":
        return {"StreamDescription": {"Shards": [{"ShardId": SHARD}]}}
    if operation == "GetShardIterator":
        table = request["StreamArn"].split("/")[1]
        if request["ShardIteratorType"] == "LATEST":
            memory.take_records(table)
        return {"ShardIterator": table}
    return {
        "Records": memory.take_records(request["ShardIterator"]),
        "NextShardIterator": request["ShardIterator"],
    }
