"""Worker: background loops that bring storage, registers and channels in line with the database.

Guarantees:
- A failed round is logged and repeated.
- An error in one loop does not stop another.
- Every loop stops after its current round, even if the scanner is slow.
- If a loop's thread dies, the worker ends, so that the service manager restarts it.

Any number of workers may run. The loops decide only when to act; services do the work.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import ServiceError, Unavailable
from deldokument.domain.messages.outbox import Channel, OutgoingMessage, Result
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.inspection import ScannerClosed
from deldokument.services.accounts.deletion import end_deleted_accounts
from deldokument.services.agreements.signing import forget_intents
from deldokument.services.api.idempotency import forget_answers
from deldokument.services.audit.checkpoints import sign_checkpoints
from deldokument.services.audit.damage import RowPlace, patrol_rows, record_damage
from deldokument.services.audit.heads import PERIOD_SECONDS, keep_heads, patrol_removals
from deldokument.services.downloads.copying import make_copies
from deldokument.services.each import do_each
from deldokument.services.inspection.documents import Inspector
from deldokument.services.maintenance import retention
from deldokument.services.maintenance.orphans import sweep_orphan_keys, sweep_orphans
from deldokument.services.maintenance.seal_requests import answer_seal_requests
from deldokument.services.maintenance.share_keys import destroy_share_keys
from deldokument.services.notifications.dispatch import (
    AT_ONCE,
    ChannelEntry,
    forget_messages,
    plan_messages,
    send_message,
    take_messages,
)
from deldokument.services.notifications.email_addresses import forget_addresses
from deldokument.services.notifications.registry import CHANNELS, PLANNERS, SCHEDULERS
from deldokument.services.notifications.webhooks import forget_ended_webhooks
from deldokument.services.rate_limit import forget_allowances
from deldokument.services.shares.drafts.additions import drop_stale_additions
from deldokument.services.tenants.offboarding import complete_deletions, destroy_tenant_keys, forget_tenants
from deldokument.store.maintenance.retention import PatrolPlace

log = logging.getLogger("deldokument.worker")
_MIN_PAUSE = 0.25
_REST_FACTOR = 2.0
"""Cleanup of unreadable data is not urgent: the pause leaves the machine to requests, the more so when it is busy."""
_ROUND = 10.0
"""Seconds in which a round of sending starts more messages."""
_LOOK = 1.0
"""Seconds after which sending looks for more messages, even if none has ended."""
_LISTEN = 1.0
"""Seconds after which the main thread looks for a signal.

The kernel may deliver a signal to any thread, e.g. after the process has been suspended. Python handles it in the main
thread, which then would wait for the other threads without end.
"""
_UNHURRIED = 5.0
"""Pause in seconds of tasks whose data is kept for days to years.

A dozen queries each second took a third of an idle worker's time.
"""
_PATROL = 600.0
"""Pause in seconds after a patrol of all available shares and all roles."""
_PATROL_FACTOR = 10.0


Rounds = tuple[Callable[[Dependencies], int], ...]

ENDING: Rounds = (
    retention.end_due_shares,
    retention.abandon_stale_drafts,
    drop_stale_additions,
    end_deleted_accounts,
    destroy_share_keys,
)
"""Rounds that make data unreadable; later rounds never delay them."""

CLEARING: Rounds = (retention.release_blobs, retention.delete_garbage)
"""Rounds that delete unreadable data, batch by batch."""

FORGETTING: Rounds = (
    complete_deletions,
    retention.erase_spent_shares,
    retention.erase_spent_members,
    retention.destroy_audit_keys,
    forget_tenants,
    retention.end_idle_sessions,
    forget_answers,
    forget_allowances,
    forget_intents,
    forget_messages,
    forget_ended_webhooks,
)
"""Rounds that erase data past its retention. They query by tenant, so they do not run after each batch of objects."""

ROUNDS: Rounds = ENDING + CLEARING + FORGETTING
"""All rounds of what is over, in this order, each repeated until nothing is left."""


def end_what_is_over(deps: Dependencies, rounds: Rounds = ROUNDS) -> int:
    """End a batch of each kind of object that is over, in order; return the number of objects.

    A batch is short, so that the worker stops soon after a signal. If a step fails, the others still run. Raises:
    Unavailable, with nothing ended, if the clock is not trusted; otherwise the first error of a step.
    """
    _check_clock(deps)
    return do_each(rounds, lambda reconcile: reconcile(deps))


def _check_clock(deps: Dependencies) -> None:
    if not retention.record_heartbeat(deps):
        raise Unavailable(
            "destruction_halted",
            detail="the clock has jumped ahead: check it, then start with `deldokument worker --confirm-clock`",
        )


class Sweeper:
    """Removal of data left behind by crashes. Remembers keys without a share from one sweep to the next."""

    def __init__(self) -> None:
        self._suspects: set[str] = set()
        self._under_way = False

    def __call__(self, deps: Dependencies) -> int:
        """Do one step; return 1 while the sweep of the store continues.

        Raises: Unavailable if the clock is not trusted.
        """
        _check_clock(deps)
        if not self._under_way:
            self._suspects = sweep_orphan_keys(deps, self._suspects)
            destroy_tenant_keys(deps)
        self._under_way = False
        self._under_way = sweep_orphans(deps)
        return int(self._under_way)


class Patrol:
    """Slow verification of all available shares, then of rows that give roles, slice by slice. Keeps its place."""

    def __init__(self) -> None:
        self._after: PatrolPlace | None = None
        self._row: RowPlace | None = None

    def __call__(self, deps: Dependencies) -> int:
        """Do one slice; return 1 while the patrol continues.

        Raises: Unavailable if the clock is not trusted.
        """
        _check_clock(deps)
        if self._row is None:
            self._after = retention.patrol_shares(deps, self._after)
        if self._after is not None:
            return 1
        self._row = patrol_rows(deps, self._row)
        return int(self._row is not None)


def plan_from_events(deps: Dependencies) -> int:
    """Do one round: plan outbound messages for new events."""
    return plan_messages(deps, PLANNERS)


def plan_from_schedule(deps: Dependencies) -> int:
    """Do one round: plan outbound messages that have become due."""
    return sum(plan(deps) for plan in SCHEDULERS)


@dataclass(frozen=True, slots=True)
class Sending:
    """Sending of one channel's messages, several at a time, independently of each other.

    A slow message does not delay the others: more messages are started while it is being sent, for 10 seconds of each
    round.
    """

    channel: Channel
    entry: ChannelEntry

    def __call__(self, deps: Dependencies) -> int:
        """Do one round; return the number of messages attempted."""
        began, under_way, ended = time.monotonic(), dict[Future[Result], OutgoingMessage](), list[Future[Result]]()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"send-{self.channel.value}") as pool:
            while True:
                if time.monotonic() - began < _ROUND:
                    for message in take_messages(deps, self.channel, busy=under_way.values()):
                        # In a copy of this context, which contains the trace; a new thread would not have it.
                        sent = pool.submit(copy_context().run, send_message, deps, self.entry, message)
                        under_way[sent] = message
                if not under_way:
                    break
                for done in wait(under_way, timeout=_LOOK, return_when=FIRST_COMPLETED).done:
                    del under_way[done]
                    ended.append(done)
        waiting = [done for done in ended if done.result() is Result.AGAIN]
        if waiting:
            log.warning(
                "send %s: %d of %d messages not accepted, will retry", self.channel.value, len(waiting), len(ended)
            )
        return len(ended)


class LoopLost(Exception):
    """Error: a thread of the worker has died. Its traceback is on standard error."""


@dataclass(frozen=True, slots=True)
class Loop:
    """One task of the worker. It pauses ``pause`` seconds after a round without work.

    After a round with work it pauses ``min_pause`` seconds or ``rest_factor`` times the duration of the round,
    whichever is longer.
    """

    name: str
    round: Callable[[Dependencies], int]
    pause: float
    min_pause: float = 0.0
    rest_factor: float = 0.0


Traced = Callable[[Loop], Loop]


def loops() -> tuple[Loop, ...]:
    """Return all loops of the worker."""
    return (
        Loop("inspect", Inspector(), 0.5),
        # A second loop, so that a large document, which takes minutes to scan, does not delay small ones.
        Loop("inspect beside", Inspector(), 1.0),
        Loop("copy", make_copies, 1.0),
        Loop("end", partial(end_what_is_over, rounds=ENDING), 1.0, 0.1),
        Loop("clear", partial(end_what_is_over, rounds=CLEARING), 1.0, _MIN_PAUSE, _REST_FACTOR),
        Loop("forget", partial(end_what_is_over, rounds=FORGETTING), _UNHURRIED, _MIN_PAUSE, _REST_FACTOR),
        Loop("damage", record_damage, 1.0),
        Loop("heads", keep_heads, PERIOD_SECONDS),
        Loop("removals", patrol_removals, 3600.0),
        Loop("seal", sign_checkpoints, 15.0),
        Loop("seal on request", answer_seal_requests, 0.5),
        Loop("plan", plan_from_events, 1.0, _MIN_PAUSE, 1.0),
        Loop("remind", plan_from_schedule, 15.0),
        *(Loop(f"send {channel.value}", Sending(channel, entry), 1.0) for channel, entry in CHANNELS.items()),
        Loop("addresses", forget_addresses, 60.0),
        Loop("sweep", Sweeper(), 3600.0),
        Loop("patrol", Patrol(), _PATROL, _MIN_PAUSE, _PATROL_FACTOR),
    )


class _Logged:
    """The rounds of a loop. Logs an error when it first occurs and when it is over, not at every round."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._last_error = ""

    def __call__(self, deps: Dependencies) -> int:
        """Do a round. Raises: as the loop itself, after logging it."""
        logged, self._last_error = self._last_error, ""
        try:
            done = self._loop.round(deps)
        except ScannerClosed:
            # The worker ends.
            raise
        except (ServiceError, IntegrityError) as error:
            self._last_error = str(error)
            if self._last_error != logged:
                log.error("%s: %s", self._loop.name, error)
            raise
        except Exception as error:
            self._last_error = repr(error)
            if self._last_error != logged:
                log.exception("%s failed", self._loop.name)
            raise
        if logged:
            log.info("%s: recovered", self._loop.name)
        return done


def run(deps: Dependencies, stop: threading.Event, tasks: Sequence[Loop], traced: Traced | None = None) -> None:
    """Run every loop in its own thread until ``stop`` is set; ``traced`` as in `run_loop`.

    Raises: LoopLost if a loop ends by itself, after the others have stopped; RuntimeError if no thread can be started.
    The service manager then restarts the worker.
    """
    threads = [threading.Thread(target=run_loop, args=(loop, deps, stop, traced), name=loop.name) for loop in tasks]
    try:
        for thread in threads:
            thread.start()
        while not stop.wait(_LISTEN):
            lost = [thread.name for thread in threads if not thread.is_alive()]
            if lost and not stop.is_set():
                raise LoopLost(f"ended by themselves: {', '.join(lost)}")
    finally:
        stop.set()
        if deps.scanner is not None:
            deps.scanner.close()
        for thread in threads:
            if thread.is_alive():
                thread.join()


def run_loop(loop: Loop, deps: Dependencies, stop: threading.Event, traced: Traced | None = None) -> None:
    """Run the loop until ``stop`` is set.

    ``traced`` returns the loop with a trace for each round. Everything that a round logs then has the trace's id.
    """
    loop = replace(loop, round=_Logged(loop))
    if traced:
        loop = traced(loop)
    while not stop.is_set():
        done, began = 0, time.monotonic()
        # The round has logged it.
        with suppress(Exception):
            done = loop.round(deps)
        took = time.monotonic() - began
        stop.wait(max(loop.min_pause, loop.rest_factor * took) if done else loop.pause)
