"""Fagsystemer that call the API of the application over a stage, with tokens that the test gives them.

Fjell's system may share from «Byggesak» and «Avtaler». Lesbar's may only read «Byggesak». Barnevern's system is
another tenant's. Fremmed's has a genuine token and no integration.
"""

from dataclasses import dataclass
from typing import Any

import httpx

from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.tenants.tenancy import Account, IntegrationRights
from deldokument.ports.registers import RegisteredOrganization
from deldokument.services.accounts.integrations import add_integration
from tests.support.browser import Browser, Web
from tests.support.stage.stage import FJELL, Stage

READER, NEIGHBOUR, STRANGER, SUPPLIER = "314758625", "213640003", "310240001", "313017001"
PREFIX = "/api/v1"


@dataclass
class System:
    """A fagsystem with its token."""

    browser: Browser
    token: str | None

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Any request below /api/v1; a body is sent as JSON."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
        headers |= options.pop("headers", {})
        if body is not None:
            options["json"] = body
        return self.browser.request(method, PREFIX + path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """POST, of JSON."""
        return self.call("POST", path, body, **options)


@dataclass
class Systems:
    """All of them, before one application."""

    web: Web
    sharer: System
    reader: System
    neighbour: System
    stranger: System
    nobody: System


def systems(web: Web) -> Systems:
    """The cast's integrations and their tokens."""
    stage = web.stage
    integrate(stage, FJELL, stage.byggesak)
    integrate(stage, FJELL, stage.avtaler)
    integrate(stage, READER, stage.byggesak, IntegrationRights.READ)
    integrate(stage, NEIGHBOUR, stage.barnevern)
    names = {"sharer": FJELL, "reader": READER, "neighbour": NEIGHBOUR, "stranger": STRANGER}
    by_name = {name: System(web.browser(), token_of(stage, number)) for name, number in names.items()}
    return Systems(web, **by_name, nobody=System(web.browser(), None))


def integrate(stage: Stage, number: str, account: Account, rights: IntegrationRights = IntegrationRights.SHARE) -> str:
    """Give an organisation's systems rights to an account; returns the integration's id."""
    stage.register.known.setdefault(number, RegisteredOrganization(number, f"ORG {number}", "AS", "active"))
    given = {"tenant_id": account.tenant_id, "account_id": account.id, "organization_number": number}
    return add_integration(stage.deps, **given, rights=rights).id


def token_of(stage: Stage, number: str, supplier: str | None = None) -> str:
    """A token with which an organisation's systems may call."""
    token = f"token-of-{number}-{supplier}"
    of_supplier = OrganizationNumber(supplier) if supplier else None
    stage.tokens.known[token] = Consumer(OrganizationNumber(number), of_supplier)
    return token
