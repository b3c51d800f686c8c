"""Integrations of accounts in a table."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select, update

from deldokument.domain.errors import Conflict
from deldokument.domain.tenants.tenancy import Account, Integration
from deldokument.store.engine.authenticated_rows import AuthenticatedMapper
from deldokument.store.engine.statements import Repository, param
from deldokument.store.tables.tags import INTEGRATION_TAGS
from deldokument.store.tables.tenancy import integration, is_living_integration
from deldokument.store.tenancy.accounts import with_usable_accounts
from deldokument.store.tenancy.tenants import by_name

_INTEGRATION = AuthenticatedMapper(Integration, INTEGRATION_TAGS)

_all = select(*_INTEGRATION.columns)
_by_id = _all.where(integration.c.id == param("key"))
_of_account = _all.where(integration.c.account_id == param("key"), is_living_integration)
_of_organization = _all.where(integration.c.organization_number == param("number"), is_living_integration)
_save = update(integration).where(integration.c.id == param("key"))
_record_use = update(integration).where(integration.c.id == param("key")).values(used_at=param("now"))
_living = _by_id.where(is_living_integration)


class Integrations(Repository):
    """Repository of the integrations of accounts. An integration is living until it is removed."""

    def add(self, integration: Integration) -> None:
        """Insert the integration. Raises: Conflict if the organisation already has rights to the account."""
        if not self._work.insert_once(_INTEGRATION.table, _INTEGRATION.columns_of(self._work, integration)):
            raise Conflict("integration_exists")

    def get(self, integration_id: str) -> Integration | None:
        """Return the integration, removed or not."""
        return _INTEGRATION.intact(self._work, self._work.first(_by_id, {"key": integration_id}))

    def of_account(self, account_id: str) -> list[Integration]:
        """Return the living integrations of the account, by name."""
        return sorted(
            _INTEGRATION.all_intact(self._work, self._work.rows(_of_account, {"key": account_id})), key=by_name
        )

    def of_organization(self, organization_number: str) -> list[tuple[Integration, Account]]:
        """Return an organisation's living integrations, with their accounts, by account name.

        Only in tenants in use, and accounts that are not deleted.
        """
        found = _INTEGRATION.all_intact(self._work, self._work.rows(_of_organization, {"number": organization_number}))
        return with_usable_accounts(self._work, found)

    def save(self, integration: Integration) -> None:
        """Write all fields, as the integration's next revision. Raises: NotFound."""
        values = _INTEGRATION.columns_of(self._work, replace(integration, revision=integration.revision + 1))
        self._work.change(_save, values | {"key": integration.id}, "integration")

    def record_use(self, integration_id: str, now: datetime) -> None:
        """Record that a system of the organisation has shared something."""
        self._work.run(_record_use, {"key": integration_id, "now": now})

    def remove(self, integration_id: str, now: datetime) -> bool:
        """End the integration's rights; return False if there is no living one."""
        removed = _INTEGRATION.rewrite(
            self._work, _living, lambda one: replace(one, removed_at=now), key=integration_id
        )
        return removed == 1
