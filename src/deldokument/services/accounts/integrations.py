"""Integrations: the fagsystemer that may use an account through the API, by their Maskinporten consumer's number.

Guarantees:
- The organisation number is checked, and the name is the one in Enhetsregisteret.
- An organisation has at most one integration with an account.
- An integration of another account or tenant is reported as not found.
- Removed rights end with the next request.
- A form that is sent twice creates only one password.

`services.shares.rights.authorization` defines what the rights allow.
"""

import hashlib
import secrets
from dataclasses import replace

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, require
from deldokument.domain.identifiers import Consumer, OrganizationNumber, PersonIdentifier, parse_organization
from deldokument.domain.shares.share import new_id
from deldokument.domain.tenants.tenancy import Account, Integration, IntegrationRights
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.registers import RegisteredOrganization
from deldokument.services.accounts.lifecycle import account_in_use, own_account, record_about
from deldokument.store.transaction import Transaction

_FIELD = "organization_number"
_PASSWORD_BYTES = 24
_CONFIRMED, _TAKEN_BACK = "confirmed", "taken_back"


def add_integration(
    deps: Dependencies,
    *,
    tenant_id: str,
    account_id: str,
    organization_number: str,
    rights: IntegrationRights = IntegrationRights.SHARE,
    archive_confirmed: bool = False,
    person: PersonIdentifier | None = None,
) -> Integration:
    """Give an organisation's systems rights to the account. ``archive_confirmed`` as for ``confirm_archive``.

    Raises: InvalidInput, NotFound, Conflict; Unavailable if the register does not respond.
    """
    organization = _find_organization(deps, parse_organization(organization_number, field=_FIELD))
    now = deps.clock.now()
    added = Integration(
        id=new_id(),
        account_id=account_id,
        organization_number=organization.number,
        name=organization.name,
        added_at=now,
        rights=rights,
        archive_confirmed_at=now if archive_confirmed else None,
    )
    with deps.database.write() as tx:
        account = account_in_use(tx, tenant_id, account_id)
        tx.integrations.add(added)
        details = {"integration": added.id, "rights": rights.value}
        if archive_confirmed:
            details["archive"] = _CONFIRMED
        record_about(deps, tx, EventKind.INTEGRATION_ADDED, account, person, **details)
    return added


def _find_organization(deps: Dependencies, number: OrganizationNumber) -> RegisteredOrganization:
    organization = deps.register.find(number)
    if organization is None:
        raise InvalidInput(_FIELD, "organization_unknown", number=number.grouped)
    if organization.status == "deleted":
        raise InvalidInput(_FIELD, "integration_organization_deleted", name=organization.name)
    return organization


def show_integration(
    deps: Dependencies, *, tenant_id: str, account_id: str, integration_id: str
) -> tuple[Account, Integration]:
    """Return a living integration with its account. Raises: NotFound or Conflict."""
    with deps.database.read() as tx:
        return _own(tx, tenant_id, account_id, integration_id)


def change_rights(
    deps: Dependencies,
    *,
    tenant_id: str,
    account_id: str,
    integration_id: str,
    rights: IntegrationRights,
    person: PersonIdentifier | None = None,
) -> Integration:
    """Change the rights from now on. Raises: NotFound or Conflict."""
    with deps.database.write() as tx:
        account, integration = _own(tx, tenant_id, account_id, integration_id)
        changed = replace(integration, rights=rights)
        if changed != integration:
            tx.integrations.save(changed)
            details = {"integration": integration.id, "rights": rights.value}
            record_about(deps, tx, EventKind.INTEGRATION_CHANGED, account, person, **details)
    return changed


def confirm_archive(
    deps: Dependencies,
    *,
    tenant_id: str,
    account_id: str,
    integration_id: str,
    confirmed: bool,
    person: PersonIdentifier | None = None,
) -> Integration:
    """Confirm that everything the systems share is in the tenant's archive, or withdraw the confirmation.

    Applies to new drafts.

    Raises: NotFound or Conflict.
    """
    with deps.database.write() as tx:
        account, integration = _own(tx, tenant_id, account_id, integration_id)
        if confirmed is (integration.archive_confirmed_at is not None):
            return integration
        changed = replace(integration, archive_confirmed_at=deps.clock.now() if confirmed else None)
        tx.integrations.save(changed)
        details = {"integration": integration.id, "archive": _CONFIRMED if confirmed else _TAKEN_BACK}
        record_about(deps, tx, EventKind.INTEGRATION_CHANGED, account, person, **details)
    return changed


def renew_password(
    deps: Dependencies,
    *,
    tenant_id: str,
    account_id: str,
    integration_id: str,
    revision: int | None = None,
    person: PersonIdentifier | None = None,
) -> str:
    """Return a new password for KS's interface, which is never shown again. The previous one becomes invalid.

    ``revision`` is the integration's revision that the person has seen; None accepts any.

    Raises: NotFound or Conflict.
    """
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    with deps.database.write() as tx:
        account, integration = _own(tx, tenant_id, account_id, integration_id)
        if revision not in (None, integration.revision):
            raise Conflict("changed_meanwhile")
        tx.integrations.save(replace(integration, password_hash=_digest(password)))
        details = {"integration": integration.id, "changed": "password"}
        record_about(deps, tx, EventKind.INTEGRATION_CHANGED, account, person, **details)
    return password


def holds_password(deps: Dependencies, consumer: Consumer, integration_id: str, password: str) -> bool:
    """Return whether the password belongs to a living integration of the consumer's organisation."""
    with deps.database.read() as tx:
        living = tx.integrations.of_organization(consumer.organization.value)
    kept = next((one.password_hash for one, _ in living if one.id == integration_id), None)
    return kept is not None and secrets.compare_digest(kept, _digest(password))


def _digest(password: str) -> bytes:
    """Return the hash of a password. A fast hash suffices, because the password is random."""
    return hashlib.sha256(password.encode("utf-8", "replace")).digest()


def remove_integration(
    deps: Dependencies, *, tenant_id: str, account_id: str, integration_id: str, person: PersonIdentifier | None = None
) -> None:
    """End the rights immediately. Raises: NotFound or Conflict."""
    with deps.database.write() as tx:
        account, integration = _own(tx, tenant_id, account_id, integration_id)
        tx.integrations.remove(integration.id, deps.clock.now())
        record_about(deps, tx, EventKind.INTEGRATION_REMOVED, account, person, integration=integration.id)


def _own(tx: Transaction, tenant_id: str, account_id: str, integration_id: str) -> tuple[Account, Integration]:
    account = own_account(tx, tenant_id, account_id)
    found = next((one for one in tx.integrations.of_account(account.id) if one.id == integration_id), None)
    return account, require(found, "integration")
