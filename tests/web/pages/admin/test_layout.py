"""The frame of «Konfigurasjon»: who gets in, and to which tenants."""

from deldokument.domain.errors import existing
from tests.support.browser import EWA, Web
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import KARI, VIGDIS


def test_an_administrator_of_one_tenant_goes_straight_to_it(web: Web) -> None:
    ewa = web.browser(EWA)
    answer = ewa.get("/konfigurasjon")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/konfigurasjon/{web.stage.tenant.id}")
    assert "Oversikt" in ewa.get(answer.headers["location"]).text


def test_an_administrator_of_several_tenants_chooses(web: Web) -> None:
    with web.stage.deps.database.read() as tx:
        other = existing(tx.tenants.by_number("213640003"))
    add_administrator(web.stage.deps, tenant_id=other.id, number=EWA, name="Ewa Kowalska")
    ewa = web.browser(EWA)
    page = ewa.get("/konfigurasjon").text
    for tenant in (web.stage.tenant, other):
        assert f'href="/konfigurasjon/{tenant.id}"' in page
        assert ewa.get(f"/konfigurasjon/{tenant.id}").status_code == 200
    assert "Velg en annen virksomhet" in ewa.get(f"/konfigurasjon/{other.id}").text


def test_a_tenant_of_others_looks_like_none_at_all(web: Web) -> None:
    for number in (KARI, VIGDIS):
        browser = web.browser(number)
        assert browser.get("/konfigurasjon").status_code == 404
        theirs, none = browser.get(f"/konfigurasjon/{web.stage.tenant.id}"), browser.get("/konfigurasjon/nobody")
        assert (theirs.status_code, none.status_code) == (404, 404)
        assert "/konfigurasjon" not in browser.get("/").text


def test_without_login_the_configuration_asks_for_one(web: Web) -> None:
    answer = web.browser().get(f"/konfigurasjon/{web.stage.tenant.id}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/logg-inn")
