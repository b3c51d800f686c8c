"""Members and administrators as an administrator has confirmed them, without the pages on which that is done."""

from dataclasses import replace
from typing import Any

from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts import members
from deldokument.services.accounts.members import MemberView
from deldokument.services.tenants import administrators
from deldokument.services.tenants.administrators import AdministratorView


def add_administrator(deps: Dependencies, *, tenant_id: str, **given: Any) -> AdministratorView:
    """An administrator who acts."""
    # Without an e-mail to the contact address, because an administrator will exist at the same time.
    added = administrators.add_administrator(replace(deps, mail=None), tenant_id=tenant_id, **given)
    with deps.database.write() as tx:
        tx.staff.let_act(added.id, deps.clock.now())
    return added


def add_member(deps: Dependencies, *, tenant_id: str, account_id: str, **given: Any) -> MemberView:
    """A member who can share."""
    added = members.add_member(deps, tenant_id=tenant_id, account_id=account_id, **given)
    with deps.database.write() as tx:
        tx.members.confirm(added.id, deps.clock.now())
    return added


def confirm_all(deps: Dependencies, account_id: str) -> None:
    """Let the members of the account share who wait for confirmation."""
    with deps.database.write() as tx:
        for one in tx.members.waiting(account_id, 100):
            tx.members.confirm(one.id, deps.clock.now())
