"""A member of two public bodies whose accounts have one name sees which body each is of."""

import pytest

from deldokument.domain.tenants.tenancy import Account
from deldokument.services.accounts import lifecycle
from deldokument.services.shares.drafts import drafts
from tests.support.browser import Browser, Web
from tests.support.deployment.deployment import form_settings
from tests.support.stage.stage import KARI, person

HERE, THERE = "Eksempel kommune", "Prøve kommune"
NAME = "Byggesak"


@pytest.fixture
def namesake(web: Web) -> Account:
    """An account of the other body, with the name of Kari's first; she is a member of it too."""
    account = lifecycle.create_account(web.stage.deps, tenant_id=web.stage.barnevern.tenant_id, name=NAME)
    web.stage.add(KARI, "Kari Lunde", account)
    return account


def header(browser: Browser, path: str) -> str:
    """The body that the header of a page names."""
    _, _, rest = browser.get(path).text.partition('<span class="tenant">')
    return rest.partition("</span>")[0]


def test_the_body_is_shown_beside_the_account_wherever_one_is_chosen(web: Web, namesake: Account) -> None:
    kari = web.browser(KARI)
    names = {f"{NAME}, {HERE}", f"Avtaler, {HERE}", f"{NAME}, {THERE}"}
    assert {one["name"] for one in form_settings(kari.get("/del").text)["accounts"]} == names
    draft = drafts.start_draft(web.stage.deps, person(KARI), account_id=namesake.id)
    listed = kari.get("/delinger?tilstand=draft").text
    assert [name for name in names if f">{name}</option>" not in listed] == []
    assert f"<span>{NAME}, {THERE}</span>" in listed
    assert f"<dd>{NAME}, {THERE}</dd>" in kari.get(f"/delinger/{draft.id}").text


def test_the_header_follows_the_account_that_the_page_is_about(web: Web, namesake: Account) -> None:
    kari = web.browser(KARI)
    draft = drafts.start_draft(web.stage.deps, person(KARI), account_id=namesake.id)
    assert header(kari, f"/delinger/{draft.id}") == THERE
    assert header(kari, f"/del?utkast={draft.id}") == THERE
    assert header(kari, f"/delinger?konto={namesake.id}") == THERE
    assert header(kari, f"/delinger?konto={web.stage.byggesak.id}") == HERE
    assert header(kari, "/delinger") == ""


def test_a_member_of_one_body_sees_its_name_in_the_header_alone(web: Web) -> None:
    kari = web.browser(KARI)
    assert [one["name"] for one in form_settings(kari.get("/del").text)["accounts"]] == ["Avtaler", NAME]
    assert header(kari, "/delinger") == HERE
