"""Heads of the event chains, stored beside the keyring: number and hash of each chain's last event.

Guarantees:
- A head is stored only if the chain verifies from the previous head on.
- With a head, the removals in the chain's newest events are stored: kinds, codes and random ids.
- If the event of a removal is overwritten or deleted, an alarm is raised within an hour.
- A value has a tag for its name, under a key that is in neither the database nor the store. A writer of the store can
  only delete values, or restore older ones of the same names.

So an older state of rows, log and checkpoints is detected. A head is at most one round of the worker old.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from deldokument.crypto.row_tags import TAG, is_row_tag, row_tag
from deldokument.domain.audit import TAKING_AWAY, EventKind, canonical, instant_text
from deldokument.domain.chain import BEGINNING, Fault, Mark
from deldokument.domain.errors import Broken
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.keyring import Keyring
from deldokument.store.audit.event_rows import StoredEvent
from deldokument.store.database import Database
from deldokument.store.engine.integrity import DamagedRow, IntegrityKeys
from deldokument.store.transaction import Transaction

log = logging.getLogger("deldokument.integrity")
EVENT_KIND = "audit_event"
"""The kind of an event in an alarm."""
KIND = "kept"
"""The kind of tagged values, as the format names it; no table has this name."""
HEAD, REMOVAL = "head:", "removal:"
PERIOD_SECONDS = 10.0
"""Between two comparisons of the database with the kept heads. Younger events may be lost unnoticed."""
REMOVALS_KEPT = timedelta(days=40)
"""Copies of the database are deleted after 30 days (docs/operate/recovery.md); the rest is time to restore one."""
_NUMBER = 8
_STEP = 500


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal of a right: an event that took it away. ``mark``: the event's place in its chain."""

    chain: str
    mark: Mark
    at: datetime
    kind: EventKind
    share_id: str | None
    details: Mapping[str, str | int]

    @property
    def name(self) -> str:
        """The name under which the removal is stored."""
        return f"{REMOVAL}{self.chain}:{self.mark.number}"

    def encode(self) -> bytes:
        """Return the removal as a stored value."""
        content = [self.mark.hash.hex(), instant_text(self.at), self.kind.value, self.share_id, dict(self.details)]
        return canonical(content)


def keep_heads(deps: Dependencies) -> int:
    """Store the heads of the chains that have new events and are not behind; return 0, so that the loop pauses.

    Raises: Broken if a chain does not verify, after the other heads are stored.
    """
    values, faults = dict[str, bytes](), list[Fault]()
    for chain, last in compare_heads(deps).items():
        fault = _advance(deps, chain, last, values)
        faults += [fault] if fault else []
    if values:
        deps.keyring.keep(values)
    if faults:
        places = (f"{fault.flaw.value} event {fault.number} of {fault.chain}" for fault in faults)
        raise Broken(f"audit trail, heads not kept: {', '.join(places)}")
    return 0


def keep_head(deps: Dependencies, chain: str) -> Fault | None:
    """Store the head of one chain, as ``keep_heads``; if the chain does not verify, return its first fault instead."""
    return _keep_since(deps, chain, kept_heads(deps.keyring, deps.integrity, chain).get(chain) or BEGINNING)


def compare_heads(deps: Dependencies) -> dict[str, Mark]:
    """Mark the chains that are behind in ``deps.behind``; return stored heads of the others with new events."""
    behind, moved = compared_heads(deps.database, deps.keyring, deps.integrity)
    if deps.behind.note(behind):
        log.error("chains of which the database lacks events: %s", ", ".join(sorted(behind)) or "none any more")
    return moved


def compared_heads(
    database: Database, keyring: Keyring, keys: IntegrityKeys
) -> tuple[dict[str, Mark | None], dict[str, Mark]]:
    """Return the chains that are behind, and the others that have new events, with their stored heads.

    A chain is behind if it lacks the event of its stored head: the database is an older one, or was changed. So is a
    chain whose head does not open, or that has a checkpoint but no head: then the store was changed.
    """
    # Read the heads first: chains only grow, so the database, which is read afterwards, has at least these events.
    kept = kept_heads(keyring, keys)
    with database.read() as tx:
        ends = tx.audit.ends()
        behind = {chain: mark for chain, mark in kept.items() if mark is None or not _has(tx, ends, chain, mark)}
        behind |= dict.fromkeys(chain for chain in ends if chain not in kept and tx.checkpoints.last(chain))
    moved = {chain: kept.get(chain) or BEGINNING for chain in ends if chain not in behind}
    return behind, {chain: mark for chain, mark in moved.items() if mark != ends[chain]}


def forget_head(deps: Dependencies, chain: str, removals: Iterable[Removal]) -> None:
    """Delete a chain's stored removals that the operator has seen, then its head."""
    deps.keyring.forget_kept([removal.name for removal in removals])
    deps.keyring.forget_kept([HEAD + chain])


def lower_head(deps: Dependencies, chain: str) -> Fault | None:
    """Store the end of a whole chain as its head, after an operator's confirmation; or return the first fault."""
    return _keep_since(deps, chain, BEGINNING)


def patrol_removals(deps: Dependencies) -> int:
    """Report each removal whose event was overwritten or deleted; return 0.

    Deletes stored removals that are older than every copy of the database.
    """
    horizon, old = deps.clock.now() - REMOVALS_KEPT, list[str]()
    for chain, removals in groupby(kept_removals(deps), attrgetter("chain")):
        with deps.database.read() as tx:
            for removal in removals:
                if removal.at < horizon:
                    old.append(removal.name)
                elif chain not in deps.behind and not _is_recorded(tx, removal):
                    deps.damage.report(DamagedRow(EVENT_KIND, f"{chain}_{removal.mark.number}"))
    if old:
        deps.keyring.forget_kept(old)
    return 0


def _is_recorded(tx: Transaction, removal: Removal) -> bool:
    """Return whether the chain contains the event of the removal, unchanged."""
    number = removal.mark.number
    with suppress(Broken):
        found = tx.audit.following(removal.chain, after=number - 1, last_number=number, limit=1)
        return [one.hash for one in found] == [removal.mark.hash] and tx.audit.are_own(found)
    return False


def kept_heads(keyring: Keyring, keys: IntegrityKeys, chain: str = "") -> dict[str, Mark | None]:
    """Return the stored heads of all chains, or of one; None for a value that does not open."""
    return {
        name.removeprefix(HEAD): _head_of(keys, name, one) for name, one in keyring.list_values(HEAD + chain).items()
    }


def kept_removals(deps: Dependencies, chain: str = "") -> Iterator[Removal]:
    """Yield the stored removals of all chains, or of one, without values that do not open."""
    for name, value in deps.keyring.list_values(f"{REMOVAL}{chain}").items():
        content = open_value(deps.integrity, name, value)
        if content is not None:
            _, owner, number = name.split(":")
            hashed, at, kind, share_id, details = json.loads(content)
            mark = Mark(int(number), bytes.fromhex(hashed))
            yield Removal(owner, mark, datetime.fromisoformat(at), EventKind(kind), share_id, details)


def _has(tx: Transaction, ends: Mapping[str, Mark], chain: str, mark: Mark) -> bool:
    """Return whether the chain contains the event of the mark. ``ends`` are the last events, which most marks are."""
    return ends.get(chain) == mark or tx.audit.has(chain, mark)


def _keep_since(deps: Dependencies, chain: str, last: Mark) -> Fault | None:
    values = dict[str, bytes]()
    fault = _advance(deps, chain, last, values)
    if fault is None:
        deps.keyring.keep(values)
    return fault


def _advance(deps: Dependencies, chain: str, last: Mark, values: dict[str, bytes]) -> Fault | None:
    """Add to ``values`` the removals in the chain's events since ``last``, then its head, if the chain verifies."""
    with deps.database.read() as tx:
        if fault := tx.audit.verify_since(chain, last):
            return fault
        head = tx.audit.head(chain)
        for removal in _removals_since(tx, chain, last, head):
            values[removal.name] = append_tag(deps.integrity, removal.name, removal.encode())
    encoded = head.number.to_bytes(_NUMBER, "big") + head.hash
    values[HEAD + chain] = append_tag(deps.integrity, HEAD + chain, encoded)
    return None


def _removals_since(tx: Transaction, chain: str, last: Mark, head: Mark) -> Iterator[Removal]:
    after = last.number
    while found := tx.audit.following(chain, after=after, last_number=head.number, limit=_STEP):
        yield from (_removal_of(chain, one) for one in found if one.event.kind in TAKING_AWAY)
        after = found[-1].number


def _removal_of(chain: str, stored: StoredEvent) -> Removal:
    event, mark = stored.event, Mark(stored.number, stored.hash)
    return Removal(chain, mark, event.at, event.kind, event.share_id, event.details or {})


def _head_of(keys: IntegrityKeys, name: str, value: bytes) -> Mark | None:
    content = open_value(keys, name, value)
    return None if content is None else Mark(int.from_bytes(content[:_NUMBER], "big"), content[_NUMBER:])


def append_tag(keys: IntegrityKeys, name: str, content: bytes) -> bytes:
    """Return a stored value: content and its tag for that name."""
    return content + row_tag(keys.row_key(KIND), KIND, name, [content])


def open_value(keys: IntegrityKeys, name: str, value: bytes) -> bytes | None:
    """Return the content of a stored value; None if the tag is not for this name."""
    content, tag = value[:-TAG], value[-TAG:]
    return content if is_row_tag(keys.row_key(KIND), KIND, name, [content], tag) else None
