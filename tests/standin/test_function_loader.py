"""Functions are loaded at their first event, and once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tapedeck_standin.aws.function_loader import make_invoke

SOURCE = """
import time

def handler(event, context):
    return [number, event, context]

with open({counter!r}, "a") as file:
    file.write("x")
time.sleep(0.05)
number = 7
"""


def test_a_function_is_loaded_at_its_first_event_and_once(tmp_path: Path) -> None:
    """Eight events at once load a function once, and each gets the whole module; none is loaded before."""
    counter = tmp_path / "counter"
    for operation in ("used", "unused"):
        folder = tmp_path / "functions" / operation
        folder.mkdir(parents=True)
        (folder / "app.py").write_text(SOURCE.format(counter=str(counter)), encoding="utf-8")
    invoke = make_invoke(tmp_path)
    assert not counter.exists()
    together = threading.Barrier(8)

    def send(number: int) -> object:
        together.wait(60)
        return invoke("used", {"number": number})

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(send, range(8))) == [[7, {"number": number}, None] for number in range(8)]
    assert counter.read_text(encoding="utf-8") == "x"
