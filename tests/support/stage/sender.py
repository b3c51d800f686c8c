"""A fagsystem of the municipality with a key at the simulated Maskinporten, and rights to «Byggesak»."""

import json
from pathlib import Path

from deldokument.domain.tenants.tenancy import Account
from deldokument.services.accounts.integrations import add_integration
from tests.support.deployment.deployment import Deployment

CONSUMER = "310240001"
CLIENT_ID = "kommunens-fagsystem"


def account_of(deployment: Deployment, name: str) -> Account:
    """An account of the municipality, by its name."""
    with deployment.node.deps.database.read() as tx:
        tenant = next(t for t in tx.tenants.all() if t.organization_number == CONSUMER)
        return next(a for a in tx.accounts.of_tenant(tenant.id) if a.name == name)


def registered(deployment: Deployment) -> Account:
    """The account that the fagsystem may share from; asking twice gives the same."""
    deployment.registers.register_consumer(CLIENT_ID, CONSUMER)
    account, deps = account_of(deployment, "Byggesak"), deployment.node.deps
    with deps.database.read() as tx:
        known = {one.organization_number for one in tx.integrations.of_account(account.id)}
    if CONSUMER not in known:
        add_integration(deps, tenant_id=account.tenant_id, account_id=account.id, organization_number=CONSUMER)
    return account


def environment(deployment: Deployment, folder: Path, client_id: str = CLIENT_ID) -> dict[str, str]:
    """Settings of a sender's machine; key and state are in ``folder``."""
    key_path = folder / "key.json"
    key_path.write_text(json.dumps(deployment.registers.client_key))
    given = {
        "URL": deployment.url,
        "ISSUER": deployment.registers.maskinporten_issuer,
        "CLIENT_ID": client_id,
        "KEY_PATH": str(key_path),
        "STATE_DIR": str(folder / "state"),
    }
    return {f"DELDOKUMENT_CLIENT_{name}": value for name, value in given.items()}
