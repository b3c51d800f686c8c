"""Members of accounts in a table."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, or_, select, update

from deldokument.domain.errors import Conflict
from deldokument.domain.tenants.tenancy import Account, Member
from deldokument.store.engine.authenticated_rows import AuthenticatedMapper
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.statements import Repository, param
from deldokument.store.tables.tags import MEMBER_TAGS
from deldokument.store.tables.tenancy import is_absent, is_living, is_waiting, member
from deldokument.store.tenancy.accounts import with_usable_accounts

_MEMBER = AuthenticatedMapper(Member, MEMBER_TAGS)

_all = select(*_MEMBER.columns)
_is_in_account = member.c.account_id == param("key")
_by_id = _all.where(member.c.id == param("key"))
_by_hash = _all.where(_is_in_account, member.c.lookup_hash == param("lookup_hash"), is_living)
_by_hashes = _all.where(_is_in_account, InList(member.c.lookup_hash, "hashes"), is_living)
_of_account = (
    _all.where(_is_in_account, is_living).order_by(member.c.added_at.desc(), member.c.id.desc()).limit(param("most"))
)
_added = bindparam("added", type_=member.c.added_at.type)
_earlier = _of_account.where(
    member.c.added_at <= _added, or_(member.c.added_at < _added, member.c.id < param("before"))
)
_waiting = _of_account.where(is_waiting)
_acting = _all.where(_is_in_account, is_living, member.c.acts_from.is_not(None)).limit(param("most"))
_acting_before = _acting.where(member.c.acts_from < bindparam("before", type_=member.c.acts_from.type))
_waiting_one = _by_id.where(is_waiting)
_count = select(func.count(member.c.id)).where(_is_in_account, is_living)
_of_person = _all.where(member.c.lookup_hash == param("lookup_hash"), is_living)
_record_use = update(member).where(member.c.id == param("key")).values(used_at=param("now"))
_living = _by_id.where(is_living)
_absent, _present = _living.where(is_absent), _living.where(~is_absent)
_all_living = _all.where(_is_in_account, is_living)


class Members(Repository):
    """Repository of the members of accounts. A membership is living until it is removed."""

    def add(self, member: Member) -> None:
        """Insert the member. Raises: Conflict if the person is a living member of the account."""
        if not self._work.insert_once(_MEMBER.table, _MEMBER.columns_of(self._work, member)):
            raise Conflict("member_exists")

    def get(self, member_id: str) -> Member | None:
        """Return the member, removed or not."""
        return _MEMBER.intact(self._work, self._work.first(_by_id, {"key": member_id}))

    def by_hash(self, account_id: str, lookup_hash: bytes) -> Member | None:
        """Return the living membership of a person in the account."""
        return _MEMBER.intact(self._work, self._work.first(_by_hash, {"key": account_id, "lookup_hash": lookup_hash}))

    def by_hashes(self, account_id: str, lookup_hashes: Collection[bytes]) -> list[Member]:
        """Return the living memberships of many persons in the account, in any order."""
        return _MEMBER.all_intact(
            self._work, self._work.rows_in_batches(_by_hashes, "hashes", lookup_hashes, key=account_id)
        )

    def of_account(
        self, account_id: str, *, before: tuple[datetime, str] | None = None, limit: int = 1000
    ) -> list[Member]:
        """Return living members, last added first; ``before`` continues after that time and id."""
        values: dict[str, Any] = {"key": account_id, "most": limit}
        if before is None:
            return _MEMBER.all_intact(self._work, self._work.rows(_of_account, values))
        added_at, member_id = before
        return _MEMBER.all_intact(
            self._work, self._work.rows(_earlier, values | {"added": added_at, "before": member_id})
        )

    def waiting(self, account_id: str, limit: int) -> list[Member]:
        """Return living members who wait for confirmation, last added first."""
        return _MEMBER.all_intact(self._work, self._work.rows(_waiting, {"key": account_id, "most": limit}))

    def acting(self, account_id: str, limit: int, *, before: datetime | None = None) -> list[Member]:
        """Return living members who can share now, and could already before ``before``, in any order."""
        values = {"key": account_id, "most": limit}
        if before is None:
            return _MEMBER.all_intact(self._work, self._work.rows(_acting, values))
        return _MEMBER.all_intact(self._work, self._work.rows(_acting_before, values | {"before": before}))

    def confirm(self, member_id: str, now: datetime) -> bool:
        """Confirm a waiting member; return False if there is none."""
        return _MEMBER.rewrite(self._work, _waiting_one, lambda one: replace(one, acts_from=now), key=member_id) == 1

    def count(self, account_id: str) -> int:
        """Count the living members of the account."""
        return int(self._work.rows(_count, {"key": account_id})[0][0])

    def of_person(self, lookup_hash: bytes) -> list[tuple[Member, Account]]:
        """Return a person's living memberships, with their accounts, by account name.

        Only in tenants in use, and accounts that are not deleted.
        """
        found = _MEMBER.all_intact(self._work, self._work.rows(_of_person, {"lookup_hash": lookup_hash}))
        return with_usable_accounts(self._work, found)

    def record_use(self, member_id: str, now: datetime) -> None:
        """Record that the member has shared something."""
        self._work.run(_record_use, {"key": member_id, "now": now})

    def mark_absent(self, member_id: str, since: datetime | None) -> bool:
        """Mark a living member as absent since ``since``, or as present; return False if nothing changes."""
        query = _present if since else _absent
        changed = _MEMBER.rewrite(
            self._work, query, lambda one: replace(one, absent_since=since, revision=one.revision + 1), key=member_id
        )
        return changed == 1

    def remove(self, member_id: str, now: datetime) -> bool:
        """End the membership; return False if there is no living one."""
        return _MEMBER.rewrite(self._work, _living, lambda one: replace(one, removed_at=now), key=member_id) == 1

    def remove_all(self, account_id: str, now: datetime) -> None:
        """End every living membership in the account."""
        _MEMBER.rewrite(self._work, _all_living, lambda one: replace(one, removed_at=now), key=account_id)
