"""The pages about agreements: what they show, the way to a signature, and who gets the papers."""

import logging
import re
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape

import httpx
import pytest

from deldokument.domain.errors import LoginFailed, Unavailable, existing
from deldokument.domain.tenants.agreement import GRACE, AgreementKind
from deldokument.services.agreements import status, texts
from tests.support.browser import EWA, Browser, Web, serve, stage_in_memory
from tests.support.bulk.sample_files import PDF
from tests.support.stage.agreement_texts import publish_texts, sign, with_short_texts
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import KARI, NOON, SIV, VIGDIS

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_TAGS = re.compile(r"<[^>]+>")


@pytest.fixture
def web() -> Iterator[Web]:
    """The application with short texts, none of them published."""
    with stage_in_memory() as stage:
        served = serve(with_short_texts(stage))
        yield served
        served.close()


def path(web: Web, *below: str) -> str:
    return "/".join(("/konfigurasjon", web.stage.tenant.id, "avtaler", *below))


def words(answer: httpx.Response) -> str:
    """What stands on the page."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(_TAGS.sub(" ", main)).split())


def confirm(web: Web, ewa: Browser, **changes: str) -> httpx.Response:
    """Fill in and send the page «Signer»; a change to "" leaves a field out."""
    page = ewa.get(path(web, "tjenesteavtale", "signering"))
    assert page.status_code == 200
    given = dict(_HIDDEN.findall(page.text)) | {"role": "Kommunedirektør", "authority": "on"} | changes
    return ewa.post(path(web, "tjenesteavtale", "signering"), {name: value for name, value in given.items() if value})


def to_provider(web: Web, ewa: Browser) -> str:
    """Confirm, and go where that leads; returns the path of the page that tells the result."""
    answer = confirm(web, ewa)
    assert answer.status_code == 303
    login = ewa.get(answer.headers["location"])
    assert login.status_code == 200
    assert login.headers["refresh"] == "0; url=https://login.example/nb"
    assert 'href="https://login.example/nb"' in login.text
    return str(answer.headers["location"]).removesuffix("/innlogging")


def come_back(web: Web, ewa: Browser, **answer: str) -> httpx.Response:
    """The provider's answer to what was asked last."""
    given = {"code": "code", "state": f"state-{web.stage.login.begun}"} | answer
    return ewa.get("/logg-inn/svar", params=given)


def test_before_the_operator_has_published_the_pages_say_so_and_offer_no_signature(web: Web) -> None:
    ewa = web.browser(EWA)
    for page in (path(web), path(web, "tjenesteavtale")):
        assert "Driftsoperatøren må publisere avtalen først" in words(ewa.get(page))
        assert "Signer tjenesteavtalen" not in words(ewa.get(page))
    assert "Det finnes ingen tekst ennå" in words(ewa.get(path(web, "hovedavtale")))
    for kind in ("hovedavtale", "tjenesteavtale"):
        assert ewa.get(path(web, kind, "tekst.pdf")).status_code == 404
    answer = ewa.get(path(web, "tjenesteavtale", "signering"))
    assert (answer.status_code, answer.headers["location"]) == (303, path(web, "tjenesteavtale"))


def test_the_main_agreement_is_filled_in_and_says_where_to_send_it(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    page = words(ewa.get(path(web, "hovedavtale")))
    for said in ("Ikke mottatt", "Deldrift IKS", "avtaler@del.example", "Versjon 1.0"):
        assert said in page
    assert ewa.get(path(web, "hovedavtale", "tekst.pdf")).content.startswith(b"%PDF-")


def test_the_service_agreement_is_read_as_a_page_and_as_a_pdf(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    page = words(ewa.get(path(web, "tjenesteavtale")))
    assert "Mellom Eksempel kommune, 310240001, og Deldrift IKS." in page
    pdf = ewa.get(path(web, "tjenesteavtale", "tekst.pdf"))
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.headers["content-disposition"].startswith("attachment; filename=")
    assert "no-store" in pdf.headers["cache-control"]


def record_main(web: Web, copy: bytes = PDF, signed_on: date = date(2026, 11, 20)) -> str:
    return status.record_main_agreement(
        web.stage.deps,
        tenant_id=web.stage.tenant.id,
        version="1.0",
        signed_on=signed_on,
        signed_by="Berit Aas, kommunedirektør",
        copy=copy,
    ).id


def test_a_main_agreement_that_has_arrived_is_shown_with_its_copy(web: Web) -> None:
    publish_texts(web.stage)
    first = record_main(web, PDF + b"first")
    web.stage.clock.advance(hours=1)
    second = record_main(web, signed_on=date(2026, 11, 21))
    ewa = web.browser(EWA)
    assert "Mottatt" in words(ewa.get(path(web)))
    page = words(ewa.get(path(web, "hovedavtale")))
    assert "Berit Aas, kommunedirektør" in page
    assert page.index("21. november 2026") < page.index("20. november 2026")
    for agreement_id, copy in ((first, PDF + b"first"), (second, PDF)):
        answer = ewa.get(path(web, "hovedavtale", agreement_id, "kopi.pdf"))
        assert (answer.status_code, answer.content) == (200, copy)
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_an_administrator_signs_and_gets_the_sealed_pdf(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    assert "Ikke signert" in words(ewa.get(path(web)))
    result = to_provider(web, ewa)
    assert web.stage.login.asked_fresh
    answer = come_back(web, ewa)
    assert (answer.status_code, answer.headers["location"]) == (303, result)
    page = ewa.get(result)
    assert "Tjenesteavtalen er signert" in words(page)
    assert "Ewa Kowalska, Kommunedirektør" in words(page)
    [download] = re.findall(r'href="([^"]+/signert\.pdf)"', page.text)
    pdf = ewa.get(download)
    assert b"/ETSI.CAdES.detached" in pdf.content
    assert "signert.pdf" in pdf.headers["content-disposition"]
    [shown] = re.findall(r'href="([^"]+/vist\.pdf)"', page.text)
    assert ewa.get(shown).content == ewa.get(path(web, "tjenesteavtale", "tekst.pdf")).content
    listed = words(ewa.get(path(web)))
    assert "Signert" in listed
    assert "Signer tjenesteavtalen" not in listed


def test_the_login_that_signs_leaves_the_session_as_it_is(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    before = dict(ewa.http.cookies)
    to_provider(web, ewa)
    come_back(web, ewa)
    assert dict(ewa.http.cookies) == before
    assert ewa.get(path(web)).status_code == 200


def test_the_page_shows_what_is_signed_to_the_byte(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    page = ewa.get(path(web, "tjenesteavtale", "signering"))
    hidden = dict(_HIDDEN.findall(page.text))
    for said in ("Eksempel kommune, 310240001", "Ewa Kowalska", hidden["text_sha256"], hidden["document_sha256"]):
        assert said in words(page)


def test_without_confirmed_authority_nothing_begins_and_nothing_typed_is_lost(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    answer = confirm(web, ewa, authority="", role="Rådmann <&>")
    assert answer.status_code == 422
    assert "<title>Feil:" in answer.text
    assert "Bekreft at du har fullmakt til å signere for virksomheten." in words(answer)
    assert 'href="#authority"' in answer.text
    assert 'value="Rådmann &lt;&amp;&gt;"' in answer.text
    both = confirm(web, ewa, authority="", role="")
    assert 'href="#role"' in both.text
    again = confirm(web, ewa, role="")
    assert re.search(r'id="authority"[^>]* checked', again.text)


def test_a_text_published_while_the_page_was_open_is_shown_and_read_first(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    hidden = dict(_HIDDEN.findall(ewa.get(path(web, "tjenesteavtale", "signering")).text))
    texts.publish_agreement(web.stage.deps, AgreementKind.SERVICE, "1.1")
    answer = confirm(web, ewa, **hidden)
    assert answer.status_code == 409
    assert "er endret siden du åpnet den" in words(answer)
    assert not re.search(r'id="authority"[^>]* checked', answer.text), "the confirmation was of another document"


def test_the_answer_twice_leads_to_the_same_result(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    result = to_provider(web, ewa)
    assert [come_back(web, ewa).headers["location"] for _ in range(2)] == [result, result]
    assert "Tjenesteavtalen er signert" in words(ewa.get(result))


def test_a_signed_version_leads_back_from_the_form_to_the_agreement(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    hidden = dict(_HIDDEN.findall(ewa.get(path(web, "tjenesteavtale", "signering")).text))
    sign(web.stage)
    for answer in (
        ewa.get(path(web, "tjenesteavtale", "signering")),
        ewa.post(path(web, "tjenesteavtale", "signering"), hidden | {"role": "x", "authority": "on"}),
    ):
        assert (answer.status_code, answer.headers["location"]) == (303, path(web, "tjenesteavtale"))


def test_a_signer_who_returns_from_the_provider_can_continue_or_stop(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    result = to_provider(web, ewa)
    page = ewa.get(result)
    assert "Signeringen er ikke fullført" in words(page)
    assert f'href="{result}/innlogging"' in page.text
    assert ewa.get(f"{result}/innlogging").status_code == 200
    come_back(web, ewa)
    assert "Tjenesteavtalen er signert" in words(ewa.get(result))
    over = ewa.get(f"{result}/innlogging")
    assert (over.status_code, over.headers["location"]) == (303, result)


def test_the_version_that_is_signed_applies_until_the_new_one_is_signed(web: Web) -> None:
    publish_texts(web.stage)
    sign(web.stage)
    texts.publish_agreement(web.stage.deps, AgreementKind.SERVICE, "1.1")
    for page in (path(web), path(web, "tjenesteavtale")):
        said = words(web.browser(EWA).get(page))
        assert "Versjon 1.1 er publisert. Signer den før" in said
        assert "Versjon 1.0, som dere har signert, gjelder til dere har signert den nye. Dere kan dele som før." in said
        assert "Signer tjenesteavtalen" in said
    web.stage.clock.advance(days=GRACE.days)
    for page in (path(web), path(web, "tjenesteavtale")):
        said = words(web.browser(EWA).get(page))
        assert (
            "Versjon 1.0, som dere har signert, gjelder fortsatt, og åpne delinger er fortsatt tilgjengelige." in said
        )
        assert "Ingenting nytt kan deles før versjon 1.1 er signert." in said
        assert "Fristen er ute" in said
        assert "gjelder ikke" not in said
    sign(web.stage)
    assert "Du trenger ikke å gjøre noe." in words(web.browser(EWA).get(path(web)))


def test_the_main_agreement_may_be_signed_on_paper_or_electronically_as_it_says_itself(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    for page in (path(web), path(web, "hovedavtale")):
        assert "papir eller elektronisk" in words(ewa.get(page))


def refused(web: Web, ewa: Browser, result: str, said: str, **answer: str) -> None:
    assert come_back(web, ewa, **answer).headers["location"] == result
    page = ewa.get(result)
    assert "Ingenting er signert" in words(page)
    assert said in words(page)
    assert f'href="{path(web, "tjenesteavtale", "signering")}"' in page.text
    assert status.agreements_of(web.stage.deps, tenant_id=web.stage.tenant.id).services == ()


def test_a_cancelled_login_is_reported(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    refused(web, ewa, to_provider(web, ewa), "Du avbrøt innloggingen", error="access_denied")


def test_the_login_of_another_is_reported_with_what_to_do(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    result = to_provider(web, ewa)
    web.stage.login.person = SIV
    refused(web, ewa, result, "En annen enn du logget inn med ID-porten.")
    assert "må den personen logge inn her først" in words(ewa.get(result))


def test_a_login_that_was_not_a_fresh_one_is_reported(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    result = to_provider(web, ewa)
    web.stage.login.age = timedelta(minutes=5)
    refused(web, ewa, result, "ID-porten ba deg ikke om å logge inn på nytt")


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (LoginFailed("login_level"), "MinID er ikke nok"),
        (LoginFailed("login_refused"), "Innloggingen ble ikke fullført"),
    ],
    ids=["level", "refused"],
)
def test_a_login_that_fails_is_reported(web: Web, failure: LoginFailed, said: str) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    result = to_provider(web, ewa)
    web.stage.login.failure = failure
    refused(web, ewa, result, said)


def test_a_failure_at_the_provider_is_reported_and_logged_without_ids(
    web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    result = to_provider(web, ewa)
    web.stage.login.failure = Unavailable("login_unavailable", detail="idporten: ReadTimeout")
    with caplog.at_level(logging.ERROR, "deldokument.web"):
        refused(web, ewa, result, "Vi får ikke svar fra ID-porten akkurat nå")
    assert "idporten: ReadTimeout" in caplog.text
    assert web.stage.tenant.id not in caplog.text


def test_a_signer_who_returns_too_late_starts_again(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    result = to_provider(web, ewa)
    web.stage.clock.advance(minutes=16)
    refused(web, ewa, result, "Det gikk mer enn 15 minutter")


def test_while_another_answer_is_being_worked_on_the_page_says_so(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    result = to_provider(web, ewa)
    with web.stage.deps.database.write() as tx:
        assert tx.agreements.take_intent(result.rpartition("/")[2], web.stage.clock.now())
    assert "Signaturen blir laget" in words(ewa.get(result))


def test_an_answer_in_another_browser_signs_nothing_and_spoils_nothing(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    result = to_provider(web, ewa)
    state = f"state-{web.stage.login.begun}"
    for other in (web.browser(), web.browser(EWA), web.browser(SIV)):
        answer = come_back(web, other, state=state)
        assert answer.status_code == 403
        assert "i en annen nettleser" in words(answer)
    web.stage.login.person = EWA
    assert come_back(web, ewa, state=state).headers["location"] == result
    assert "Tjenesteavtalen er signert" in words(ewa.get(result))


def test_a_new_version_asks_for_a_signature_and_shows_in_words_what_changed(web: Web) -> None:
    publish_texts(web.stage)
    sign(web.stage)
    web.stage.clock.advance(days=1)
    texts.publish_agreement(web.stage.deps, AgreementKind.SERVICE, "1.1")
    ewa = web.browser(EWA)
    overview = words(ewa.get(path(web)))
    assert "Ny versjon å signere" in overview
    assert "Versjon 1.1 er publisert. Signer den før tirsdag 23. februar 2027" in overview
    page = ewa.get(path(web, "tjenesteavtale", "endringer"))
    text = words(page)
    assert "Fjernet 1.1 Avtalen gjelder til den blir sagt opp." in text
    assert "Lagt til 1.1 Avtalen gjelder i to år." in text
    assert "Lagt til 1.2 Den kan fornyes." in text
    assert "Lagt til Svar – 2 timer" in text
    assert "3 avsnitt som før" in text
    assert "<ins>" in page.text
    assert "<del>" in page.text
    to_provider(web, ewa)
    come_back(web, ewa)
    assert "Du trenger ikke å gjøre noe." in words(ewa.get(path(web)))
    assert "Versjon 1.0" in words(ewa.get(path(web)))
    assert "Ingen avsnitt er endret." in words(ewa.get(path(web, "tjenesteavtale", "endringer")))


def test_without_a_signature_there_is_no_page_of_changes(web: Web) -> None:
    publish_texts(web.stage)
    assert web.browser(EWA).get(path(web, "tjenesteavtale", "endringer")).status_code == 404


def test_papers_and_pages_are_for_the_tenants_administrators_alone(web: Web) -> None:
    publish_texts(web.stage)
    main = record_main(web)
    intent_id = sign(web.stage)
    service = status.agreements_of(web.stage.deps, tenant_id=web.stage.tenant.id).services[0].agreement.id
    below = [
        (),
        ("hovedavtale",),
        ("hovedavtale", "tekst.pdf"),
        ("hovedavtale", main, "kopi.pdf"),
        ("tjenesteavtale",),
        ("tjenesteavtale", "tekst.pdf"),
        ("tjenesteavtale", "signering"),
        ("tjenesteavtale", "signering", intent_id),
        ("tjenesteavtale", "signering", intent_id, "innlogging"),
        ("tjenesteavtale", service, "signert.pdf"),
        ("tjenesteavtale", service, "vist.pdf"),
    ]
    with web.stage.deps.database.read() as tx:
        other = existing(tx.tenants.by_number("213640003"))
    add_administrator(web.stage.deps, tenant_id=other.id, number=VIGDIS, name="Vigdis Myhre")
    vigdis, kari, nobody = web.browser(VIGDIS), web.browser(KARI), web.browser()
    for parts in below:
        assert kari.get(path(web, *parts)).status_code == 404
        assert vigdis.get(path(web, *parts)).status_code == 404
        assert nobody.get(path(web, *parts)).headers["location"].startswith("/logg-inn")
    # The page of one tenant contains nothing of another.
    for parts in (("hovedavtale", main, "kopi.pdf"), ("tjenesteavtale", service, "signert.pdf")):
        assert vigdis.get("/".join(("/konfigurasjon", other.id, "avtaler", *parts))).status_code == 404
    assert vigdis.post(path(web, "tjenesteavtale", "signering")).status_code == 404


def test_a_confirmation_without_the_pages_token_is_refused(web: Web) -> None:
    publish_texts(web.stage)
    ewa = web.browser(EWA)
    hidden = dict(_HIDDEN.findall(ewa.get(path(web, "tjenesteavtale", "signering")).text))
    given = hidden | {"role": "x", "authority": "on", "csrf_token": "another"}
    assert ewa.request("POST", path(web, "tjenesteavtale", "signering"), data=given).status_code == 403
    with web.stage.deps.database.write() as tx:
        assert tx.agreements.forget_intents(NOON + timedelta(days=9)) == 0
