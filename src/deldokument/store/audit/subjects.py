"""Subjects: persons in the audit trail, in tables."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, insert, literal, select, union_all

from deldokument.store.engine.expressions import InList
from deldokument.store.engine.statements import Repository, RowMapper, by_key, param
from deldokument.store.tables.audit import audit_subject
from deldokument.store.tables.tenancy import account, administrator, is_living, member, operator


@dataclass(frozen=True, slots=True)
class Subject:
    """A person in the audit trail under a random id; erased when the audit key ends."""

    id: str
    audit_key_id: str
    lookup_hash: bytes
    sealed_identifier: bytes


@dataclass(frozen=True, slots=True)
class RegisteredName:
    """The encrypted name of a living member, an administrator or an operator, with the hash of the person's number."""

    office: str
    id: str
    lookup_hash: bytes
    sealed_name: bytes


_SUBJECT = RowMapper(Subject, audit_subject)

_subject = select(*_SUBJECT.columns).where(
    audit_subject.c.audit_key_id == param("key"), audit_subject.c.lookup_hash == param("lookup_hash")
)
_subjects = by_key(select(*_SUBJECT.columns), audit_subject.c.id)


def _names(office: str, table: Table) -> Select[Any]:
    columns = (literal(office), table.c.id, table.c.lookup_hash, table.c.sealed_name)
    return select(*columns).where(InList(table.c.lookup_hash, "hashes"))


_OFFICES = ("member", "administrator", "operator")
_names_of_offices = union_all(
    _names("member", member).join(account).where(is_living, account.c.tenant_id == param("tenant")),
    _names("administrator", administrator).where(administrator.c.tenant_id == param("tenant")),
    _names("operator", operator),
)


class Subjects(Repository):
    """Repository of the audit trail's subjects, and of the registered names for their hashes."""

    def find(self, audit_key_id: str, lookup_hash: bytes) -> Subject | None:
        """Return the person's subject under the audit key, or None.

        If there is none, a write transaction locks the pair, so that no other transaction can add it before this one
        ends.
        """
        values = {"key": audit_key_id, "lookup_hash": lookup_hash}
        found = self._work.first(_subject, values)
        if found is None:
            self._work.advisory_lock("subject", audit_key_id, lookup_hash)
            found = self._work.first(_subject, values)
        return _SUBJECT.one(found)

    def add(self, subject: Subject) -> None:
        """Insert a subject.

        Raises: Conflict if the key has a subject with that hash.
        """
        self._work.run(insert(audit_subject), _SUBJECT.values(subject))

    def by_ids(self, subject_ids: Collection[str]) -> list[Subject]:
        """Return the subjects that have not been erased."""
        return list(self._work.records_by_key(_subjects, subject_ids, _SUBJECT.make).values())

    def registered_names(self, tenant_id: str, lookup_hashes: Collection[bytes]) -> list[RegisteredName]:
        """Return the registered names with these hashes, of persons who act for the tenant or operate the service."""
        rows = self._work.rows_in_batches(_names_of_offices, "hashes", lookup_hashes, tenant=tenant_id)
        rows.sort(key=lambda row: _OFFICES.index(row[0]))
        # The schema's owner can admit NULL.
        return [RegisteredName(row[0], row.id or "", row.lookup_hash, row.sealed_name or b"") for row in rows]
