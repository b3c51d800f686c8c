"""The reconcilers: a loop each that makes the world agree with the database.

Promises that a round that fails is told in the log and done again, that one loop's trouble does not stop another, and
that a stop is heeded between rounds. Any number of workers may run. Knows when to act, not how: that is services'.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import ServiceError, Unavailable
from deldokument.domain.outbox import Channel, Result
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.checkpoints import sign_checkpoints
from deldokument.services.inspection.documents import inspect_documents
from deldokument.services.maintenance import retention
from deldokument.services.maintenance.orphans import sweep_orphan_keys, sweep_orphans
from deldokument.services.notifications.dispatch import (
    AT_ONCE,
    ChannelEntry,
    plan_messages,
    send_message,
    take_messages,
)
from deldokument.services.notifications.email_addresses import forget_addresses
from deldokument.services.notifications.registry import CHANNELS, PLANNERS, SCHEDULERS

log = logging.getLogger("deldokument.worker")
_MIN_PAUSE = 0.25
_REST_FACTOR = 2.0
"""What nobody can read any more is in no hurry: those who use the service go first, all the more on a busy machine."""
_ROUND = 10.0
"""So many seconds a round of sending goes on beginning with more."""
_LOOK = 1.0
"""So many seconds after which it looks for more though nothing has come to an end."""
_UNHURRIED = 5.0
"""What is kept for days to years may be kept for some seconds more: to ask a dozen questions each second was a third
of an idle worker's time."""


def end_what_is_over(deps: Dependencies, rounds: retention.Rounds = retention.ROUNDS) -> int:
    """End a batch of everything that is over, in order, and return the number. Short, so that a stop is soon noticed.

    Raises Unavailable, having ended nothing, when the clock is not to be trusted; and the first error of a round, the
    others having had their turn.
    """
    _check_clock(deps)
    done, errors = 0, list[ServiceError | IntegrityError]()
    for reconcile in rounds:
        try:
            done += reconcile(deps)
        except (ServiceError, IntegrityError) as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return done


def _check_clock(deps: Dependencies) -> None:
    if not retention.record_heartbeat(deps):
        raise Unavailable(
            "destruction_halted",
            detail="the clock has leapt ahead: check it, then start with `deldokument worker --confirm-clock`",
        )


class Sweeper:
    """Removes what crashes left behind; remembers the keys without a share from one sweep to the next."""

    def __init__(self) -> None:
        self._suspects: set[str] = set()
        self._under_way = False

    def __call__(self, deps: Dependencies) -> int:
        """One step: 1 while the sweep of the store goes on. Raises Unavailable as ``end_what_is_over``."""
        _check_clock(deps)
        if not self._under_way:
            self._suspects = sweep_orphan_keys(deps, self._suspects)
        self._under_way = False
        self._under_way = sweep_orphans(deps)
        return int(self._under_way)


def plan_from_events(deps: Dependencies) -> int:
    """One round: messages to the world outside, of what has happened."""
    return plan_messages(deps, PLANNERS)


def plan_from_schedule(deps: Dependencies) -> int:
    """One round: messages to the world outside, of what has come to be due."""
    return sum(plan(deps) for plan in SCHEDULERS)


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends the messages of one channel, several at a time; one that fails does not keep the others.

    Nor does one that takes long: while it is under way the others' next ones are sent, for some seconds of each round.
    """

    channel: Channel
    entry: ChannelEntry

    def __call__(self, deps: Dependencies) -> int:
        """One round."""
        began, under_way, ended = time.monotonic(), dict[Future[Result], str](), list[Future[Result]]()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"send-{self.channel.value}") as pool:
            while True:
                if time.monotonic() - began < _ROUND:
                    for message in take_messages(deps, self.channel, busy=under_way.values()):
                        under_way[pool.submit(send_message, deps, self.entry, message)] = message.target
                if not under_way:
                    break
                for done in wait(under_way, timeout=_LOOK, return_when=FIRST_COMPLETED).done:
                    del under_way[done]
                    ended.append(done)
        waiting = [done for done in ended if done.result() is Result.AGAIN]
        if waiting:
            log.warning("send %s: %d of %d were not taken", self.channel.value, len(waiting), len(ended))
        return len(ended)


@dataclass(frozen=True, slots=True)
class Loop:
    """One task of the worker. It pauses ``pause`` seconds after a round without work.

    After a round with work it pauses ``min_pause`` seconds, or ``rest_factor`` times the length of the round: whichever
    is longer.
    """

    name: str
    round: Callable[[Dependencies], int]
    pause: float
    min_pause: float = 0.0
    rest_factor: float = 0.0


def loops() -> tuple[Loop, ...]:
    """All of them."""
    return (
        Loop("inspect", inspect_documents, 0.5),
        Loop("end", partial(end_what_is_over, rounds=retention.ENDING), 1.0, 0.1),
        Loop("clear", partial(end_what_is_over, rounds=retention.CLEARING), 1.0, _MIN_PAUSE, _REST_FACTOR),
        Loop("forget", partial(end_what_is_over, rounds=retention.FORGETTING), _UNHURRIED, _MIN_PAUSE, _REST_FACTOR),
        Loop("seal", sign_checkpoints, 15.0),
        Loop("plan", plan_from_events, 1.0, _MIN_PAUSE, 1.0),
        Loop("remind", plan_from_schedule, 15.0),
        *(Loop(f"send {channel.value}", Sending(channel, entry), 1.0) for channel, entry in CHANNELS.items()),
        Loop("addresses", forget_addresses, 60.0),
        Loop("sweep", Sweeper(), 3600.0),
    )


def run(deps: Dependencies, stop: threading.Event) -> None:
    """Run every loop in a thread of its own until ``stop`` is set."""
    threads = [threading.Thread(target=run_loop, args=(loop, deps, stop), name=loop.name) for loop in loops()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_loop(loop: Loop, deps: Dependencies, stop: threading.Event) -> None:
    """Run the loop until ``stop``; log an error when it begins and when it is over, not at every round."""
    trouble = ""
    while not stop.is_set():
        done, told, began = 0, trouble, time.monotonic()
        try:
            done, trouble = loop.round(deps), ""
        except (ServiceError, IntegrityError) as error:
            trouble = str(error)
            if trouble != told:
                log.error("%s: %s", loop.name, error)
        except Exception as error:
            trouble = repr(error)
            if trouble != told:
                log.exception("%s failed", loop.name)
        if told and not trouble:
            log.info("%s: going on", loop.name)
        took = time.monotonic() - began
        stop.wait(max(loop.min_pause, loop.rest_factor * took) if done else loop.pause)
