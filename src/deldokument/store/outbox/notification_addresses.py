"""E-mail addresses for notifications, in a table."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, exists, select

from deldokument.domain.messages.email_addresses import NoticeAddress
from deldokument.store.engine.authenticated_rows import AuthenticatedMapper
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.statements import Repository, param
from deldokument.store.tables.notification_addresses import awaits_code, notice_address
from deldokument.store.tables.tags import ADDRESS_TAGS
from deldokument.store.tables.tenancy import administrator, is_living, member

_ADDRESS = AuthenticatedMapper(NoticeAddress, ADDRESS_TAGS)
_every = select(*_ADDRESS.columns)
_by_id = _every.where(notice_address.c.id == param("key"))
_by_hash = _every.where(notice_address.c.lookup_hash == param("lookup_hash"))
_by_hashes = _every.where(InList(notice_address.c.lookup_hash, "lookup_hashes"))
_unconfirmed = _every.where(awaits_code, notice_address.c.challenged_at < param("before"))
_is_member = exists().where(is_living, member.c.lookup_hash == notice_address.c.lookup_hash)
_is_administrator = exists().where(administrator.c.lookup_hash == notice_address.c.lookup_hash)
_forget = delete(notice_address).where(~_is_member, ~_is_administrator)


class NotificationAddresses(Repository):
    """Notification addresses, one record per person across all tenants."""

    def get(self, address_id: str) -> NoticeAddress | None:
        """Return the address with the id."""
        return _ADDRESS.intact(self._work, self._work.first(_by_id, {"key": address_id}))

    def lock_of_person(self, lookup_hash: bytes) -> NoticeAddress | None:
        """Return the person's record, its row locked until the transaction ends. Used for counting attempts."""
        return _ADDRESS.intact(
            self._work, self._work.first(self._work.with_row_locks(_by_hash), {"lookup_hash": lookup_hash})
        )

    def of_person(self, lookup_hash: bytes) -> NoticeAddress | None:
        """Return the address of the person with the hash."""
        return _ADDRESS.intact(self._work, self._work.first(_by_hash, {"lookup_hash": lookup_hash}))

    def of_persons(self, lookup_hashes: Collection[bytes]) -> list[NoticeAddress]:
        """Return the existing records of these persons, in any order."""
        return _ADDRESS.all_intact(self._work, self._work.rows_in_batches(_by_hashes, "lookup_hashes", lookup_hashes))

    def save(self, address: NoticeAddress) -> None:
        """Insert the record, or replace the one with the same id. Raises: Conflict if the person has another record."""
        self._work.insert_or_replace(notice_address, _ADDRESS.columns_of(self._work, address))

    def drop_unconfirmed(self, challenged_before: datetime) -> int:
        """Remove addresses that have waited for confirmation since ``challenged_before``; return their number."""
        return _ADDRESS.rewrite(self._work, _unconfirmed, NoticeAddress.end_challenge, before=challenged_before)

    def forget_strangers(self) -> int:
        """Remove records of persons who are no longer members or administrators; return their number."""
        return self._work.count(_forget)
