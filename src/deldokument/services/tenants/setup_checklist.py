"""Setup checklist: the steps to the first share, done (with person and time) or missing; then warnings.

Guarantees:
- The steps are in order.
- Warnings do not block anything.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from deldokument.domain.errors import require
from deldokument.domain.norwegian_time import day_of
from deldokument.domain.tenants.agreement import SignatureState
from deldokument.domain.tenants.tenancy import Account, Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.lifecycle import AccountView, list_accounts
from deldokument.services.agreements.impact_assessment import AssessmentView, newest_assessment
from deldokument.services.agreements.status import Agreements, agreements_of
from deldokument.services.encryption import EncryptedColumn, find_key, open_field, tenant_key_id
from deldokument.services.tenants.activation import SetupStep
from deldokument.store.tenancy.accounts import AccountUsage

NEARLY_FULL = 0.9
"""Fraction of its quota from which an account is nearly full."""


class SetupWarning(StrEnum):
    """A problem that a tenant in use should look at."""

    TENANT_FROZEN = "tenant_frozen"
    ACCOUNT_FROZEN = "account_frozen"
    MAIN_AGREEMENT_MISSING = "main_agreement_missing"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_DUE = "signature_due"
    SIGNATURE_OVERDUE = "signature_overdue"
    ASSESSMENT_MISSING = "assessment_missing"
    ASSESSMENT_DUE = "assessment_due"
    NEARLY_FULL = "nearly_full"


@dataclass(frozen=True, slots=True)
class Reminder:
    """A warning, with its account and date if they apply. ``used``: bytes in use of the account's ``quota``."""

    concern: SetupWarning
    account: Account | None = None
    on: date | None = None
    used: int = 0
    quota: int = 0


@dataclass(frozen=True, slots=True)
class SetupChecklist:
    """The steps and warnings of a tenant. ``done`` has every step; ``accounts`` are without deleted ones."""

    tenant: Tenant
    agreements: Agreements
    assessment: AssessmentView | None
    activated_by: str
    accounts: tuple[AccountView, ...]
    done: dict[SetupStep, bool]
    reminders: tuple[Reminder, ...]

    @property
    def next(self) -> SetupStep | None:
        """First missing step; None if all are done."""
        return next((step for step, is_done in self.done.items() if not is_done), None)

    @property
    def can_share(self) -> bool:
        """Whether the tenant is in use and has a member who can share."""
        return self.tenant.is_in_use and self.done[SetupStep.MEMBER]

    @property
    def contents(self) -> AccountUsage:
        """The sum of the accounts' contents."""
        return sum((view.contents for view in self.accounts), AccountUsage())


def setup_checklist(deps: Dependencies, *, tenant_id: str) -> SetupChecklist:
    """Return the tenant's checklist. Raises: NotFound."""
    agreements = agreements_of(deps, tenant_id=tenant_id)
    accounts = tuple(v for v in list_accounts(deps, tenant_id=tenant_id) if v.account.deleted_at is None)
    with deps.database.read() as tx:
        tenant = require(tx.tenants.get(tenant_id), "tenant")
        assessment = newest_assessment(deps, tx, tenant_id)
        sealed = tx.tenant_lifecycle.get(tenant_id).sealed_activated_by
    key = find_key(deps.keyring, tenant_key_id(tenant_id))
    return SetupChecklist(
        tenant=tenant,
        agreements=agreements,
        assessment=assessment,
        activated_by=open_field(key, sealed, EncryptedColumn.ACTIVATED_BY, tenant_id) if key else "",
        accounts=accounts,
        done={
            SetupStep.MAIN_AGREEMENT: agreements.status.main_arrived,
            SetupStep.SERVICE_AGREEMENT: agreements.status.service_signed,
            SetupStep.ASSESSMENT: assessment is not None,
            SetupStep.ACTIVATION: tenant.activated_at is not None,
            SetupStep.ACCOUNT: bool(accounts),
            SetupStep.MEMBER: any(view.contents.members for view in accounts),
        },
        reminders=(
            *_of_tenant(tenant, agreements, assessment),
            *(reminder for view in accounts for reminder in _of_account(view)),
        ),
    )


def _of_tenant(tenant: Tenant, agreements: Agreements, assessment: AssessmentView | None) -> list[Reminder]:
    status = agreements.status
    reminders = [Reminder(SetupWarning.TENANT_FROZEN, on=_day(tenant.frozen_at))] if tenant.frozen_at else []
    if not status.main_arrived:
        reminders.append(Reminder(SetupWarning.MAIN_AGREEMENT_MISSING))
    signature = {
        SignatureState.NOT_SIGNED: SetupWarning.SIGNATURE_MISSING,
        SignatureState.DUE: SetupWarning.SIGNATURE_DUE,
        SignatureState.OVERDUE: SetupWarning.SIGNATURE_OVERDUE,
    }.get(status.service.state)
    if signature is not None:
        reminders.append(Reminder(signature, on=_day(status.service.deadline)))
    if assessment is None:
        reminders.append(Reminder(SetupWarning.ASSESSMENT_MISSING))
    elif assessment.is_due:
        reminders.append(Reminder(SetupWarning.ASSESSMENT_DUE, on=assessment.review_on))
    return reminders


def _of_account(view: AccountView) -> list[Reminder]:
    account, used = view.account, view.contents.stored_bytes
    reminders = []
    if account.frozen_at is not None:
        reminders.append(Reminder(SetupWarning.ACCOUNT_FROZEN, account, _day(account.frozen_at)))
    if used >= view.quota * NEARLY_FULL:
        reminders.append(Reminder(SetupWarning.NEARLY_FULL, account, used=used, quota=view.quota))
    return reminders


def _day(instant: datetime | None) -> date | None:
    return day_of(instant) if instant else None
