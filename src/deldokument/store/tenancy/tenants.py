"""Tenants in a table.

Guarantees:
- A record is read back equal to the written one.
- Lists by name are in Norwegian order on both databases, independent of their collation.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Row, select, update

from deldokument.domain.errors import Broken, Conflict
from deldokument.domain.tenants.tenancy import Account, Contact, Integration, PeriodRule, Tenant, norwegian_order
from deldokument.store.engine.statements import Repository, by_key, param, plain_fields, plain_values, prefix_columns
from deldokument.store.tables.tags import TENANT_TAGS
from deldokument.store.tables.tenancy import tenant

TENANT_COLUMNS = [*tenant.c, TENANT_TAGS.newest.label("newest_of_tenant")]
"""The columns that `Tenants.keep` needs, of a query for another row with its tenant."""

_NAMES = [column.name for column in TENANT_COLUMNS]
_all = select(*TENANT_COLUMNS)
_by_id = by_key(_all, tenant.c.id)
_by_number = _all.where(tenant.c.organization_number == param("number"))
_PLAIN = plain_fields(Tenant, "contact", "period", "intact", "behind")
CONTACT_COLUMNS = [f"contact_{name}" for name in plain_fields(Contact)]
_PERIOD = [f"period_{name}" for name in plain_fields(PeriodRule)]
_save = update(tenant).where(tenant.c.id == param("key"))


def must_be_intact(record: Tenant | Account) -> None:
    """Raise Broken for a damaged record, because writing it would make the damage valid."""
    if not record.intact:
        raise Broken("a damaged row is not written")


class Tenants(Repository):
    """Repository of tenants."""

    def add(self, tenant: Tenant) -> None:
        """Insert the tenant. Raises: Conflict if a tenant has the organisation number."""
        if not self._work.insert_once(TENANT_TAGS.table, self._columns(tenant)):
            raise Conflict("tenant_exists")

    def get(self, tenant_id: str) -> Tenant | None:
        """Return the tenant with the id."""
        return self.by_ids([tenant_id]).get(tenant_id)

    def by_ids(self, tenant_ids: Collection[str]) -> dict[str, Tenant]:
        """Return the tenants that exist, in the order of the ids."""
        return self._work.records_by_key(_by_id, tenant_ids, self._tenant)

    def keep(self, values: Sequence[Any]) -> None:
        """Cache a tenant that was read with another row, for ``by_ids``. ``values``: of ``TENANT_COLUMNS``."""
        row = SimpleNamespace(**dict(zip(_NAMES, values, strict=True)))
        if row.id is not None and not self._work.has(_by_id, row.id):
            self._work.keep(_by_id, row.id, self._tenant(row))

    def lock(self, tenant_id: str) -> Tenant | None:
        """Return the tenant, its row locked until the transaction ends; None if it is missing or damaged.

        Used for rules that concern all its administrators or accounts.
        """
        row = self._work.lock_one(_by_id, tenant_id)
        found = self._tenant(row) if row else None
        return found if found and found.intact else None

    def by_number(self, organization_number: str) -> Tenant | None:
        """Return the tenant with the organisation number."""
        row = self._work.first(_by_number, {"number": organization_number})
        return self._tenant(row) if row else None

    def all(self) -> list[Tenant]:
        """Return all tenants, by name."""
        return sorted(map(self._tenant, self._work.rows(_all)), key=by_name)

    def save(self, tenant: Tenant) -> None:
        """Write all fields, as the tenant's next revision. Raises: NotFound; Broken for a damaged tenant."""
        must_be_intact(tenant)
        saved = replace(tenant, revision=tenant.revision + 1)
        self._work.change(_save, self._columns(saved) | {"key": tenant.id}, "tenant")

    def _tenant(self, row: Row[Any] | SimpleNamespace) -> Tenant:
        read = _tenant(row)
        is_intact = TENANT_TAGS.is_intact(self._work, _values(read), row.tag, row.newest_of_tenant)
        return replace(read, intact=is_intact, behind=read.id in self._work.behind)

    def _columns(self, tenant: Tenant) -> dict[str, Any]:
        return TENANT_TAGS.with_tag(self._work, _values(tenant))


def by_name(named: Tenant | Account | Integration) -> tuple[str, str]:
    """Return the sort key for names in Norwegian order."""
    return norwegian_order(named.name), named.id


def _tenant(row: Row[Any] | SimpleNamespace) -> Tenant:
    return Tenant(
        contact=Contact(*plain_values(row, tenant, CONTACT_COLUMNS).values()),
        period=PeriodRule(*plain_values(row, tenant, _PERIOD).values()),
        **plain_values(row, tenant, _PLAIN),
    )


def _values(record: Tenant) -> dict[str, Any]:
    plain = {name: getattr(record, name) for name in _PLAIN}
    return plain | prefix_columns("contact", record.contact) | prefix_columns("period", record.period)
