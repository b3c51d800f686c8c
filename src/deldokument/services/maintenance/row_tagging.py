"""Sealing of rows that a version before 0.3.0 has written: tags, cards, grants and role hashes.

    verify the event log ──> look at every row ──┬── supported, complete ──> unchanged
                                                 ├── supported ──> sealed
                                                 └── not supported ──> no tag, listed for the operator
    a pass that changes nothing, while no older node runs ──> tags are enforced

Guarantees:
- A row is sealed only if the event log supports it, and if its encrypted number proves whom it names.
- A row that is not supported has no tag, not even one that a node has written before tags are enforced.
- A pass can stop anywhere and be repeated; workers share the rows. Each transaction has one slice of events or rows.
- Tags are not enforced while a node runs that writes none.

Does not: recognise a row whose forger has also written the events; docs/threat-model.md lists what else remains.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.share_cards import SHARE_KIND
from deldokument.domain.audit import REMOVALS, AuditEvent, EventKind
from deldokument.domain.chain import BEGINNING, ChainCheck, Mark
from deldokument.domain.errors import Broken, Conflict, require
from deldokument.domain.identifiers import Identifier, PersonIdentifier
from deldokument.domain.row_evidence import Doubt, doubt_about
from deldokument.domain.share import Recipient, Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.audit import Subject
from deldokument.ports.repositories.row_tagging import DoubtfulRow, StoredRow
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.audit.recording import record_event, subject_number
from deldokument.services.encryption import (
    INTEGRITY_ENFORCED,
    EncryptedColumn,
    identifier_hash,
    open_field,
    readable_keys,
    role_hash,
    share_key_id,
    stored_identifier,
)
from deldokument.services.people import StaffRole, directory_key
from deldokument.services.shares.grants import ShareGrants

log = logging.getLogger("deldokument.integrity")
_BATCH = 500
_SHARES = 200
"""Fewer, because people who open a share wait for its lock meanwhile."""
_EVENTS = 5000
_CHAIN = 50
"""The queries for a chain cost about as much as so many of its events."""
_MAX_LISTED = 1000
_ROLES = {role.kind: role for role in StaffRole}
_SEALED = {
    "webhook": {"sealed_url": EncryptedColumn.WEBHOOK_URL, "sealed_secret": EncryptedColumn.WEBHOOK_SECRET},
    "notice_address": {
        "sealed_address": EncryptedColumn.NOTICE_ADDRESS,
        "sealed_unconfirmed": EncryptedColumn.UNCONFIRMED_ADDRESS,
    },
}
_LIVING = frozenset({ShareState.DRAFT, ShareState.AVAILABLE})
_SHARING = frozenset({EventKind.DRAFT_STARTED, EventKind.SHARE_PROPOSED, EventKind.SHARE_PUBLISHED})


class RowTagger:
    """Passes over all rows that decide about access, slice by slice. Remembers where it is."""

    def __init__(self, events: int = _EVENTS) -> None:
        """Verify about so many events in one step."""
        self._events = events
        self._verified: dict[str, Mark] = {}
        self._check: ChainCheck | None = None
        self._chains: list[str] = []
        self._kinds: list[str] = []
        self._after = ""
        self._is_clean = False

    def __call__(self, deps: Dependencies) -> int:
        """Do one step of the pass; return 1 while it continues. Nothing is left to do once tags are enforced.

        A step verifies several small chains, or a slice of a long one, or looks at one slice of rows. Raises: Broken if
        a chain does not verify; the next step begins it again.
        """
        if deps.integrity.is_enforced():
            return 0
        if not self._kinds:
            self._begin(deps)
        if self._chains:
            self._verify(deps)
            return 1
        changed, last = seal_slice(deps, self._kinds[0], self._after)
        self._is_clean = self._is_clean and not changed
        self._after = last or ""
        if last is None:
            self._kinds.pop(0)
        if not self._kinds:
            self._end(deps)
        return int(bool(self._kinds))

    def _begin(self, deps: Dependencies) -> None:
        with deps.database.read() as tx:
            self._is_clean = not tx.deployment.has_older_nodes()
            self._chains = tx.audit.chains()
            self._kinds = list(tx.row_tagging.kinds())

    def _verify(self, deps: Dependencies) -> None:
        """Verify the next chains with their checkpoints, as far as the events of one step reach."""
        left = self._events
        with deps.database.read() as tx:
            while self._chains and left > 0:
                left -= self._verify_next(tx, self._chains[-1], left) + _CHAIN

    def _verify_next(self, tx: Transaction, chain: str, limit: int) -> int:
        """Verify the next events of a chain, and remove it at its end; return how many events it were.

        The first pass begins with its first event, later passes with the last event of the pass before.
        """
        check, self._check = self._check, None
        mark = self._verified.get(chain, BEGINNING)
        if check is None and mark is not BEGINNING:
            fault, last = tx.audit.verify_since(chain, mark), tx.audit.head(chain)
        else:
            check = check or ChainCheck(chain)
            mark = check.last
            fault = tx.audit.verify_next(check, limit)
            last = check.last
        if fault:
            why = f"{fault.flaw.value} event {fault.number} of {fault.chain}"
            raise Broken(f"audit trail, no row is sealed by it: {why}")
        if check and not check.is_complete:
            self._check = check
        else:
            self._verified[chain] = last
            self._chains.pop()
        return last.number - mark.number

    def _end(self, deps: Dependencies) -> None:
        with deps.database.read() as tx:
            is_clean = self._is_clean and not tx.deployment.has_older_nodes()
            listed = tx.row_tagging.count_doubts()
        if is_clean:
            deps.keyring.create(INTEGRITY_ENFORCED)
            log.warning("tags are enforced from now on; rows without one: %d", listed)


def seal_slice(deps: Dependencies, kind: str, after: str) -> tuple[bool, str | None]:
    """Seal the next rows that need it; return whether there were any, and the last row seen, None at the end."""
    with deps.database.read() as tx:
        seen = tx.row_tagging.look(kind, after, _SHARES if kind == SHARE_KIND else _BATCH)
        listed = tx.row_tagging.listed(kind, [row.id for row in seen.rows])
        # A row without a tag is judged once, under its lock.
        bare = [row.id for row in seen.rows if not row.has_tag and row.id not in listed]
        others = [row for row in seen.rows if row.has_tag or row.id in listed]
        wanted = bare + [one.row.id for one in _judged(deps, tx, kind, others) if one.is_to_do(listed)]
    if not wanted:
        return False, seen.last
    with deps.database.write() as tx:
        judged = _judged(deps, tx, kind, tx.row_tagging.lock(kind, wanted))
        _seal(tx, kind, [one for one in judged if one.doubt is None])
        new = _list(deps, tx, kind, [one for one in judged if one.doubt is not None])
    for row in new:
        log.warning("row without support in the event log: %s %s (%s)", row.kind, row.id, row.doubt.value)
    return True, seen.last


def has_older_nodes(deps: Dependencies) -> bool:
    """Return whether a node runs that writes no tags, or whether that is unknown."""
    with deps.database.read() as tx:
        return tx.deployment.has_older_nodes()


def list_doubtful(deps: Dependencies) -> list[DoubtfulRow]:
    """Return the rows that were not sealed."""
    with deps.database.read() as tx:
        return tx.row_tagging.doubts(_MAX_LISTED)


def accept_row(deps: Dependencies, *, kind: str, row_id: str) -> None:
    """Seal a listed row as it is, because an operator vouches for it, and record that.

    Recipients of a share whose numbers do not open remain nobody. Raises: NotFound if the row is not listed; Conflict
    if the event log has its removal, which is final, or while an older node runs. That could neither keep the row nor
    read the event.
    """
    with deps.database.write() as tx:
        if tx.deployment.has_older_nodes():
            raise Conflict("older_nodes_run", detail="stop all nodes of older versions first")
        require(tx.row_tagging.listed(kind, [row_id]) or None, "row")
        rows = require(tx.row_tagging.lock(kind, [row_id]) or None, "row")
        events = tx.row_tagging.events_about(kind, [row_id]).get(row_id, ())
        if any(event.kind in REMOVALS for event in events):
            raise Conflict("row_removed", detail="the event log has its removal: add the person or system again")
        _seal(tx, kind, _judged(deps, tx, kind, rows))
        record_event(deps, tx, EventKind.ROW_ACCEPTED, row=kind, id=row_id)


def _seal(tx: Transaction, kind: str, judged: Sequence[_Judged]) -> None:
    tx.row_tagging.set_role_hashes(kind, {one.row.id: one.role_hash for one in judged if one.role_hash})
    tx.row_tagging.set_grants([recipient for one in judged for recipient in one.recipients])
    tx.row_tagging.tag(kind, [one.proven_row for one in judged])
    tx.row_tagging.remove_doubts(kind, [one.row.id for one in judged])


def _list(deps: Dependencies, tx: Transaction, kind: str, judged: Iterable[_Judged]) -> list[DoubtfulRow]:
    """Remove the rows' tags, and return those that were not listed before."""
    now, new = deps.clock.now(), list[DoubtfulRow]()
    for one in judged:
        tx.row_tagging.untag(kind, [one.row.id])
        row = DoubtfulRow(kind, one.row.id, one.doubt or Doubt.CHANGED, now)
        if tx.row_tagging.add_doubt(row):
            new.append(row)
    return new


@dataclass(frozen=True, slots=True)
class _Judged:
    """A row, the reason to doubt it if there is one, and what it lacks: its role hash, and its recipients' grants."""

    row: StoredRow
    doubt: Doubt | None
    role_hash: bytes | None = None
    recipients: tuple[Recipient, ...] = ()

    @property
    def proven_row(self) -> StoredRow:
        """The row with the role hash that it gets."""
        if self.role_hash is None:
            return self.row
        return replace(self.row, values={**self.row.values, "role_hash": self.role_hash})

    def is_to_do(self, listed: Collection[str]) -> bool:
        """Return whether the row must get a tag, lose it, or be listed."""
        if self.doubt is not None:
            return self.row.has_tag or self.row.id not in listed
        return not self.row.is_intact or self.role_hash is not None or bool(self.recipients) or self.row.id in listed


def _judged(deps: Dependencies, tx: Transaction, kind: str, rows: Sequence[StoredRow]) -> list[_Judged]:
    """Compare the rows with the events about them, and with what their encrypted columns prove."""
    if not rows:
        return []
    events = tx.row_tagging.events_about(kind, [row.id for row in rows])
    if kind == SHARE_KIND:
        return _Shares(deps, tx, rows, events).judged()
    found = [_Judged(row, doubt_about(kind, row.values, events.get(row.id, ()))) for row in rows]
    key = directory_key(deps)
    if kind in _ROLES:
        return [_with_person(key, _ROLES[kind], one) for one in found]
    if kind in _SEALED:
        return [_with_columns(key, _SEALED[kind], one) for one in found]
    return _with_documents(tx, found) if kind == "upload" else found


def _with_person(key: bytes, role: StaffRole, judged: _Judged) -> _Judged:
    """Check that the number was encrypted for this row and is the one by which the row is found."""
    values, (number_field, _) = judged.row.values, role.value
    if not values["lookup_hash"]:
        return judged
    number = _opened(key, values["sealed_identifier"], number_field, judged.row.id)
    person = stored_identifier("person", number) if number else None
    if not isinstance(person, PersonIdentifier) or identifier_hash(key, person) != values["lookup_hash"]:
        return replace(judged, doubt=judged.doubt or Doubt.PERSON)
    proof = role_hash(key, role.kind, person)
    return judged if values["role_hash"] == proof else replace(judged, role_hash=proof)


def _with_columns(key: bytes, columns: Mapping[str, EncryptedColumn], judged: _Judged) -> _Judged:
    """Check that the columns were encrypted for this row."""
    sealed = {column: judged.row.values[name] for name, column in columns.items()}
    is_own = all(_opened(key, value, column, judged.row.id) for column, value in sealed.items() if value)
    return judged if judged.doubt or is_own else replace(judged, doubt=Doubt.CHANGED)


def _with_documents(tx: Transaction, judged: Sequence[_Judged]) -> list[_Judged]:
    """Check that each upload is for a document of its share."""
    shares = tx.row_tagging.shares_of_documents({one.row.values["document_id"] for one in judged})
    return [
        one
        if shares.get(one.row.values["document_id"]) == one.row.values["share_id"]
        else replace(one, doubt=Doubt.CHANGED)
        for one in judged
    ]


class _Shares:
    """Judgement of a slice of shares: their events, recipients and sharers."""

    def __init__(
        self, deps: Dependencies, tx: Transaction, rows: Sequence[StoredRow], events: Mapping[str, list[AuditEvent]]
    ) -> None:
        names = {field.name for field in fields(Share)}
        self._rows = {row.id: row for row in rows}
        self._shares = {row.id: Share(**{k: v for k, v in row.values.items() if k in names}) for row in rows}
        self._events = events
        self._tx = tx
        self._directory = directory_key(deps)
        of_shares = self._shares.values()
        key_ids = [key for one in of_shares for key in (one.audit_key_id, share_key_id(one.id))]
        self._keys = readable_keys(deps.keyring, key_ids)
        self._recipients = defaultdict[str, list[Recipient]](list)
        for recipient in tx.shares.recipients(list(self._shares)):
            self._recipients[recipient.share_id].append(recipient)
        self._sharers = self._sharer_hashes()
        self._memberships = tx.row_tagging.memberships(set(self._sharers.values()))
        self._accounts = tx.accounts.by_ids({one.account_id for one in of_shares})
        self._integration_accounts: dict[str, str | None] = {}

    def judged(self) -> list[_Judged]:
        """Return the judgement of each share."""
        return [self._judge(share_id) for share_id in self._shares]

    def _judge(self, share_id: str) -> _Judged:
        row = self._rows[share_id]
        recipients, is_proven = self._granted(self._shares[share_id])
        doubt = doubt_about(SHARE_KIND, row.values, self._events.get(share_id, ()))
        if doubt is None and not is_proven:
            doubt = Doubt.RECIPIENT
        if doubt is None and not self._has_sharer(self._shares[share_id]):
            doubt = Doubt.SHARER
        return _Judged(row, doubt, None, tuple(recipients))

    def _granted(self, share: Share) -> tuple[list[Recipient], bool]:
        """Return the recipients that need new grants, and whether all recipients are proven."""
        named = self._recipients[share.id]
        audit_key = self._keys.get(share.audit_key_id)
        if audit_key is None:
            return [], not named
        during = ShareGrants(share, audit_key, self._keys.get(share_key_id(share.id)), enforced=True)
        after = replace(during, share_key=None)
        holders = [(recipient, _holder(audit_key, recipient)) for recipient in named]
        missing = [
            during.sealed(recipient, holder)
            for recipient, holder in holders
            if holder and {during.holder(recipient), after.holder(recipient)} != {holder}
        ]
        is_complete = bool(named) or share.published_at is None
        return missing, is_complete and all(holder for _, holder in holders)

    def _has_sharer(self, share: Share) -> bool:
        """Return whether the account belongs to the tenant, and whether the last sharer belonged to the account."""
        account = self._accounts.get(share.account_id)
        if account is None or account.tenant_id != share.tenant_id:
            return False
        if share.state not in _LIVING:
            return True
        if share.integration_id is not None:
            return self._account_of(share.integration_id) == share.account_id
        sharer = self._sharers.get(share.id)
        return sharer is None or (share.account_id, sharer) in self._memberships

    def _account_of(self, integration_id: str) -> str | None:
        if integration_id not in self._integration_accounts:
            integration = self._tx.integrations.get(integration_id)
            self._integration_accounts[integration_id] = integration.account_id if integration else None
        return self._integration_accounts[integration_id]

    def _sharer_hashes(self) -> dict[str, bytes]:
        """Return the hash of the last person who shared or began each share, unless that person has been erased.

        The hash is empty, which is nobody's, if the person's row was changed.
        """
        last = {
            share_id: acting[-1]
            for share_id, events in self._events.items()
            if (acting := [one.subject_id for one in events if one.kind in _SHARING and one.subject_id])
        }
        subjects = {one.id: one for one in self._tx.audit.subjects(set(last.values()))}
        return {
            share_id: self._sharer_hash(key, subject)
            for share_id, subject_id in last.items()
            if (subject := subjects.get(subject_id)) and (key := self._keys.get(subject.audit_key_id))
        }

    def _sharer_hash(self, audit_key: bytes, subject: Subject) -> bytes:
        try:
            number = subject_number(audit_key, subject)
        except IntegrityError:
            return b""
        return identifier_hash(self._directory, stored_identifier("person", number))


def _holder(audit_key: bytes, recipient: Recipient) -> Identifier | None:
    """Return the person or organisation that the encrypted number names, if the row is found by the same."""
    number = _opened(audit_key, recipient.sealed_identifier, EncryptedColumn.RECIPIENT_NUMBER, recipient.id)
    holder = stored_identifier(recipient.kind, number) if number else None
    return holder if holder and identifier_hash(audit_key, holder) == recipient.lookup_hash else None


def _opened(key: bytes, sealed: bytes, field: EncryptedColumn, record_id: str) -> str:
    """Return the text, empty if it does not open."""
    try:
        return open_field(key, sealed, field, record_id)
    except IntegrityError:
        return ""
