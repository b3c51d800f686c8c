"""Health checks for monitoring; each examines one part and grades it.

Guarantees:
- A check that fails is critical, with its error as the message, and the checks after it still run.
- Messages name no person and no share.

The deployment's other checks, which need its settings, are in `cli.operate.doctor`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from deldokument.ports.clock import Clock
from deldokument.ports.inspection import Scanner
from deldokument.ports.keyring import Keyring
from deldokument.services.audit.heads import compared_heads
from deldokument.services.audit.verification import unverified_since
from deldokument.services.encryption import CachedDeploymentKeys
from deldokument.services.maintenance.alarms import count_limited_persons
from deldokument.services.maintenance.lag import waiting_in
from deldokument.store.database import Database
from deldokument.store.maintenance.backlog import Queue

HEARTBEAT_LIMIT: Final = timedelta(seconds=60)
EXPIRY_WARNING: Final = timedelta(days=30)
SKEW_WARNING: Final = timedelta(seconds=1)
KEYS_LIMIT: Final = timedelta(hours=1)
"""From this age on, a key that should be destroyed is critical."""
TRAIL_WARNING: Final = timedelta(days=2)
"""From this age on, a verification of the audit trail, which is due each day, is too old."""
LAG_WARNINGS: Final = {Queue.KEYS.value: timedelta(seconds=60), Queue.INSPECTION.value: timedelta(seconds=300)}
OTHER_LAG_WARNING: Final = timedelta(hours=1)
_ORDERS: Final = {
    "clock": "check the clock, then `deldokument worker --confirm-clock`",
    "ends": "find out why many shares were ended early, then `deldokument worker --confirm-ends`",
}


class Level(IntEnum):
    """Severity of a finding; also the exit code of `deldokument doctor`."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


Grade = tuple[Level, str]
"""A level, and the message for the operator."""


@dataclass(frozen=True, slots=True)
class Check:
    """A named check. ``run`` may raise any error."""

    name: str
    run: Callable[[], Grade]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check."""

    name: str
    level: Level
    message: str


def examine(checks: Iterable[Check]) -> list[Finding]:
    """Run all checks, and return their findings in order."""
    return [Finding(check.name, *_grade(check)) for check in checks]


def worst(findings: Iterable[Finding]) -> Level:
    """Return the worst level among the findings."""
    return max((finding.level for finding in findings), default=Level.OK)


def check_worker(database: Database, clock: Clock) -> Grade:
    """Grade the age of the last heartbeat. Without tenants and operators a worker has nothing to do."""
    now = clock.now()
    with database.read() as tx:
        beat, is_bare = tx.deployment.get().heartbeat_at, tx.deployment.is_bare()
    if beat is None:
        return (Level.OK, "no heartbeat yet") if is_bare else (Level.CRITICAL, "no worker has ever run")
    message = f"last heartbeat at {beat.isoformat(timespec='seconds')}"
    return (Level.CRITICAL, f"{message}: no worker runs") if now - beat > HEARTBEAT_LIMIT else (Level.OK, message)


def check_trail(database: Database, clock: Clock) -> Grade:
    """Grade the age of the last verification of the audit trail, or of the first event if there was none."""
    now = clock.now()
    with database.read() as tx:
        since = unverified_since(tx)
    if since is None:
        return Level.OK, "no event yet"
    message = f"unverified since {since.isoformat(timespec='seconds')}"
    if now - since <= TRAIL_WARNING:
        return Level.OK, message
    return Level.WARNING, f"{message}: run `deldokument audit verify` each day"


def check_heads(database: Database, keyring: Keyring) -> Grade:
    """Grade whether the database contains the stored heads of the event chains."""
    behind, _ = compared_heads(database, keyring, CachedDeploymentKeys(keyring))
    if not behind:
        return Level.OK, "as in the keyring's store"
    return Level.CRITICAL, f"{len(behind)} chains lack events: run `deldokument audit restored`"


def check_destruction(database: Database) -> Grade:
    """Grade whether destruction is halted."""
    with database.read() as tx:
        halts = tx.deployment.get().halts
    orders = [order for confirmed, order in _ORDERS.items() if halts[confirmed]]
    return (Level.CRITICAL, f"HALTED: {'; '.join(orders)}") if orders else (Level.OK, "not halted")


def check_backlog(database: Database, clock: Clock) -> Grade:
    """Grade the age of the oldest item in each queue of the worker."""
    now = clock.now()
    with database.read() as tx:
        waiting, lags = waiting_in(tx, now)
    behind = [
        f"{queue} {one.count} ({lags[queue].total_seconds():.0f} s)" for queue, one in waiting.items() if one.count
    ]
    level = max(_lag_level(queue, lag) for queue, lag in lags.items())
    return level, ", ".join(behind) or "nothing"


def check_clock(clock: Clock, max_skew: timedelta) -> Grade:
    """Grade the difference between this machine's clock and the database's."""
    skew = clock.skew()
    level = Level.CRITICAL if skew > max_skew else Level.WARNING if skew > SKEW_WARNING else Level.OK
    return level, f"{skew.total_seconds():.3f} s from the database's"


def check_damage(database: Database) -> Grade:
    """Grade whether damaged rows have been recorded."""
    with database.read() as tx:
        count = tx.damage.count()
    if not count:
        return Level.OK, "none"
    return Level.WARNING, f"{count} recorded; find them in the event log of the service (row_damaged)"


def check_refusals(database: Database, clock: Clock) -> Grade:
    """Grade whether persons were refused too often at links to shares."""
    count = count_limited_persons(database, clock)
    if not count:
        return Level.OK, "nobody was refused too often within the last hour"
    return Level.WARNING, f"{count} persons were refused too often at links within the last hour"


def check_scanner(scanner: Scanner, now: datetime, max_age: timedelta) -> Grade:
    """Grade the malware scanner by the age of its signatures. Raises: Unavailable; then documents wait."""
    engine = scanner.engine()
    dated = engine.signatures_at
    message = f"{engine.name} {engine.version}, signatures of {dated.isoformat() if dated else 'an unknown date'}"
    if dated is not None and now - dated <= max_age:
        return Level.OK, message
    return Level.WARNING, f"{message}: too old, so nothing it finds clean counts as clean"


def grade_expiry(end: datetime, now: datetime) -> Grade:
    """Grade the end of a validity period; the last month is a warning."""
    if now > end:
        return Level.CRITICAL, f"EXPIRED {end.date().isoformat()}"
    level = Level.WARNING if end - now < EXPIRY_WARNING else Level.OK
    return level, f"valid until {end.date().isoformat()}"


def _grade(check: Check) -> Grade:
    try:
        return check.run()
    except Exception as error:
        # A check that fails in an unforeseen way must not hide the others.
        return Level.CRITICAL, str(error) or repr(error)


def _lag_level(queue: str, lag: timedelta) -> Level:
    if queue == Queue.KEYS.value and lag > KEYS_LIMIT:
        return Level.CRITICAL
    return Level.WARNING if lag > LAG_WARNINGS.get(queue, OTHER_LAG_WARNING) else Level.OK
