"""KS' interface over a world: Kari and Ewa by their sessions, FJELL AS' system by token and password."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from deldokument.domain.tenants.tenancy import Account, Integration
from deldokument.domain.uuids import uuid_of
from deldokument.services.accounts.integrations import renew_password
from deldokument.web.ks.app import PREFIX, STORE_PREFIX
from tests.support.browser import Browser, Web, serve, stage_in_memory
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.notices import FakeNotices


@dataclass
class Fiks:
    """The interface with a system that may use Byggesak."""

    web: Web
    integration: Integration
    password: str
    system: Browser

    @property
    def headers(self) -> dict[str, str]:
        """What the system sends with each request."""
        return {
            "Authorization": "Bearer fjell",
            "IntegrasjonId": uuid_of(self.integration.id),
            "IntegrasjonPassord": self.password,
        }

    def konto(self, account: Account | None = None, below: str = "") -> str:
        """The path of an account for those who share."""
        return f"{PREFIX}/kontoer/{uuid_of((account or self.web.stage.byggesak).id)}{below}"

    def store(self, below: str = "", account: Account | None = None) -> str:
        """The path of an account in the document store."""
        tenant, chosen = self.web.stage.tenant, account or self.web.stage.byggesak
        return f"{STORE_PREFIX}/api/v1/{uuid_of(tenant.id)}/kontoer/{uuid_of(chosen.id)}{below}"

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """A request of the system; a body is sent as JSON."""
        sent = {} if body is None else {"json": body}
        return self.system.request(method, path, headers=self.headers | options.pop("headers", {}), **sent, **options)

    def organisation(self, account: Account | None = None, below: str = "") -> str:
        """The path of the tenant's accounts, or of one, for those who administer."""
        path = f"{PREFIX}/{uuid_of(self.web.stage.tenant.id)}/kontoer"
        return f"{path}/{uuid_of(account.id)}{below}" if account else path


@pytest.fixture
def fiks() -> Iterator[Fiks]:
    with stage_in_memory() as stage:
        stage.deps = replace(stage.deps, notices=FakeNotices())
        web = serve(stage)
        integration = integrate(stage)
        stage.tokens.known["fjell"] = SYSTEM
        place = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
        password = renew_password(stage.deps, **place, integration_id=integration.id)
        yield Fiks(web, integration, password, web.browser())
        web.close()
