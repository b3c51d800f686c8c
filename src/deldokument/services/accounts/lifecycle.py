"""Accounts of a tenant: creation, names, rules, closing, and views of their contents.

Guarantees:
- No two accounts of a tenant have names that look the same.
- Of two administrators who change an account at once, the second gets an error.
- A repeated change has no further effect.
- An account of another tenant is reported as not found.

Deletion is in services.accounts.deletion. Web and CLI check who may do this.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, NotFound, existing, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.share import new_id
from deldokument.domain.tenants.accounts import check_rules, same_name
from deldokument.domain.tenants.tenancy import (
    UNDO,
    Account,
    AccountRules,
    Integration,
    Tenant,
    check_name,
    must_be_in_use,
)
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.store.tenancy.accounts import AccountUsage
from deldokument.store.transaction import Transaction

_SAFEGUARDS = ("four_eyes", "confidential")
"""Rules of an account that only an administrator of its tenant switches off."""


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account with its contents.

    ``quota`` is the one that applies: the account's own, or the operator's default.
    ``undo_until`` is the end of the period in which its deletion can be undone; None if it is not deleted.
    """

    account: Account
    contents: AccountUsage
    quota: int
    integrations: tuple[Integration, ...]
    undo_until: datetime | None


def create_account(
    deps: Dependencies,
    *,
    tenant_id: str,
    name: str,
    rules: AccountRules | None = None,
    person: PersonIdentifier | None = None,
) -> Account:
    """Create an account of the tenant. Without ``rules``, recipients are notified if the service sends notices.

    Raises: InvalidInput; InvalidFields; NotFound; Conflict if the tenant is not in use or has an account of that name.
    """
    tidy, wanted = check_name(name), rules or AccountRules(notify=deps.sends_notices)
    with deps.database.write() as tx:
        tenant = locked_tenant(tx, tenant_id)
        must_be_in_use(tenant)
        account = Account(new_id(), tenant_id, tidy, check_rules(wanted, tenant.period))
        _check_free(tx, account)
        tx.accounts.add(account)
        record_about(deps, tx, EventKind.ACCOUNT_CREATED, account, person)
    return account


def list_accounts(deps: Dependencies, *, tenant_id: str) -> list[AccountView]:
    """Return the tenant's accounts by name, including deleted ones that can be restored. Raises: NotFound."""
    with deps.database.read() as tx:
        require(tx.tenants.get(tenant_id), "tenant")
        now = deps.clock.now()
        return [_view(deps, tx, account) for account in tx.accounts.of_tenant(tenant_id) if _is_there(account, now)]


def show_account(deps: Dependencies, *, tenant_id: str, account_id: str) -> AccountView:
    """Return one account; a deleted one only if it can be restored. Raises: NotFound."""
    with deps.database.read() as tx:
        account = require(tx.accounts.get(account_id), "account")
        if account.tenant_id != tenant_id or not _is_there(account, deps.clock.now()):
            raise NotFound("account")
        return _view(deps, tx, account)


def _is_there(account: Account, now: datetime) -> bool:
    return account.deleted_at is None or account.can_be_restored(now)


def _view(deps: Dependencies, tx: Transaction, account: Account) -> AccountView:
    return AccountView(
        account,
        tx.accounts.usage(account.id),
        deps.config.quota_of(account.rules),
        tuple(tx.integrations.of_account(account.id)),
        account.deleted_at + UNDO if account.deleted_at else None,
    )


def rename_account(
    deps: Dependencies,
    *,
    tenant_id: str,
    account_id: str,
    name: str,
    revision: int,
    person: PersonIdentifier | None = None,
) -> Account:
    """Rename the account; ``revision`` is the revision that the person has seen.

    Raises: InvalidInput, NotFound or Conflict.
    """
    tidy = check_name(name)
    with deps.database.write() as tx:
        account = account_in_use(tx, tenant_id, account_id)
        if account.name == tidy:
            return account
        _check_revision(account, revision)
        renamed = replace(account, name=tidy)
        _check_free(tx, renamed)
        saved = tx.accounts.save(renamed)
        record_about(deps, tx, EventKind.ACCOUNT_RENAMED, account, person)
    return saved


def change_account_rules(
    deps: Dependencies,
    *,
    tenant_id: str,
    account_id: str,
    rules: AccountRules,
    revision: int,
    person: PersonIdentifier | None = None,
) -> Account:
    """Replace the account's rules; ``revision`` is the revision that the person has seen.

    ``person`` is the acting administrator; None for a command, which cannot switch off a safeguard.

    Raises: InvalidFields, NotFound or Conflict.
    """
    with deps.database.write() as tx:
        account = account_in_use(tx, tenant_id, account_id)
        tidy = check_rules(rules, existing(tx.tenants.get(tenant_id)).period)
        if account.rules == tidy:
            return account
        _check_revision(account, revision)
        if person is None and any(getattr(account.rules, one) > getattr(tidy, one) for one in _SAFEGUARDS):
            raise Conflict("administrator_decides")
        saved = tx.accounts.save(replace(account, rules=tidy))
        changed = ",".join(_changed_rules(account.rules, tidy))
        record_about(deps, tx, EventKind.ACCOUNT_RULES_CHANGED, account, person, changed=changed)
    return saved


def _changed_rules(before: AccountRules, after: AccountRules) -> list[str]:
    """Return the names of the rules that differ. Their values concern only the tenant and are not recorded."""
    return [field.name for field in fields(AccountRules) if getattr(before, field.name) != getattr(after, field.name)]


def close_account(
    deps: Dependencies, *, tenant_id: str, account_id: str, person: PersonIdentifier | None = None
) -> Account:
    """Stop new shares from the account; published ones stay until their end. Raises: NotFound or Conflict."""
    with deps.database.write() as tx:
        account = own_account(tx, tenant_id, account_id)
        if account.closed_at is not None:
            return account
        saved = tx.accounts.save(replace(account, closed_at=deps.clock.now()))
        record_about(deps, tx, EventKind.ACCOUNT_CLOSED, account, person)
    return saved


def reopen_account(
    deps: Dependencies, *, tenant_id: str, account_id: str, person: PersonIdentifier | None = None
) -> Account:
    """Allow shares from the account again. Raises: NotFound or Conflict."""
    with deps.database.write() as tx:
        account = account_in_use(tx, tenant_id, account_id)
        if account.closed_at is None:
            return account
        saved = tx.accounts.save(replace(account, closed_at=None))
        record_about(deps, tx, EventKind.ACCOUNT_REOPENED, account, person)
    return saved


def record_about(
    deps: Dependencies,
    tx: Transaction,
    kind: EventKind,
    account: Account,
    person: PersonIdentifier | None = None,
    **details: str | int,
) -> None:
    """Append an event about an account. Call it last in the transaction."""
    record_event(deps, tx, kind, share=None, tenant_id=account.tenant_id, person=person, account=account.id, **details)


def account_in_use(tx: Transaction, tenant_id: str, account_id: str) -> Account:
    """Return the account as ``own_account`` does. Raises: as it, and Conflict if the tenant is not in use."""
    must_be_in_use(locked_tenant(tx, tenant_id))
    return own_account(tx, tenant_id, account_id)


def own_account(tx: Transaction, tenant_id: str, account_id: str) -> Account:
    """Return the tenant's account, its row locked. Raises: NotFound; Conflict if it has been deleted."""
    account = any_account(tx, tenant_id, account_id)
    if account.deleted_at is not None:
        raise Conflict("account_deleted")
    return account


def any_account(tx: Transaction, tenant_id: str, account_id: str) -> Account:
    """Return the tenant's account, deleted or not, its row locked. Raises: NotFound."""
    account = require(tx.accounts.lock(account_id), "account")
    if account.tenant_id != tenant_id:
        raise NotFound("account")
    return account


def locked_tenant(tx: Transaction, tenant_id: str) -> Tenant:
    """Return the tenant, locked, so that one of two concurrent uses of a name fails. Raises: NotFound."""
    return require(tx.tenants.lock(tenant_id), "tenant")


def _check_revision(account: Account, revision: int) -> None:
    if account.revision != revision:
        raise Conflict("changed_meanwhile")


def _check_free(tx: Transaction, account: Account) -> None:
    """Raise Conflict, with the account that has the name, if the name is taken."""
    others = tx.accounts.of_tenant(account.tenant_id)
    holder = next((o for o in others if o.id != account.id and same_name(o.name, account.name)), None)
    if holder is None:
        return
    if holder.ended_at is not None:
        raise Conflict("account_name_taken")
    if holder.deleted_at is not None:
        raise Conflict("account_name_held", account=holder.id, at=(holder.deleted_at + UNDO).isoformat())
    raise Conflict("account_name_taken", account=holder.id)
