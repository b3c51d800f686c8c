"""The commands of docs/ks-compatible.md are run as they stand, against a whole deployment."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deldokument.domain.uuids import uuid_of
from deldokument.services.accounts.integrations import confirm_archive, renew_password
from tests.docs.documents import DOCS
from tests.docs.integrating import test_integrating_page as integrating
from tests.docs.integrating.test_integrating_page import Shell, alike, fill_in, own_values, values
from tests.support.deployment.deployment import Deployment

PAGE = (DOCS / "ks-compatible.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(bash|json)\n(.*?)^```", PAGE, re.M | re.S)
_RENEW = """token=$(get_token | sed 's/.*Bearer //')
printf '%s\\n' "Authorization: Bearer $token" "IntegrasjonId: $id" "IntegrasjonPassord: $password" > headers
"""
"""A token lives for two minutes, and a busy machine may take longer."""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    opened = Shell(tmp_path)
    yield opened
    opened.close()


@contextmanager
def credentials(deployment: Deployment) -> Iterator[dict[str, str]]:
    """IntegrasjonId and password of Brygga's system on «Byggesak», whose archiving is confirmed meanwhile."""
    deps = deployment.node.deps
    with deps.database.read() as tx:
        [(integration, account)] = [
            found for found in tx.integrations.of_organization(integrating.BRYGGA) if found[1].name == "Byggesak"
        ]
    place = {"tenant_id": account.tenant_id, "account_id": account.id, "integration_id": integration.id}
    confirm_archive(deps, **place, confirmed=True)
    yield {"id": uuid_of(integration.id), "password": renew_password(deps, **place)}
    confirm_archive(deps, **place, confirmed=False)


def test_every_command_on_the_page_does_what_the_page_says(
    deployment: Deployment, shell: Shell, tmp_path: Path
) -> None:
    own = own_values(deployment, tmp_path)
    shell.run(fill_in(integrating.BLOCKS[0][1], own))
    shell.run(integrating.BLOCKS[1][1])
    output = ""
    with credentials(deployment) as given:
        shell.run("\n".join(f"{name}={value!r}" for name, value in given.items()))
        for language, block in BLOCKS:
            if language == "json":
                assert len(values(block)) == len(values(output)), output
                assert all(map(alike, values(block), values(output))), f"the page shows {block}the answer is {output}"
                continue
            shell.run(_RENEW)
            output = shell.run(re.sub(r"^del=.*$", f"del={deployment.url}", block, flags=re.M))


def test_a_token_that_is_not_for_this_service_opens_nothing(deployment: Deployment, tmp_path: Path) -> None:
    own_values(deployment, tmp_path)
    with_audience = deployment.access_token(integrating.CLIENT)
    for_anybody = deployment.registers.access_token(integrating.CLIENT)
    with credentials(deployment) as given:
        own = {"IntegrasjonId": given["id"], "IntegrasjonPassord": given["password"]}
        statuses = [
            deployment.client()
            .get("/melding-dokumentdeling/api/v1/kontoer", headers=own | {"Authorization": f"Bearer {token}"})
            .status_code
            for token in (with_audience, for_anybody)
        ]
    assert statuses == [200, 401]
