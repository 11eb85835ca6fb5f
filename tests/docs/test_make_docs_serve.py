"""`make docs-serve`, typed in a checkout."""

import os
import socket
import subprocess

from tests.client import ROOT


def test_a_busy_port_is_reported() -> None:
    """If the port is in use, the target starts nothing; it prints the port, and the variable to choose another."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
        # -o: do not install the site's packages.
        variables = [f"DOCS_PORT={port}", "DOCS_VENV=none", "MERMAID=none"]
        done = subprocess.run(
            ["make", "docs-serve", *variables, "-o", "none/ready", "-o", "none"],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    message, *_ = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert message == (
        f"docs-serve: port {port} is not free. Choose another one, such as: make docs-serve DOCS_PORT=8001"
    )
