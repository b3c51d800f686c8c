"""Organisations' systems that share through the API, as the use cases see them."""

from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.tenants.tenancy import Account, Integration, IntegrationRights
from deldokument.services.accounts import integrations
from tests.support.stage.stage import FJELL, Stage

SYSTEM = Consumer(OrganizationNumber(FJELL))
"""The system of FJELL AS."""
SUPPLIER = "310488003"


def integrate(
    stage: Stage,
    account: Account | None = None,
    rights: IntegrationRights = IntegrationRights.SHARE,
    number: str = FJELL,
) -> Integration:
    """Let an organisation's systems use the account."""
    chosen = account or stage.byggesak
    return integrations.add_integration(
        stage.deps,
        tenant_id=chosen.tenant_id,
        account_id=chosen.id,
        organization_number=number,
        rights=rights,
    )


def let_go(stage: Stage, integration: Integration, account: Account | None = None) -> None:
    """Take its rights to the account away."""
    chosen = account or stage.byggesak
    integrations.remove_integration(
        stage.deps, tenant_id=chosen.tenant_id, account_id=chosen.id, integration_id=integration.id
    )
