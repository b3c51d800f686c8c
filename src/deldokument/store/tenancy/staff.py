"""Administrators and operators in tables, and the roles of one person."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, bindparam, delete, literal_column, or_, select, union_all

from deldokument.domain.errors import Conflict
from deldokument.domain.tenants.tenancy import Administrator, Operator
from deldokument.store.engine.authenticated_rows import AuthenticatedMapper
from deldokument.store.engine.statements import Repository, param
from deldokument.store.tables.tags import ADMINISTRATOR_TAGS, OPERATOR_TAGS
from deldokument.store.tables.tenancy import administrator, is_living, member, operator


@dataclass(frozen=True, slots=True)
class RoleKinds:
    """Kinds of roles for which a person has rows: living member of any account, administrator, operator.

    This gives no right: the rows are verified when they are read.
    """

    is_member: bool
    administers: bool
    operates: bool


_ADMINISTRATOR = AuthenticatedMapper(Administrator, ADMINISTRATOR_TAGS)
_OPERATOR = AuthenticatedMapper(Operator, OPERATOR_TAGS)

_all_administrators = select(*_ADMINISTRATOR.columns).order_by(administrator.c.id)
_administrators = _all_administrators.where(administrator.c.tenant_id == param("key"))
_administrators_by_hash = _all_administrators.where(administrator.c.lookup_hash == param("lookup_hash"))
_then = bindparam("then", type_=administrator.c.acts_from.type)
_later = _all_administrators.where(
    administrator.c.id == param("key"), or_(administrator.c.acts_from.is_(None), administrator.c.acts_from > _then)
)
_remove_administrator = delete(administrator).where(administrator.c.id == param("key"))
_operators = select(*_OPERATOR.columns).order_by(operator.c.id)
_operator_by_hash = select(*_OPERATOR.columns).where(operator.c.lookup_hash == param("lookup_hash"))
_remove_operator = delete(operator).where(operator.c.id == param("key"))
_roles: CompoundSelect[Any] = union_all(
    select(literal_column("'member'").label("role")).where(member.c.lookup_hash == param("lookup_hash"), is_living),
    select(literal_column("'administrator'")).where(administrator.c.lookup_hash == param("lookup_hash")),
    select(literal_column("'operator'")).where(operator.c.lookup_hash == param("lookup_hash")),
)


class Staff(Repository):
    """Repository of administrators and operators."""

    def add_administrator(self, administrator: Administrator) -> None:
        """Insert the administrator. Raises: Conflict if the person is an administrator of the tenant."""
        if not self._work.insert_once(_ADMINISTRATOR.table, _ADMINISTRATOR.columns_of(self._work, administrator)):
            raise Conflict("administrator_exists")

    def administrators(self, tenant_id: str) -> list[Administrator]:
        """Return the tenant's administrators."""
        return _ADMINISTRATOR.all_intact(self._work, self._work.rows(_administrators, {"key": tenant_id}))

    def administrators_by_hash(self, lookup_hash: bytes) -> list[Administrator]:
        """Return a person's rows as administrator, one per tenant."""
        return _ADMINISTRATOR.all_intact(
            self._work, self._work.rows(_administrators_by_hash, {"lookup_hash": lookup_hash})
        )

    def let_act(self, administrator_id: str, acts_from: datetime) -> bool:
        """Let an administrator act from ``acts_from`` on; return False if it is missing or can act as early already."""
        values: dict[str, Any] = {"key": administrator_id, "then": acts_from}
        return _ADMINISTRATOR.rewrite(self._work, _later, lambda one: replace(one, acts_from=acts_from), **values) == 1

    def remove_administrator(self, administrator_id: str) -> bool:
        """Remove the administrator; return False if there is none."""
        return self._work.count(_remove_administrator, {"key": administrator_id}) == 1

    def add_operator(self, operator: Operator) -> None:
        """Insert the operator. Raises: Conflict if the person is an operator."""
        if not self._work.insert_once(_OPERATOR.table, _OPERATOR.columns_of(self._work, operator)):
            raise Conflict("operator_exists")

    def operators(self) -> list[Operator]:
        """Return all operators."""
        return _OPERATOR.all_intact(self._work, self._work.rows(_operators))

    def operator_by_hash(self, lookup_hash: bytes) -> Operator | None:
        """Return the operator with that lookup hash."""
        return _OPERATOR.intact(self._work, self._work.first(_operator_by_hash, {"lookup_hash": lookup_hash}))

    def remove_operator(self, operator_id: str) -> bool:
        """Remove the operator; return False if there is none."""
        return self._work.count(_remove_operator, {"key": operator_id}) == 1

    def role_kinds(self, lookup_hash: bytes) -> RoleKinds:
        """Return the roles for which a person has rows, with one query, because most people have none.

        The rows are not verified.
        """
        found = {row.role for row in self._work.rows(_roles, {"lookup_hash": lookup_hash})}
        return RoleKinds("member" in found, "administrator" in found, "operator" in found)
