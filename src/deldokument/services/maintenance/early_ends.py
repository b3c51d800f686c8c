"""Halt of destruction if unusually many shares end early: before their time, and not with their tenant or account.

Guarantees:
- In an hour the keys of at most ``MAX_EARLY_ENDS`` such shares are destroyed, or of a tenth of all if that is more.
  Keys without a share count too.
- If more are due, they wait until an operator confirms them. Other ends continue.
- A writer of the database cannot confirm them: the state is in the keyring's store. The database only shows the halt.
"""

import json
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from deldokument.domain.audit import EventKind, canonical, instant_text
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.heads import append_tag, open_value
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import SHARE_PREFIX
from deldokument.store.transaction import Transaction

log = logging.getLogger("deldokument.worker")
MAX_EARLY_ENDS = 200
_TENTH = 10
_PERIOD = timedelta(hours=1)
_CONFIRMED_PERIOD = timedelta(hours=2)
"""The sweep of keys without a share, each hour, needs so long to find the same ones again."""
_NAME = "ends:early"
"""The name of the value in the keyring's store."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The number of keys of early ends that may still be destroyed before ``until``."""

    until: datetime
    left: int

    def spend(self, deps: Dependencies, count: int) -> None:
        """Store that ``count`` keys are destroyed."""
        _keep(deps, replace(self, left=self.left - count))


_HALTED = Allowance(datetime.max.replace(tzinfo=UTC), 0)


def allowance(deps: Dependencies, tx: Transaction, count: int) -> Allowance | None:
    """Return the allowance, for ``tx`` alone, if ``count`` early ends are within it.

    Otherwise destruction halts with an alarm, and this returns None; also if another worker has the allowance.
    """
    if not count or not tx.deployment.claim_early_ends():
        return None
    now = deps.clock.now()
    found = _stored_allowance(deps)
    if found is None or found.until <= now:
        keys = len(deps.keyring.ids(SHARE_PREFIX))
        found = Allowance(now + _PERIOD, max(MAX_EARLY_ENDS, keys // _TENTH))
    if count <= found.left:
        return found
    _keep(deps, _HALTED)
    if tx.deployment.halt_ends(now):
        record_event(deps, tx, EventKind.EARLY_ENDS_HALTED)
        log.error("unusually many shares were ended early: their keys are kept until an operator confirms that")
    return None


def confirm_early_ends(deps: Dependencies) -> None:
    """Confirm, for the operator, that many shares were ended early. Destruction has no limit for two hours."""
    _keep(deps, Allowance(deps.clock.now() + _CONFIRMED_PERIOD, 10**9))
    with deps.database.write() as tx:
        tx.deployment.resume_ends()
        record_event(deps, tx, EventKind.EARLY_ENDS_CONFIRMED)


def _keep(deps: Dependencies, kept: Allowance) -> None:
    content = canonical([instant_text(kept.until), kept.left])
    deps.keyring.keep({_NAME: append_tag(deps.integrity, _NAME, content)})


def _stored_allowance(deps: Dependencies) -> Allowance | None:
    """Return the stored allowance. None before the first one; a value that does not open halts destruction."""
    value = deps.keyring.list_values(_NAME).get(_NAME)
    if value is None:
        return None
    content = open_value(deps.integrity, _NAME, value)
    if content is None:
        return _HALTED
    until, left = json.loads(content)
    return Allowance(datetime.fromisoformat(until), left)
