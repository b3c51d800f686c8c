"""A database with very many rows as version 0.2.0 writes them, without tags: published shares of some tenants.

The event log supports every row, numbers are sealed as the program seals them, and each share has its key. So the
worker has to compare, open and write what it would after a real upgrade.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

from deldokument.adapters.keys.files import load_root_key
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.chain import Mark
from deldokument.domain.errors import InvalidInput
from deldokument.domain.identifiers import PersonIdentifier, parse_organization
from deldokument.domain.tenancy import Contact
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.lifecycle import create_account
from deldokument.services.accounts.members import add_member
from deldokument.services.audit.checkpoints import sign_checkpoints
from deldokument.services.audit.recording import mentioned_subject
from deldokument.services.encryption import EncryptedColumn, audit_key_id, identifier_hash, seal_field
from deldokument.services.tenants.registration import create_tenant
from deldokument.simulators.cast import load_cast
from tests.support.bulk_events import Row, fill_trail
from tests.support.bulk_shares import LENGTH, BulkShares, Home, document_id, fill_keyring, fill_shares, share_id
from tests.support.numbers import synthetic_numbers
from tests.support.sender import account_of
from tests.support.server import OLA_NUMBER, Deployment
from tests.support.tenants import take_into_use

TENANTS, OLAS, DOCUMENTS, PEOPLE = 357, 1000, 3, 10_000
"""One of ``OLAS`` shares is for Ola. The recipients of the others are so many people."""
ROWS_OF_SHARE = 2 + 2 * DOCUMENTS
"""The share, its recipient, documents and uploads."""
EVENTS_OF_SHARE = 3 + 2 * DOCUMENTS
_PERIOD, _SHORTEST = timedelta(days=30), timedelta(days=1)
"""The first share must not end while people ask for it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _Tenancy:
    """A tenant with one account, the audit key of this month, and its sharer's subject under that."""

    home: Home
    key_id: str
    key: bytes
    subject_id: str


def fill(running: Deployment, url: str, shares: int) -> list[str]:
    """Put so many shares into the database, with their events and keys; return the ids of Ola's."""
    deps = running.node.deps
    tenancies = [_kari(running), *(_new(deps, *given) for given in zip(*_names(TENANTS - 1), strict=True))]
    now = deps.clock.now()
    crowd = _crowd(tenancies, shares, now)
    fill_shares(url, crowd)
    fill_keyring(
        running.settings.keyring_path, load_root_key(running.settings.root_key_path), map(share_id, range(shares))
    )
    heads = _heads(deps, tenancies)
    fill_trail(
        url,
        chain.from_iterable(
            _events(tenancy, range(place, shares, TENANTS), now - _PERIOD / 2, heads[place])
            for place, tenancy in enumerate(tenancies)
        ),
    )
    with deps.database.write() as tx:
        # Version 0.2.0 has looked at them and found nobody to notify.
        for tenancy, head in zip(tenancies, _heads(deps, tenancies), strict=True):
            tx.outbox.cursor(tenancy.home.tenant_id)
            tx.outbox.move_cursor(tenancy.home.tenant_id, head.number)
    sign_checkpoints(deps)
    return [share_id(number) for number in range(0, shares, OLAS)]


def _heads(deps: Dependencies, tenancies: list[_Tenancy]) -> list[Mark]:
    with deps.database.read() as tx:
        return [tx.audit.head(one.home.tenant_id) for one in tenancies]


def _kari(running: Deployment) -> _Tenancy:
    """Kari's account among them, since she looks at her list."""
    account = account_of(running, "Byggesak")
    with running.node.deps.database.read() as tx:
        member = tx.members.of_account(account.id)[0]
    number = next(person.identifier for person in load_cast().people if person.key == "kari")
    return _tenancy(running.node.deps, Home(account.tenant_id, account.id, member.id), number)


def _new(deps: Dependencies, organization: str, number: str) -> _Tenancy:
    contact = Contact("22 00 00 00", "post@eksempel.example", "9-15")
    tenant = create_tenant(deps, organization_number=organization, name=f"Kommune {organization}", contact=contact)
    take_into_use(deps, tenant.id)
    account = create_account(deps, tenant_id=tenant.id, name="Byggesak")
    member = add_member(deps, tenant_id=tenant.id, account_id=account.id, number=number, name="Kim Sender")
    return _tenancy(deps, Home(tenant.id, account.id, member.id), number)


def _tenancy(deps: Dependencies, home: Home, number: str) -> _Tenancy:
    key_id = audit_key_id(home.tenant_id, deps.clock.now())
    with deps.database.write() as tx:
        subject_id = mentioned_subject(deps, tx, home.tenant_id, number)
    return _Tenancy(home, key_id, deps.keyring.create(key_id), subject_id)


def _names(count: int) -> tuple[list[str], list[str]]:
    """Numbers of organisations and of people, all synthetic."""
    return list(islice(_organizations(), count)), synthetic_numbers(count)


def _organizations() -> Iterator[str]:
    for number in range(315_000_000, 316_000_000):
        with suppress(InvalidInput):
            yield parse_organization(str(number)).value


def _crowd(tenancies: list[_Tenancy], shares: int, now: datetime) -> BulkShares:
    people = synthetic_numbers(PEOPLE)

    def of(number: int) -> _Tenancy:
        return tenancies[number % TENANTS]

    def recipient(number: int) -> str:
        return people[number % PEOPLE] if number % OLAS else OLA_NUMBER

    def seal(number: int, field: EncryptedColumn, text: str, record_id: str) -> bytes:
        return seal_field(of(number).key, text, field, record_id)

    return BulkShares(
        [one.home for one in tenancies],
        shares,
        lambda number: now + _SHORTEST + _PERIOD * (number / shares),
        documents=DOCUMENTS,
        published_at=now - _PERIOD / 2,
        audit_key_id=lambda number: of(number).key_id,
        seal=seal,
        recipient=recipient,
        recipient_hash=lambda number: identifier_hash(
            of(number).key, PersonIdentifier(recipient(number), "foedselsnummer")
        ),
        inspection=b"",
    )


def _events(tenancy: _Tenancy, numbers: range, at: datetime, after: Mark) -> Iterator[Row]:
    """What is recorded of these shares until somebody opens them, behind the events that are there."""
    tenant_id, number, link = tenancy.home.tenant_id, after.number, after.hash
    for place in numbers:
        for kind, subject, details in _life(tenancy, place):
            number += 1
            event = AuditEvent(at + _MICROSECOND * place, kind, tenant_id, share_id(place), subject, details)
            previous, link = link, event.link(number, link)
            microseconds = (event.at - _EPOCH) // _MICROSECOND
            text = json.dumps(details) if details else None
            yield tenant_id, number, microseconds, kind.value, event.share_id, subject, text, previous, link


def _life(tenancy: _Tenancy, place: int) -> Iterator[tuple[EventKind, str | None, dict[str, str | int] | None]]:
    sharer = tenancy.subject_id
    documents = [document_id(place, one) for one in range(DOCUMENTS)]
    yield EventKind.DRAFT_STARTED, sharer, None
    for document in documents:
        yield EventKind.DOCUMENT_COMPLETED, sharer, {"document": document, "length": LENGTH}
    yield EventKind.SHARE_PUBLISHED, sharer, None
    for document in documents:
        yield EventKind.DOCUMENT_INSPECTED, None, {"document": document, "verdict": "not_scanned"}
    yield EventKind.SHARE_OPENED, sharer, {"ground": "a0236"}
