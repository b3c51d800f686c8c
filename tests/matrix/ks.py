"""KS' interfaces x callers: asks every path as everybody, and writes down the statuses as text.

The committed table is tests/matrix/ks.txt. After a change that is meant, write it anew and read the difference:

    .venv-dev/bin/python -m tests.matrix.ks
"""

import json
from pathlib import Path
from typing import Any

from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.tenants.tenancy import Account, IntegrationRights
from deldokument.domain.uuids import uuid_of
from deldokument.ports.registers import RegisteredOrganization
from deldokument.services.accounts.integrations import renew_password
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.published.publishing import publish_share
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.uploads import append
from deldokument.web.ks.app import PREFIX, STORE_PREFIX
from tests.support.browser import EWA, Browser, Web, serve, stage_in_memory
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, ODD, OLA, SIV, VIGDIS, Stage

GOLDEN = Path(__file__).with_name("ks.txt")
PERSONS = {
    "anonymous": None,
    "stranger": SIV,
    "recipient": OLA,
    "member": KARI,
    "other-account": ODD,
    "other-tenant": VIGDIS,
    "administrator": EWA,
}
READER, OTHER = "314758625", "310240001"
SYSTEMS = ("system", "reads-only", "other-system", "no-password", "no-token")
ACTORS = (*(actor for actor in PERSONS if actor != "administrator"), *SYSTEMS, "administrator")
"""The administrator last, who changes what the others are asked about."""
_ONE = "/{fiksOrgId}/kontoer/{kontoId}"
ROWS = (
    ("GET", "/kontoer"),
    ("POST", "/kontoer/{kontoId}/deldokument"),
    ("GET", "/kontoer/{kontoId}/mottakere/{dokumentId}"),
    ("GET", "/{fiksOrgId}/kontoer"),
    ("POST", "/{fiksOrgId}/kontoer"),
    ("GET", _ONE),
    ("PUT", _ONE),
    ("POST", f"{_ONE}/aktiverVarsling"),
    ("POST", f"{_ONE}/deaktiverVarsling"),
    ("DELETE", _ONE),
)
_KONTO = f"{STORE_PREFIX}/api/v1/{{fiksOrgId}}/kontoer/{{kontoId}}"
STORE_ROWS = (
    ("POST", f"{_KONTO}/dokumenter"),
    ("POST", f"{_KONTO}/dokumenter/"),
    ("POST", f"{_KONTO}/dokumenter/sok"),
    ("GET", f"{_KONTO}/dokumenter/{{dokumentId}}"),
    ("PATCH", f"{_KONTO}/dokumenter/{{dokumentId}}"),
    ("GET", f"{_KONTO}/statistikk"),
    ("GET", f"{STORE_PREFIX}/api/v1/public-key"),
    ("GET", f"{STORE_PREFIX}/nedlasting/{{dokumentId}}"),
    ("GET", f"{STORE_PREFIX}/nedlasting/{{dokumentId}}/metadata"),
    ("DELETE", f"{_KONTO}/dokumenter/{{dokumentId}}"),
    ("DELETE", f"{_KONTO}/korrelasjonsid/{{korrelasjonsid}}"),
)
"""Of the document store, whose document the system has shared and exposed to itself."""
REFERENCE = "4c0ffee0-0000-4000-8000-000000000001"
_TO_OLA = RecipientInput(OLA)
FORM = "multipart/form-data; boundary=b"


class Asking:
    """All callers before one application; every path is asked of a world that only those before it have touched."""

    def __init__(self, web: Web) -> None:
        self.web, self.stage = web, web.stage
        self.browsers: dict[str, Browser] = {actor: web.browser(number) for actor, number in PERSONS.items()}
        self.headers = _systems(web.stage)
        [document] = web.stage.document_ids(web.stage.publish(OLA))
        self.ids = {
            "fiksOrgId": uuid_of(web.stage.tenant.id),
            "kontoId": uuid_of(web.stage.byggesak.id),
            "dokumentId": uuid_of(document),
            "korrelasjonsid": REFERENCE,
        }

    def share(self) -> None:
        """Let the system share the document that is asked about from now on."""
        share = create_draft(self.stage.deps, SYSTEM, self.stage.words(reference=REFERENCE), [_TO_OLA], read_back=True)
        ticket = drafts.add_document(self.stage.deps, SYSTEM, share.id, name="a", length=0, modified_at=None)
        append.create_upload(self.stage.deps, ticket.token, length=0)
        publish_share(self.stage.deps, SYSTEM, share.id)
        inspect_documents(self.stage.deps)
        self.ids["dokumentId"] = uuid_of(ticket.document_id)

    def status(self, method: str, path: str, actor: str) -> int:
        """What the actor is answered."""
        browser = self.browsers.get(actor) or self.browsers["anonymous"]
        headers = self.headers.get(actor, {})
        if PERSONS.get(actor):
            headers = {"X-CSRF-Token": browser.csrf_token()}
        if path.endswith(("/deldokument", "/dokumenter", "/dokumenter/")):
            options: dict[str, Any] = {"content": form_to_ola(), "headers": headers | {"Content-Type": FORM}}
        else:
            options = {"headers": headers, **({} if method in {"GET", "DELETE"} else {"json": self._body(path, actor)})}
        place = path if path.startswith(STORE_PREFIX) else PREFIX + path
        return browser.request(method, place.format_map(self.ids), **options).status_code

    def _body(self, path: str, actor: str) -> dict[str, Any]:
        if path.startswith(STORE_PREFIX):
            return {"korrelasjonsid": REFERENCE} if path.endswith("sok") else {"ttl": 86400}
        return {"navn": f"Konto for {actor}" if path.endswith("kontoer") else "Bygg", "avsendernavn": "Eksempel"}


def _systems(stage: Stage) -> dict[str, dict[str, str]]:
    for name, number in (("LESBAR AS", READER), ("FREMMED AS", OTHER)):
        stage.register.known[number] = RegisteredOrganization(number, name, "AS", "active")
    tokens = stage.tokens.known
    tokens |= {"fjell": SYSTEM}
    tokens |= {number: Consumer(OrganizationNumber(number)) for number in (READER, OTHER)}
    whole = headers_of(stage, "fjell", stage.byggesak, integrate(stage).id)
    reader = integrate(stage, rights=IntegrationRights.READ, number=READER)
    other = integrate(stage, stage.barnevern, number=OTHER)
    return {
        "system": whole,
        "reads-only": headers_of(stage, READER, stage.byggesak, reader.id),
        "other-system": headers_of(stage, OTHER, stage.barnevern, other.id),
        "no-password": {name: value for name, value in whole.items() if name != "IntegrasjonPassord"},
        "no-token": whole | {"Authorization": "Bearer nobody"},
    }


def headers_of(stage: Stage, token: str, account: Account, integration_id: str) -> dict[str, str]:
    """The headers of a call by an integration, with a new password."""
    place = {"tenant_id": account.tenant_id, "account_id": account.id}
    return {
        "Authorization": f"Bearer {token}",
        "IntegrasjonId": uuid_of(integration_id),
        "IntegrasjonPassord": renew_password(stage.deps, **place, integration_id=integration_id),
    }


def form_to_ola() -> bytes:
    """The body of an upload for Ola, of type FORM."""
    words = {"dokumentnavn": "a", "ttl": 864_000, "arkivert": True, "eksponertFor": [{"type": "PERSON", "fnr": OLA}]}
    parts = (("metadata", "", json.dumps(words)), ("dokument", '; filename="a"', "innhold"))
    encoded = (f'--b\r\nContent-Disposition: form-data; name="{n}"{f}\r\n\r\n{c}\r\n' for n, f, c in parts)
    return ("".join(encoded) + "--b--\r\n").encode()


def survey() -> str:
    """The table."""
    width = max(len(f"{method} {path}") for method, path in (*ROWS, *STORE_ROWS))
    lines = [f"{'path':<{width}}  {'  '.join(ACTORS)}"]
    with stage_in_memory() as stage:
        web = serve(stage)
        asking = Asking(web)
        for method, path in ROWS:
            cells = [f"{asking.status(method, path, actor):<{len(actor)}}" for actor in ACTORS]
            lines.append(f"{f'{method} {path}':<{width}}  {'  '.join(cells)}".rstrip())
        web.close()
    with stage_in_memory() as stage:
        web = serve(stage)
        asking = Asking(web)
        asking.share()
        for method, path in STORE_ROWS:
            cells = []
            for actor in ACTORS:
                cells.append(f"{asking.status(method, path, actor):<{len(actor)}}")
                if method == "DELETE":
                    # For the next one, what this one may have deleted.
                    asking.share()
            lines.append(f"{f'{method} {path}':<{width}}  {'  '.join(cells)}".rstrip())
        web.close()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    GOLDEN.write_text(survey(), encoding="utf-8")
