"""A loop of the worker leaves time to others: the longer its rounds take, the longer it rests."""

import logging
import signal
import threading
import time
from dataclasses import replace

import pytest

from deldokument.adapters.clamd import ClamdScanner
from deldokument.adapters.icap import IcapScanner
from deldokument.bootstrap.work import stop_on_signal
from deldokument.domain.errors import Broken, Unavailable
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.inspection import Scanner, ScannerClosed
from deldokument.services.inspection.documents import Inspector
from deldokument.worker import Loop, LoopLost, end_what_is_over, loops, run, run_loop
from tests.fakes.scanner import MemoryScanner
from tests.support.faults.hanging import hanging_engine
from tests.support.stage.stage import NOON, Stage


class Once(threading.Event):
    """A stop that comes with the first pause, which it remembers."""

    paused: float

    def wait(self, timeout: float | None = None) -> bool:
        """Not waited for."""
        assert timeout is not None
        self.paused = timeout
        self.set()
        return True


class Work:
    """A round that takes a moment and has done so much."""

    def __init__(self, done: int) -> None:
        self._done, self.took = done, 0.0

    def __call__(self, _deps: Dependencies) -> int:
        """The round."""
        began = time.monotonic()
        time.sleep(0.01)
        self.took = time.monotonic() - began
        return self._done


def pause_after(stage: Stage, work: Work, *, min_pause: float = 0.0, rest_factor: float = 0.0) -> float:
    stop = Once()
    run_loop(Loop("work", work, 60.0, min_pause, rest_factor), stage.deps, stop)
    return stop.paused


@pytest.mark.timeout(30)
def test_a_worker_ends_also_if_another_thread_gets_the_signal(stage: Stage) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)).start()
    try:
        stop = stop_on_signal()
        run(stage.deps, stop, loops())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert stop.is_set()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["clamd", "icap"])
def test_a_worker_that_waits_for_a_hanging_scanner_ends_at_once_without_an_error(
    stage: Stage, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    stage.upload(stage.draft().id, "a.txt", b"innhold")
    stop = threading.Event()
    with hanging_engine() as ((host, port), hangs):
        scanner: Scanner
        scanner = ClamdScanner((host, port)) if kind == "clamd" else IcapScanner(f"icap://{host}:{port}/scan")
        stage.deps = replace(stage.deps, scanner=scanner)
        waiting = threading.Thread(target=lambda: (hangs.wait(), stop.set()))
        waiting.start()
        run(stage.deps, stop, [Loop("inspect", Inspector(), 0.1)])
        waiting.join()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_document_with_an_interrupted_scan_is_scanned_by_the_next_worker_at_once(stage: Stage) -> None:
    stage.upload(stage.draft().id, "a.txt", b"innhold")
    closing = MemoryScanner(NOON, closes=True)
    with pytest.raises(ScannerClosed):
        Inspector()(replace(stage.deps, scanner=closing))
    assert Inspector()(replace(stage.deps, scanner=MemoryScanner(NOON))) == 1


@pytest.mark.timeout(30)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_has_lost_a_loop_ends_to_be_started_again(stage: Stage) -> None:
    def dies(_deps: Dependencies) -> int:
        raise SystemExit("no ordinary error")

    stop, rounds = threading.Event(), list[int]()

    def goes_on(_deps: Dependencies) -> int:
        rounds.append(1)
        return 0

    with pytest.raises(LoopLost, match="keys"):
        run(stage.deps, stop, [Loop("other", goes_on, 0.1), Loop("keys", dies, 0.1)])
    assert stop.is_set()
    assert rounds


@pytest.mark.timeout(30)
def test_a_worker_that_cannot_start_all_its_threads_ends(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    started = list[threading.Thread]()
    start = threading.Thread.start

    def refuse_the_second(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_the_second)
    with pytest.raises(RuntimeError, match="new thread"):
        run(stage.deps, threading.Event(), [Loop("first", lambda _: 0, 0.1), Loop("second", lambda _: 0, 0.1)])
    assert not started[0].is_alive()


def test_a_loop_with_nothing_to_do_pauses(stage: Stage) -> None:
    assert pause_after(stage, Work(0), min_pause=1.0, rest_factor=2.0) == 60.0


def test_a_loop_with_more_to_do_pauses(stage: Stage) -> None:
    assert pause_after(stage, Work(1)) == 0.0
    assert pause_after(stage, Work(1), min_pause=9.0, rest_factor=2.0) == 9.0


def test_what_is_in_no_hurry_rests_longer_than_it_worked(stage: Stage) -> None:
    work = Work(1)
    assert pause_after(stage, work, rest_factor=2.0) >= 2 * work.took > 0


def test_a_round_that_fails_is_logged_once_until_it_goes_on(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    outcomes = [Unavailable("database_unavailable"), Unavailable("database_unavailable"), ZeroDivisionError(), 0]
    stop = threading.Event()

    def work(_deps: Dependencies) -> int:
        outcome = outcomes.pop(0)
        if not outcomes:
            stop.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with caplog.at_level("INFO", "deldokument.worker"):
        run_loop(Loop("work", work, 0.0), stage.deps, stop)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "INFO"]


def test_a_round_that_fails_keeps_no_other_of_its_loop_from_its_turn(stage: Stage) -> None:
    done: list[str] = []

    def fails(_deps: Dependencies) -> int:
        raise Broken("one tenant")

    def goes_on(_deps: Dependencies) -> int:
        done.append("keys destroyed")
        return 1

    with pytest.raises(Broken):
        end_what_is_over(stage.deps, rounds=(fails, goes_on, fails, goes_on))
    assert len(done) == 2
    assert end_what_is_over(stage.deps, rounds=(goes_on, goes_on)) == 2
