"""«Administratorer»: the pages on which administrators name and remove one another."""

import pytest

from deldokument.services.auth.roles import roles_of
from deldokument.services.tenants import administrators
from tests.support.browser import EWA, Browser, Web
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import KARI, OLA, SIV, VIGDIS, person


@pytest.fixture
def ewa(web: Web) -> Browser:
    return web.browser(EWA)


def path(web: Web, *below: str) -> str:
    return "/".join((f"/konfigurasjon/{web.stage.tenant.id}/administratorer", *below))


def name(web: Web, number: str = SIV, called: str = "Siv Holm") -> str:
    return add_administrator(web.stage.deps, tenant_id=web.stage.tenant.id, number=number, name=called).id


def own_id(web: Web) -> str:
    found = administrators.administrator_of(web.stage.deps, tenant_id=web.stage.tenant.id, person=person(EWA))
    assert found
    return found


def names(web: Web) -> list[str]:
    return [view.name for view in administrators.list_administrators(web.stage.deps, tenant_id=web.stage.tenant.id)]


def test_an_administrator_who_is_added_gets_in_and_shares_nothing(web: Web, ewa: Browser) -> None:
    siv = web.browser(SIV)
    assert siv.get(path(web)).status_code == 404
    answer = ewa.post(path(web), {"number": SIV, "name": "Siv Holm"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path(web)}?lagt-til=1")
    page = ewa.get(answer.headers["location"]).text
    assert "Administratoren er lagt til." in page
    assert f"{SIV[:6]} *****" in page
    assert SIV not in page
    assert siv.get(path(web)).status_code == 200
    assert siv.get("/del").status_code == 404


def test_an_administrator_added_by_command_gets_in_once_another_confirms_it(web: Web, ewa: Browser) -> None:
    added = administrators.add_administrator(web.stage.deps, tenant_id=web.stage.tenant.id, number=SIV, name="Siv Holm")
    siv = web.browser(SIV)
    assert siv.get(path(web)).status_code == 404
    page = ewa.get(path(web)).text
    assert "Administratorer som venter på bekreftelse" in page
    assert f'name="administrator" value="{added.id}"' in page
    answer = ewa.post(path(web, "bekreftelse"), {"administrator": added.id})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path(web)}?bekreftet=1")
    page = ewa.get(answer.headers["location"]).text
    assert "Administratoren er bekreftet." in page
    assert "som venter på bekreftelse" not in page
    assert siv.get(path(web)).status_code == 200


def test_an_administrator_changes_the_address_that_is_written_to_when_none_is_left(web: Web, ewa: Browser) -> None:
    assert f'value="{web.stage.tenant.contact.email}"' in ewa.get(path(web)).text
    answer = ewa.post(path(web, "e-postadresse"), {"email": "ny@eksempel.example"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path(web)}?lagret=1")
    page = ewa.get(answer.headers["location"]).text
    assert "Adressen er lagret." in page
    assert 'value="ny@eksempel.example"' in page


def test_an_invalid_address_is_shown_again_as_it_was_typed(web: Web, ewa: Browser) -> None:
    answer = ewa.post(path(web, "e-postadresse"), {"email": "ny.example"})
    assert answer.status_code == 422
    assert 'href="#email"' in answer.text
    assert 'value="ny.example"' in answer.text


def test_an_invalid_form_is_shown_again_with_its_input(web: Web, ewa: Browser) -> None:
    answer = ewa.post(path(web), {"number": "123", "name": ""})
    assert answer.status_code == 422
    for there in ('href="#number"', 'href="#name"', 'value="123"'):
        assert there in answer.text
    again = ewa.post(path(web), {"number": EWA, "name": "Ewa Kowalska"})
    assert again.status_code == 409
    assert "Personen er allerede administrator" in again.text
    assert f'value="{EWA}"' in again.text
    assert names(web) == ["Ewa Kowalska"]


def test_the_last_administrator_cannot_be_removed(web: Web, ewa: Browser) -> None:
    assert "Den eneste administratoren kan ikke fjernes" in ewa.get(path(web)).text
    question = ewa.get(path(web, own_id(web), "fjerning")).text
    assert "Den eneste administratoren kan ikke fjernes" in question
    assert f'action="{path(web, own_id(web), "fjerning")}"' not in question
    answer = ewa.post(path(web, own_id(web), "fjerning"))
    assert answer.status_code == 409
    assert "Virksomheten må ha en administrator" in answer.text
    assert names(web) == ["Ewa Kowalska"]


def test_another_administrator_is_removed_after_one_question_and_out_at_the_next_request(
    web: Web, ewa: Browser
) -> None:
    siv_id, siv = name(web), web.browser(SIV)
    assert siv.get(path(web)).status_code == 200
    question = ewa.get(path(web, siv_id, "fjerning")).text
    assert "Vil du fjerne Siv Holm?" in question
    assert "Du mister tilgangen" not in question
    answer = ewa.post(path(web, siv_id, "fjerning"))
    assert "Administratoren er fjernet." in ewa.get(answer.headers["location"]).text
    assert siv.get(path(web)).status_code == 404
    again = ewa.post(path(web, siv_id, "fjerning"))
    assert (again.status_code, again.headers["location"]) == (303, path(web))
    assert ewa.get(path(web, siv_id, "fjerning")).status_code == 404


def test_an_administrator_who_removes_the_own_right_is_warned_and_out_at_once(web: Web, ewa: Browser) -> None:
    name(web)
    assert "(deg)" in ewa.get(path(web)).text
    question = ewa.get(path(web, own_id(web), "fjerning")).text
    assert "Vil du fjerne deg selv som administrator?" in question
    assert "Du mister tilgangen med en gang" in question
    answer = ewa.post(path(web, own_id(web), "fjerning"))
    assert answer.status_code == 303
    assert "Du er ikke administrator" in ewa.get(answer.headers["location"]).text
    assert ewa.get("/konfigurasjon").status_code == ewa.get(path(web)).status_code == 404
    assert ewa.post(path(web), {"number": OLA, "name": "Ola Moen"}).status_code == 404
    assert names(web) == ["Siv Holm"]


def test_a_member_who_is_removed_as_administrator_still_shares(web: Web, ewa: Browser) -> None:
    kari_id, kari = name(web, KARI, "Kari Lunde"), web.browser(KARI)
    ewa.post(path(web, kari_id, "fjerning"))
    assert kari.get(path(web)).status_code == 404
    assert kari.get("/del").status_code == 200


def test_an_administrator_of_another_tenant_is_neither_shown_nor_removed(web: Web, ewa: Browser) -> None:
    there = web.stage.barnevern.tenant_id
    theirs = add_administrator(web.stage.deps, tenant_id=there, number=VIGDIS, name="Vigdis Myhre").id
    assert ewa.get(path(web, theirs, "fjerning")).status_code == 404
    ewa.post(path(web, theirs, "fjerning"))
    assert roles_of(web.stage.deps, person(VIGDIS)).administered
    assert "Vigdis" not in ewa.get(path(web)).text
    for method in ("GET", "POST"):
        assert ewa.request(method, f"/konfigurasjon/{there}/administratorer").status_code == 404
