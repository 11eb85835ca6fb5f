"""Requests that are answered at the same time share one run of the background work (C-328)."""

import threading
from collections.abc import Callable

import pytest

from tapedeck_standin.scheduler.shared_runs import SharedRuns

FIRST, SECOND = "first request", "second request"


class Work:
    """Background work that counts its runs; `during` is called within each, with its number."""

    def __init__(self, during: Callable[[int], object] = lambda _: None) -> None:
        self.runs = 0
        self.now = 0.0
        self.shared = SharedRuns(self._run, lambda: self.now)
        self._during = during

    def _run(self) -> None:
        self.runs += 1
        self._during(self.runs)

    def begin(self, request: str) -> threading.Thread:
        """Request a run in a thread of its own."""
        thread = threading.Thread(target=self.shared.run_for, args=(request,))
        thread.start()
        return thread


def wait_until_requested(work: Work, number: int) -> None:
    """Wait until so many runs were requested."""
    while work.shared._requested < number:
        threading.Event().wait(0.001)


def test_requests_that_have_arrived_share_a_run() -> None:
    """A request waits for another one that has arrived, and both get one run."""
    work = Work()
    work.shared.arrive(FIRST)
    work.shared.arrive(SECOND)
    waiting = work.begin(FIRST)
    wait_until_requested(work, 1)
    assert work.runs == 0
    work.shared.run_for(SECOND)
    waiting.join()
    assert work.runs == 1


def test_a_request_does_not_wait_for_one_that_causes_no_work() -> None:
    """The run begins when the other request has left without one."""
    work = Work()
    work.shared.arrive(FIRST)
    work.shared.arrive(SECOND)
    waiting = work.begin(FIRST)
    wait_until_requested(work, 1)
    work.shared.leave(SECOND)
    waiting.join()
    assert work.runs == 1


def test_a_request_does_not_wait_for_one_that_waits_itself() -> None:
    """A request that has arrived 20 ms earlier, and may wait for an engine, delays no other."""
    work = Work()
    work.shared.arrive(SECOND)
    work.now = 0.02
    work.shared.arrive(FIRST)
    work.shared.run_for(FIRST)
    assert work.runs == 1


def test_a_request_waits_for_others_at_most_5_ms() -> None:
    """The run begins although another request has arrived and is not answered."""
    work = Work()
    work.shared.arrive(FIRST)
    work.shared.arrive(SECOND)
    waiting = work.begin(FIRST)
    wait_until_requested(work, 1)
    work.now = 0.005
    waiting.join()
    assert work.runs == 1


def test_a_run_that_has_begun_is_not_shared() -> None:
    """A request that ends while a run goes on gets the next run: this one may have read the changes already."""
    later: list[threading.Thread] = []

    def request_again(number: int) -> None:
        if number == 1:
            later.append(work.begin(SECOND))
            wait_until_requested(work, 2)

    work = Work(request_again)
    work.shared.run_for(FIRST)
    later[0].join()
    assert work.runs == 2


def test_a_failed_run_is_shared_by_none() -> None:
    """The request that has run the work gets its error, and the other one gets a run of its own."""

    def fail_once(number: int) -> None:
        if number == 1:
            raise ValueError("a failure of this test")

    work = Work(fail_once)
    work.shared.arrive(FIRST)
    work.shared.arrive(SECOND)
    waiting = work.begin(FIRST)
    wait_until_requested(work, 1)
    with pytest.raises(ValueError, match="a failure of this test"):
        work.shared.run_for(SECOND)
    waiting.join()
    assert work.runs == 2
