"""Accounts as their administrator has decided, set straight in the database, and what the trail says of a share."""

from dataclasses import replace

from deldokument.domain.audit import AuditEvent
from deldokument.domain.errors import existing
from deldokument.domain.tenants.tenancy import Account
from tests.support.stage.stage import Stage


def set_account(stage: Stage, account: Account, **changes: object) -> Account:
    """The account as it is now, with these fields instead."""
    with stage.deps.database.write() as tx:
        current = existing(tx.accounts.get(account.id))
        return tx.accounts.save(replace(current, **changes))  # type: ignore[arg-type]


def set_rules(stage: Stage, account: Account, **changes: object) -> Account:
    """The account as it is now, with these rules instead."""
    with stage.deps.database.read() as tx:
        rules = existing(tx.accounts.get(account.id)).rules
    return set_account(stage, account, rules=replace(rules, **changes))  # type: ignore[arg-type]


def events_of(stage: Stage, share_id: str) -> list[AuditEvent]:
    """What has happened to a share, in order."""
    with stage.deps.database.read() as tx:
        return [event for _, event in tx.audit.events(share_id=share_id)]
