"""«Drift»: the operator's pages, and that nobody else gets near them."""

import re
from dataclasses import replace

import pytest

from deldokument.domain.errors import Frozen
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.services.agreements import status, texts
from deldokument.services.downloads import access
from deldokument.services.tenants import operators, registration
from deldokument.web.app import ENDPOINTS
from tests.support.browser import EWA, Browser, Web
from tests.support.stage.stage import BANKRUPT, FJELL, KARI, OLA, SIV, person

TORA = "15837914209"
PDF = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF"
NEW = {
    "organization_number": FJELL,
    "number": SIV,
    "name": "Siv Holm",
    "telephone": "55 00 00 00",
    "email": "post@fjell.example",
    "hours": "9-15",
}


@pytest.fixture
def operator(web: Web) -> Browser:
    operators.add_operator(web.stage.deps, number=OLA, name="Ola Drift")
    return web.browser(OLA)


def test_nobody_but_an_operator_gets_an_answer_from_any_route(web: Web) -> None:
    routes = [endpoint for endpoint in ENDPOINTS if endpoint.path.startswith("/drift")]
    assert len(routes) >= 10
    ids = {"tenant_id": web.stage.tenant.id, "account_id": web.stage.byggesak.id, "agreement_id": "x"}
    for number in (KARI, EWA):
        browser = web.browser(number)
        assert "/drift" not in browser.get("/").text
        for route in routes:
            path = route.path.format_map(ids)
            answer = browser.get(path) if route.methods == ("GET",) else browser.post(path)
            assert answer.status_code == 404, path


def test_the_operator_makes_a_tenant(operator: Browser) -> None:
    assert 'class="tile" href="/drift"' in operator.get("/").text
    answer = operator.post("/drift/ny", NEW)
    assert answer.status_code == 303
    page = operator.get(answer.headers["location"]).text
    for words in ("Virksomheten er registrert.", "FJELL AS", "Siv Holm"):
        assert words in page
    assert SIV not in page
    path = answer.headers["location"].partition("?")[0]
    assert f'href="{path}"' in operator.get("/drift").text


def test_the_faults_of_a_new_tenant_are_shown_and_nothing_typed_is_lost(web: Web, operator: Browser) -> None:
    page = operator.post("/drift/ny", NEW | {"organization_number": "123", "name": "S"})
    assert page.status_code == 422
    for part in ('href="#organization_number"', 'href="#name"', f'value="{SIV}"', 'value="9-15"', 'value="123"'):
        assert part in page.text
    assert len(registration.list_tenants(web.stage.deps)) == 2


def test_an_empty_organisation_number_is_asked_for_as_one(operator: Browser) -> None:
    page = operator.post("/drift/ny", NEW | {"organization_number": ""})
    assert page.status_code == 422
    assert "Skriv organisasjonsnummeret." in page.text
    assert "fødselsnummer, D-nummer eller organisasjonsnummer" not in page.text


@pytest.mark.parametrize(
    ("language", "words"),
    [("nb", "er konkurs og kan ikke"), ("nn", "er konkurs og kan ikkje"), ("en", "is bankrupt and can&#39;t")],
)
def test_a_bankrupt_organisation_is_refused_at_its_number(
    web: Web, operator: Browser, language: str, words: str
) -> None:
    operator.http.cookies.set("spraak", language, domain="del.example")
    page = operator.post("/drift/ny", NEW | {"organization_number": BANKRUPT})
    assert page.status_code == 422
    assert f'href="#organization_number">NEDLAGT FISK AS {words}' in page.text
    assert len(registration.list_tenants(web.stage.deps)) == 2


def test_the_operator_sees_that_a_new_tenant_is_being_wound_up(web: Web, operator: Browser) -> None:
    web.stage.register.known[FJELL] = replace(web.stage.register.known[FJELL], status="winding_up")
    page = operator.get(operator.post("/drift/ny", NEW).headers["location"]).text
    assert "Virksomheten er registrert." in page
    assert "Virksomheten er under avvikling eller tvangsoppløsning, ifølge Enhetsregisteret." in page


def test_sending_the_form_twice_makes_one_tenant(web: Web, operator: Browser) -> None:
    assert operator.post("/drift/ny", NEW).status_code == 303
    assert operator.post("/drift/ny", NEW).status_code == 409
    assert len(registration.list_tenants(web.stage.deps)) == 3


def test_a_text_counts_when_it_is_published(web: Web, operator: Browser) -> None:
    page = operator.get("/drift").text
    assert "Ikke publisert" in page
    assert operator.post("/drift/tekster", {"kind": "hovedavtale", "version": "1.0"}).status_code == 303
    listed = {listing.kind: listing for listing in texts.list_texts(web.stage.deps)}
    assert [text.version for text, _ in listed[AgreementKind.MAIN].published] == ["1.0"]
    assert operator.post("/drift/tekster", {"kind": "hovedavtale", "version": "1.0"}).status_code == 409
    assert operator.post("/drift/tekster", {"kind": "hovedavtale", "version": "7.0"}).status_code == 422
    assert operator.post("/drift/tekster", {"kind": "novelle", "version": "1.0"}).status_code == 404


def test_the_newest_version_of_a_text_is_offered_and_no_other(web: Web, operator: Browser) -> None:
    offered = re.findall(
        r'name="kind" value="tjenesteavtale"><input type="hidden" name="version" value="([^"]+)"',
        operator.get("/drift").text,
    )
    assert offered == [web.stage.deps.texts.versions(AgreementKind.SERVICE)[-1]]


def record(operator: Browser, tenant_id: str, **changes: str) -> object:
    fields = {"csrf_token": operator.csrf_token(), "version": "1.0", "signed_on": "2026-11-20", "signed_by": "Liv Moe"}
    files = {"copy": ("avtale.pdf", PDF, "application/pdf")}
    return operator.request("POST", f"/drift/kunder/{tenant_id}/hovedavtale", data=fields | changes, files=files)


def test_the_signed_main_agreement_is_recorded_with_its_copy(web: Web, operator: Browser) -> None:
    tenant_id = web.stage.tenant.id
    operator.post("/drift/tekster", {"kind": "hovedavtale", "version": "1.0"})
    assert record(operator, tenant_id).status_code == 303  # type: ignore[attr-defined]
    found = status.agreements_of(web.stage.deps, tenant_id=tenant_id)
    assert [(view.agreement.version, view.signer) for view in found.mains] == [("1.0", "Liv Moe")]
    page = operator.get(f"/drift/kunder/{tenant_id}").text
    assert "Liv Moe" in page
    link = re.search(rf"/drift/kunder/{tenant_id}/hovedavtale/[\w-]+", page)
    assert link
    copy = operator.get(link[0])
    assert (copy.content, copy.headers["content-type"]) == (PDF, "application/pdf")


def test_a_main_agreement_with_faults_is_not_recorded(web: Web, operator: Browser) -> None:
    tenant_id = web.stage.tenant.id
    operator.post("/drift/tekster", {"kind": "hovedavtale", "version": "1.0"})
    page = record(operator, tenant_id, signed_on="i går", signed_by="L")
    assert page.status_code == 422  # type: ignore[attr-defined]
    for part in (
        'href="#signed_on"',
        'href="#signed_by"',
        'value="L"',
        "Hadde du valgt en fil, må du velge den på nytt.",
    ):
        assert part in page.text  # type: ignore[attr-defined]
    assert status.agreements_of(web.stage.deps, tenant_id=tenant_id).mains == ()


def stop(operator: Browser, path: str, deed: str = "freeze", reason: str = "security") -> int:
    return operator.post(path, {"deed": deed, "reason": reason}).status_code


def test_tenant_account_and_share_are_stopped_and_go_on(web: Web, operator: Browser) -> None:
    deps, tenant, account = web.stage.deps, web.stage.tenant, web.stage.byggesak
    share_id = web.stage.publish(SIV)
    paths = {
        f"/drift/kunder/{tenant.id}/stans": {},
        f"/drift/kunder/{tenant.id}/kontoer/{account.id}/stans": {},
        "/drift/delinger": {"share": f"https://del.example/d/{share_id}"},
    }
    for path, fields in paths.items():
        assert operator.post(path, fields | {"deed": "freeze", "reason": "security"}).status_code in {200, 303}
        with pytest.raises(Frozen):
            access.authorize(deps, person(SIV), share_id)
        assert operator.post(path, fields | {"deed": "thaw"}).status_code in {200, 303}
        assert access.authorize(deps, person(SIV), share_id)


def test_what_the_operator_has_done_is_confirmed(web: Web, operator: Browser) -> None:
    path = f"/drift/kunder/{web.stage.tenant.id}/stans"
    for target, fields, words in (
        ("/drift/tekster", {"kind": "hovedavtale", "version": "1.0"}, "Versjonen er publisert."),
        (path, {"deed": "freeze", "reason": "security"}, "Stansen gjelder fra nå."),
        (path, {"deed": "thaw"}, "Stansen er opphevet."),
    ):
        assert words in operator.get(operator.post(target, fields).headers["location"]).text
    assert "Stansen gjelder fra nå." not in operator.get(f"{path.removesuffix('/stans')}?lagret=stans").text
    answer = record(operator, web.stage.tenant.id)
    assert "Hovedavtalen er registrert." in operator.get(answer.headers["location"]).text  # type: ignore[attr-defined]


def test_stopping_wants_a_reason_and_something_to_stop(web: Web, operator: Browser) -> None:
    tenant_id = web.stage.tenant.id
    assert stop(operator, f"/drift/kunder/{tenant_id}/stans", reason="") == 422
    assert stop(operator, f"/drift/kunder/{tenant_id}/kontoer/{web.stage.barnevern.id}/stans") == 404
    for share in ("", "finnes-ikke", "a\0b", "https://del.example/d/a\0b"):
        page = operator.post("/drift/delinger", {"share": share, "deed": "freeze", "reason": "security"})
        assert page.status_code == 422
        assert 'href="#share"' in page.text


def test_a_stop_without_a_reason_is_reported_at_its_own_form_and_at_no_other(web: Web, operator: Browser) -> None:
    tenant, byggesak, avtaler = (one.id for one in (web.stage.tenant, web.stage.byggesak, web.stage.avtaler))
    for path, field in ((f"kontoer/{byggesak}/stans", f"reason-{byggesak}"), ("stans", "reason")):
        page = operator.post(f"/drift/kunder/{tenant}/{path}", {"deed": "freeze", "reason": ""}).text
        assert re.findall(r'<a class="ds-link" href="#(reason[^"]*)"', page) == [field]
        assert re.findall(r'<select class="ds-input" id="([^"]+)"[^>]+aria-invalid', page) == [field]
        assert page.count('<details class="brake" open>') == (field != "reason")
    assert f'id="reason-{avtaler}"' in page


def test_the_operator_opens_no_share(web: Web, operator: Browser) -> None:
    assert operator.get(f"/d/{web.stage.publish(SIV)}").status_code == 404


def test_no_field_is_shown_as_wrong_before_anything_is_sent(web: Web, operator: Browser) -> None:
    texts.publish_agreement(web.stage.deps, AgreementKind.MAIN, "1.0", None)
    for path in ("/drift", "/drift/ny", f"/drift/kunder/{web.stage.tenant.id}"):
        page = operator.get(path)
        assert page.status_code == 200
        assert "<form" in page.text
        assert "aria-invalid" not in page.text, path
        assert "built-in" not in page.text, path


def test_an_empty_form_for_a_tenant_asks_for_each_number_by_its_name(operator: Browser) -> None:
    page = operator.post("/drift/ny", dict.fromkeys(NEW, "")).text
    assert "Skriv organisasjonsnummeret." in page
    assert "Skriv fødselsnummeret eller D-nummeret." in page
    assert "eller organisasjonsnummer" not in page


def test_stopping_a_tenant_is_confirmed_in_a_dialog_with_the_safe_choice_first(web: Web, operator: Browser) -> None:
    page = operator.get(f"/drift/kunder/{web.stage.tenant.id}").text
    dialog = page.partition('<dialog class="ds-dialog" id="stop-reason"')[2].partition("</dialog>")[0]
    assert f"Stanse {web.stage.tenant.name}?" in dialog
    assert dialog.index("Avbryt") < dialog.index('value="freeze"')
