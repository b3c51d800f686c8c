"""Route for the accounts that a consumer may use, with their rules for shares."""

from fastapi import APIRouter

from deldokument.services.accounts.members import Membership, memberships
from deldokument.web.api.dependencies import ApiContext
from deldokument.web.api.models import Given, Items

router = APIRouter(tags=["accounts"])


class AccountTenant(Given):
    """The public body that the account belongs to."""

    organization_number: str
    name: str


class Period(Given):
    """How long a share may be available, counted from its publication."""

    shortest_seconds: int
    standard_seconds: int
    longest_seconds: int


class Account(Given):
    """An account that shares belong to. `confidential` and `notify` are the defaults for its shares."""

    id: str
    name: str
    tenant: AccountTenant
    period: Period
    confidential: bool
    four_eyes: bool
    notify: bool
    archive_question: bool
    closed: bool


@router.get("/accounts", summary="List the accounts that you may use")
def list_accounts(call: ApiContext) -> Items[Account]:
    """Return all accounts at once; this list has no pages."""
    return Items(items=[_account(one) for one in memberships(call.deps, call.consumer)])


def _account(membership: Membership) -> Account:
    account, tenant = membership.account, membership.tenant
    period = account.period(tenant)
    return Account(
        id=account.id,
        name=account.name,
        tenant=AccountTenant(organization_number=tenant.organization_number, name=tenant.name),
        period=Period(
            shortest_seconds=int(period.shortest.total_seconds()),
            standard_seconds=int(period.standard.total_seconds()),
            longest_seconds=int(period.longest.total_seconds()),
        ),
        confidential=account.rules.confidential,
        four_eyes=account.rules.four_eyes,
        notify=account.rules.notify,
        archive_question=tenant.ask_archived and not membership.archive_confirmed,
        closed=not account.is_open,
    )
