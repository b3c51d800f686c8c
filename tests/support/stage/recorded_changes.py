"""Changes of shares by tests that are not about events: an event is recorded, without which they are refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import existing
from deldokument.store.database import Database
from deldokument.store.transaction import Transaction


def record_changes(tx: Transaction) -> None:
    """Record the changes that have no event yet."""
    assert isinstance(tx, Transaction)
    for share_id in tx.share_cards.without_event():
        share = existing(tx.shares.get(share_id))
        tx.audit.append(AuditEvent(share.changed_at, EventKind.SHARE_CORRECTED, share.tenant_id, share_id))


@contextmanager
def recording(database: Database) -> Iterator[Transaction]:
    """A write transaction whose changes are recorded."""
    with database.write() as tx:
        yield tx
        record_changes(tx)


class RecordingDatabase(Database):
    """A database whose every change is recorded."""

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with super().write() as tx:
            yield tx
            record_changes(tx)


recording_at = cache(RecordingDatabase)
"""One for each address, as ``database_at``."""
