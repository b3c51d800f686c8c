"""A client written for KS has no field for archiving: an administrator answers once for the whole system."""

import json
import re
from html import unescape
from typing import Any

import httpx
import pytest

from deldokument.domain.uuids import uuid_of
from deldokument.services.shares.display import queries
from deldokument.web.ks.app import PREFIX
from tests.docs.documents import DOCS
from tests.ks.conftest import Fiks
from tests.ks.test_sharing import form, living
from tests.support.browser import EWA, Browser
from tests.support.stage.stage import FJELL, KARI, OLA, person

CLIENTS_BODY = {"dokumentnavn": "a.pdf", "ttl": 86400, "eksponertFor": [{"type": "PERSON", "fnr": OLA}]}
"""What KS' own typed client sends: nothing of ours."""
SET_UP = (DOCS / "ks-compatible.md").read_text("utf-8").partition("## Set it up")[2].partition("\n## ")[0]


@pytest.fixture
def ewa(fiks: Fiks) -> Browser:
    """The tenant's administrator. The tenant has the rules that it began with."""
    assert fiks.web.stage.tenant.ask_archived
    return fiks.web.browser(EWA)


def share(fiks: Fiks, **changes: Any) -> httpx.Response:
    headers = fiks.headers | {"Content-Type": "multipart/form-data; boundary=b"}
    content = form(CLIENTS_BODY | changes, b"innhold")
    return fiks.system.request("POST", fiks.konto(below="/deldokument"), content=content, headers=headers)


def page_of(fiks: Fiks, *below: str) -> str:
    stage = fiks.web.stage
    return "/".join((f"/konfigurasjon/{stage.tenant.id}/kontoer/{stage.byggesak.id}", *below))


def confirm(fiks: Fiks, ewa: Browser, answer: str) -> None:
    path = page_of(fiks, "integrasjoner", fiks.integration.id, "arkiv")
    assert ewa.post(path, {"confirmed": answer}).status_code == 303


def labels(text: str) -> set[str]:
    """What a document quotes from the pages."""
    return set(re.findall(r"\*([^*]+)\*", " ".join(text.split())))


def test_who_follows_the_page_from_nothing_shares_with_an_unmodified_client(fiks: Fiks, ewa: Browser) -> None:
    stage = fiks.web.stage
    account = f"/konfigurasjon/{stage.tenant.id}/kontoer/{stage.avtaler.id}"
    fields = {"organization_number": FJELL, "rights": "share", "archive_confirmed": "on"}
    assert ewa.post(f"{account}/integrasjoner", fields).status_code == 303
    shown = ewa.get(account).text
    found = re.search(rf'href="({account}/integrasjoner/([^"/]+))"', shown)
    assert found
    [revision] = re.findall(r'name="revision" value="([^"]+)"', ewa.get(found[1]).text)
    renewed = ewa.post(f"{found[1]}/passord", {"revision": revision}).text
    headers = dict(re.findall(r"<dt>(IntegrasjonId|IntegrasjonPassord)</dt><dd[^>]*>([^<]+)<", renewed))
    assert headers["IntegrasjonId"] == uuid_of(found[2])
    answer = fiks.system.request(
        "POST",
        f"{PREFIX}/kontoer/{uuid_of(stage.avtaler.id)}/deldokument",
        content=form(CLIENTS_BODY, b"innhold"),
        headers=headers | {"Authorization": "Bearer fjell", "Content-Type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 201, answer.text
    [shared] = queries.list_shares(stage.deps, person(KARI), account_id=stage.avtaler.id).shares
    assert shared.share.archived


def test_quotes_on_the_page_are_on_the_linked_pages(fiks: Fiks, ewa: Browser) -> None:
    list_of_accounts = f"/konfigurasjon/{fiks.web.stage.tenant.id}/kontoer"
    paths = (list_of_accounts, page_of(fiks), page_of(fiks, "integrasjoner", fiks.integration.id))
    shown = " ".join(unescape(ewa.get(path).text) for path in paths)
    # The fixture's system has a password already, so its button asks for another.
    assert {label for label in labels(SET_UP) if label not in shown} == {"Lag passord"}
    assert "Lag nytt passord" in shown


def test_an_unconfirmed_system_is_refused_with_what_to_do_and_where(fiks: Fiks) -> None:
    answer = share(fiks)
    assert answer.status_code == 400
    error = answer.json()
    assert error["errorCode"] == "archived_unconfirmed"
    assert "under «Konfigurasjon», på kontoens side ved «Systemer som kan bruke kontoen»" in error["message"]
    assert [fault["field"] for fault in json.loads(error["errorJson"])] == ["arkivert"]
    assert living(fiks) == []
    assert share(fiks, arkivert=True).status_code == 201


def test_a_confirmation_holds_until_it_is_taken_back(fiks: Fiks, ewa: Browser) -> None:
    confirm(fiks, ewa, "yes")
    assert "Arkivering er bekreftet" in ewa.get(page_of(fiks)).text
    assert share(fiks).status_code == 201
    confirm(fiks, ewa, "no")
    assert "Arkivering er ikke bekreftet" in ewa.get(page_of(fiks)).text
    assert share(fiks).json()["errorCode"] == "archived_unconfirmed"
    log = unescape(ewa.get(f"/konfigurasjon/{fiks.web.stage.tenant.id}/hendelseslogg").text)
    assert "bekreftelsen ble trukket tilbake" in log


def test_a_system_that_says_no_is_believed(fiks: Fiks, ewa: Browser) -> None:
    confirm(fiks, ewa, "yes")
    answer = share(fiks, arkivert=False)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "archived_missing")
    assert living(fiks) == []
    assert share(fiks, arkivert=None).status_code == 201
