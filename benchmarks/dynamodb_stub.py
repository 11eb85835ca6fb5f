"""A stub of DynamoDB and SQS that sends fixed responses immediately, so that only the time of the client is measured.

The account exists, its recording was paused in version 2, and its engine is alive and has confirmed that at once. Of
an item, only the attributes that a request projects are in the response, as DynamoDB sends them.

Usage: dynamodb_stub.py PORT_FILE. Writes its port to the file and runs until SIGTERM.
"""

import hashlib
import json
import socketserver
import sys
import time
from pathlib import Path

ACCOUNT = "720796a08ee9435083bd2d07a3121f1e"
CALL = "43bb71ee553f4074bb208e2747647cce"
RECORDING = "19e436af56884307b03bbdb2b42b8142"
ENGINE = "bench"

_ITEM = {
    "PK": {"S": f"{ACCOUNT}#CALL#{CALL}"},
    "SK": {"S": f"REC#{RECORDING}"},
    "status": {"S": "paused"},
    "version": {"N": "2"},
    "confirmed": {"N": "1"},
    "r1": {"S": "93a732e85ae3a3b3"},
    "r2": {"S": RECORDING[-16:]},
    **{f"r{place}": {"S": ""} for place in range(3, 9)},
    "source": {"S": "StartCallRecordingAPI"},
    "call": {"S": CALL},
    "channels": {"N": "1"},
    "track": {"S": "both"},
    "trim": {"S": "do-not-trim"},
    "pause_behavior": {"S": "skip"},
    "updated": {"N": "1795250675"},
    "started": {"N": "1795250675"},
    "engine": {"S": ENGINE},
}
_CONFIRMED = {**_ITEM, "confirmed": {"N": "2"}, "effective": {"N": "2"}}
_CREDENTIALS = {
    "PK": {"S": f"ACCOUNT#{ACCOUNT}"},
    "tokens": {"L": [{"S": hashlib.sha256(b"00112233445566778899aabbccddeeff").hexdigest()}]},
    "keys": {"M": {}},
    "created": {"N": "1795250675"},
}


def respond(operation: str, body: bytes) -> dict[str, object]:
    """Return the response to a request."""
    if operation == "GetItem":
        names = json.loads(body).get("ExpressionAttributeNames")
        item = _CREDENTIALS if b"ACCOUNT#" in body else _CONFIRMED
        return {"Item": item if names is None else {name: item[name] for name in item if name in names.values()}}
    if operation == "Query":
        presence = {"boot": {"S": "b" * 32}, "seen": {"N": str(int(time.time()))}, "capabilities": {"M": {}}}
        return {"Items": [{"PK": {"S": "ENGINES"}, "SK": {"S": ENGINE}, **presence}], "Count": 1}
    if operation == "SendMessage":
        return {"MessageId": "5fea7756-0ea4-451a-a703-a558b933e274"}
    return {"Attributes": _ITEM}


class Connection(socketserver.StreamRequestHandler):
    """Handles the part of HTTP/1.1 that botocore needs."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Respond to the requests of a connection one after the other."""
        while self.rfile.readline():
            length, operation = 0, ""
            while (header := self.rfile.readline()) not in {b"\r\n", b""}:
                name, _, value = header.decode("latin-1").partition(":")
                if name.lower() == "content-length":
                    length = int(value)
                elif name.lower() == "x-amz-target":
                    operation = value.strip().rpartition(".")[2]
            body = json.dumps(respond(operation, self.rfile.read(length))).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)


class Server(socketserver.ThreadingTCPServer):
    """Runs one daemon thread per connection."""

    daemon_threads = True
    allow_reuse_address = True


def main() -> None:
    """Serve on a free loopback port, and write the port to the file in the first argument."""
    with Server(("127.0.0.1", 0), Connection) as server:
        Path(sys.argv[1]).write_text(str(server.server_address[1]), encoding="utf-8")
        server.serve_forever()


if __name__ == "__main__":
    main()
