"""The overview: the way step by step, «Ta i bruk», and how things stand."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import existing
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.agreement_records import PublishedText
from deldokument.domain.tenants.tenancy import AccountRules, Contact, Tenant
from deldokument.services.accounts import lifecycle
from deldokument.services.tenants import registration
from deldokument.services.tenants.activation import activate
from tests.support.browser import EWA, Browser, Web, serve, stage_in_memory
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.notices import configure_notices
from tests.support.stage.stage import FJELL, KARI, NOON, OLA, SIV, person
from tests.support.stage.tenants import record_assessment, sign_agreements

MISSING = {
    AgreementKind.MAIN: ("Hovedavtalen er ikke mottatt.", "avtaler/hovedavtale"),
    AgreementKind.SERVICE: ("Tjenesteavtalen er ikke signert.", "avtaler/tjenesteavtale"),
    None: ("DPIA er ikke registrert.", "dpia"),
}


@pytest.fixture
def fresh(web: Web) -> Tenant:
    """A tenant that has done nothing yet; Siv administers it."""
    deps = web.stage.deps
    tenant = registration.create_tenant(deps, organization_number=FJELL, name="Fjell kommune", contact=Contact())
    add_administrator(deps, tenant_id=tenant.id, number=SIV, name="Siv Holm")
    return tenant


@pytest.fixture
def siv(web: Web, fresh: Tenant) -> Browser:  # noqa: ARG001 - Siv administers it
    """Siv, logged in."""
    return web.browser(SIV)


def prepare(web: Web, tenant: Tenant, *steps: AgreementKind | None) -> None:
    """The agreements named, and for None the assessment."""
    for step in steps:
        if step is None:
            record_assessment(web.stage.deps, tenant.id, person(SIV))
        else:
            sign_agreements(web.stage.deps, tenant.id, step)


def press(browser: Browser, tenant: Tenant) -> tuple[int, str]:
    answer = browser.post(f"/konfigurasjon/{tenant.id}/ta-i-bruk")
    return answer.status_code, answer.text


def is_in_use(web: Web, tenant: Tenant) -> bool:
    with web.stage.deps.database.read() as tx:
        return existing(tx.tenants.get(tenant.id)).is_in_use


def words(page: str) -> str:
    """What a person reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page)).split())


def state_of(page: str, step: str) -> str:
    before, _, _ = page.partition(f'id="step-{step}"')
    return before.rpartition('data-state="')[2].partition('"')[0]


@pytest.mark.parametrize("missing", [(step,) for step in MISSING] + [tuple(MISSING)], ids=str)
def test_pressed_too_early_it_lists_just_what_is_missing_and_where_to_do_it(
    web: Web, fresh: Tenant, siv: Browser, missing: tuple[AgreementKind | None, ...]
) -> None:
    prepare(web, fresh, *(step for step in MISSING if step not in missing))
    status, page = press(siv, fresh)
    assert status == 409
    alert = page.partition('role="alert"')[2].partition("</div>")[0]
    for step, (words, section) in MISSING.items():
        assert (words in alert) == (step in missing)
        assert step not in missing or f'href="/konfigurasjon/{fresh.id}/{section}"' in alert
    assert not is_in_use(web, fresh)


def test_the_button_is_there_when_all_is_in_place_and_not_before(web: Web, fresh: Tenant, siv: Browser) -> None:
    button = f'action="/konfigurasjon/{fresh.id}/ta-i-bruk"'
    for step in MISSING:
        assert button not in siv.get(f"/konfigurasjon/{fresh.id}").text
        prepare(web, fresh, step)
    assert button in siv.get(f"/konfigurasjon/{fresh.id}").text


def test_with_all_in_place_one_press_takes_it_into_use_and_a_second_changes_nothing(
    web: Web, fresh: Tenant, siv: Browser
) -> None:
    prepare(web, fresh, *MISSING)
    assert press(siv, fresh)[0] == press(siv, fresh)[0] == 303
    assert is_in_use(web, fresh)
    events = [(who, e.kind) for who, e in web.stage.trail() if e.tenant_id == fresh.id]
    assert events.count((SIV, EventKind.TENANT_ACTIVATED)) == 1
    page = words(siv.get(f"/konfigurasjon/{fresh.id}").text)
    assert "Tatt i bruk tirsdag 24. november kl. 13.00 av Siv Holm." in page


def test_a_tenant_that_has_ended_is_not_taken_into_use_again(web: Web, fresh: Tenant, siv: Browser) -> None:
    with web.stage.deps.database.write() as tx:
        tx.tenants.save(replace(fresh, ended_at=NOON))
    status, page = press(siv, fresh)
    assert status == 409
    assert "Virksomheten har avsluttet tjenesten" in page


def test_what_waits_for_it_is_refused_with_words_that_name_it(web: Web, fresh: Tenant, siv: Browser) -> None:
    answer = siv.post(f"/konfigurasjon/{fresh.id}/kontoer", {"name": "Avtaledokumenter"})
    assert answer.status_code in {409, 422}
    assert "Virksomheten har ikke tatt tjenesten i bruk ennå." in answer.text
    assert lifecycle.list_accounts(web.stage.deps, tenant_id=fresh.id) == []


def test_an_unregistered_person_sees_that_and_who_can_do_it_also_by_a_direct_post(web: Web, siv: Browser) -> None:
    page = siv.get("/del")
    assert page.status_code == 404
    assert "Du er ikke registrert som bruker på noen konto" in page.text
    assert 'href="/konfigurasjon"' in page.text.partition("<main")[2]
    answer = siv.call("POST", "/del/utkast", {"account_id": web.stage.byggesak.id})
    assert answer.status_code == 404
    assert "Du er ikke registrert som bruker" in answer.json()["errors"][0]["message"]
    assert 'href="/konfigurasjon"' not in web.browser(OLA).get("/del").text


@pytest.mark.parametrize("number", [KARI, None])
def test_nobody_but_an_administrator_of_the_tenant_takes_it_into_use(
    web: Web, fresh: Tenant, number: str | None
) -> None:
    prepare(web, fresh, *MISSING)
    answer = web.browser(number).post(f"/konfigurasjon/{fresh.id}/ta-i-bruk")
    assert answer.status_code == (404 if number else 303)
    assert not is_in_use(web, fresh)


def test_the_next_step_is_highlighted_and_moves_on(web: Web, fresh: Tenant, siv: Browser) -> None:
    deps = web.stage.deps

    def now() -> list[str]:
        page = siv.get(f"/konfigurasjon/{fresh.id}").text
        assert page.count('aria-current="step"') == 1
        steps = ("main_agreement", "service_agreement", "assessment", "activation", "account", "member")
        return [state_of(page, step) for step in steps]

    done, ahead = ["done"], ["later"]
    assert now() == ["next"] + ahead * 5
    for number, step in enumerate(MISSING, 1):
        prepare(web, fresh, step)
        assert now() == done * number + ["next"] + ahead * (5 - number)
    activate(deps, tenant_id=fresh.id, person=person(SIV))
    assert now() == [*done * 4, "next", "later"]
    lifecycle.create_account(deps, tenant_id=fresh.id, name="Avtaledokumenter")
    assert now() == [*done * 5, "next"]


def test_what_is_done_says_by_whom_and_when(web: Web, fresh: Tenant, siv: Browser) -> None:
    prepare(web, fresh, *MISSING)
    page = words(siv.get(f"/konfigurasjon/{fresh.id}").text)
    assert "Signert 24. november 2026 av Grethe Ness, kommunedirektør." in page
    assert "Versjon 1.0, signert tirsdag 24. november kl. 13.00 av Grethe Ness." in page
    assert "Gjort 24. november 2026 av Berit Ås, Enhetsleder." in page


@pytest.fixture
def notifying() -> Iterator[Web]:
    """The application where notices to recipients are configured."""
    with stage_in_memory() as stage:
        configure_notices(stage)
        served = serve(stage)
        yield served
        served.close()


def test_the_checklist_says_whether_recipients_are_notified(
    web: Web, fresh: Tenant, siv: Browser, notifying: Web
) -> None:
    text = words(siv.get(f"/konfigurasjon/{fresh.id}").text)
    assert "Mottakerne får ikke varsel. Den som deler, sender dem lenken." in text
    assert "Under «Varsler til meg» kan de velge å få e-post når en mottaker har hentet noe." in text
    assert "Mottakerne får ikke varsel." in overview(web)
    assert "Mottakerne får ikke varsel om det som deles fra Avtaler, med mindre" in overview(notifying)
    stage = notifying.stage
    stage.change_account(stage.avtaler, rules=AccountRules(notify=True))
    assert "Mottakerne får e-post eller SMS når noe blir delt med dem." in overview(notifying)


@pytest.fixture
def settled(web: Web) -> Web:
    """The stage's tenant with everything in place."""
    sign_agreements(web.stage.deps, web.stage.tenant.id)
    record_assessment(web.stage.deps, web.stage.tenant.id)
    return web


def overview(web: Web) -> str:
    return web.browser(EWA).get(f"/konfigurasjon/{web.stage.tenant.id}").text


def test_after_the_checklist_the_page_shows_the_status(settled: Web) -> None:
    settled.stage.publish()
    page = overview(settled)
    assert "Alt er på plass. Brukerne kan dele dokumenter." in page
    assert "<dt>Åpne delinger</dt><dd>1</dd>" in page
    assert "Dette bør dere se på" not in page
    assert 'href="/del"' not in page


def test_an_administrator_who_is_a_member_too_is_led_to_sharing(settled: Web) -> None:
    settled.stage.add(EWA, "Ewa Kowalska", settled.stage.byggesak)
    assert 'href="/del"' in overview(settled)


def test_a_task_is_listed_with_its_day(settled: Web) -> None:
    stage = settled.stage
    with stage.deps.database.write() as tx:
        tx.agreements.publish(PublishedText(AgreementKind.SERVICE, "1.1", NOON))
    stage.change_account(stage.byggesak, frozen_at=NOON, rules=AccountRules(quota=0))
    page = overview(settled)
    assert "Signer den før 22. februar 2027." in page
    assert "Kontoen «Byggesak» er stanset" in page
    assert "Delingene avsluttes likevel på sin dato, og da slettes dokumentene." in page
    assert "Kontoen «Byggesak» er nesten full" in page
    stage.clock.advance(days=365)
    later = overview(settled)
    assert "DPIA bør gjennomgås" in later
    assert "Vurderingen ble ett år gammel 24. november 2027." in later
    assert "Fristen var 22. februar 2027. Versjonen dere har signert, gjelder fortsatt" in later


def test_a_tenant_that_the_operator_has_stopped_sees_that(settled: Web) -> None:
    settled.stage.change_tenant(frozen_at=NOON)
    page = overview(settled)
    assert "Tjenesten er stanset for virksomheten" in page
    assert "Delingene avsluttes likevel på sin dato, og da slettes dokumentene." in page
    assert "Alt er på plass" not in page


def test_missing_steps_are_listed_though_in_use(web: Web) -> None:
    page = overview(web)
    for words, _section in MISSING.values():
        assert words in page
