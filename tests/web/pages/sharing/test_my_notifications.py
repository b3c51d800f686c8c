"""«Varsler til meg»: an address is entered, confirmed and removed by its own person, and shown to nobody else."""

import dataclasses
import re
from html import unescape

import pytest

from deldokument.domain.messages.outbox import refuse
from deldokument.services.accounts import members
from tests.support.browser import EWA, Browser, Web, serve
from tests.support.stage.emails import deliver, mailed_code
from tests.support.stage.stage import KARI, ODD, OLA, SIV

AT_WORK = "kari.lunde@eksempel.example"
LINES = {"/varsler/adresse": "email", "/varsler/kode": "code", "/varsler/valg": "language", "/varsler/fjerning": "x"}


@pytest.fixture
def kari(web: Web) -> Browser:
    return web.browser(KARI)


def page(browser: Browser, path: str = "/varsler") -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return unescape(answer.text)


def settle(web: Web, browser: Browser, address: str = AT_WORK) -> None:
    """The person has confirmed the address."""
    browser.post("/varsler/adresse", {"email": address})
    deliver(web.stage)
    answer = browser.post("/varsler/kode", {"code": mailed_code(web.stage)})
    assert answer.headers["location"] == "/varsler?gjort=bekreftet"


def test_an_address_is_entered_and_confirmed(web: Web, kari: Browser) -> None:
    assert "Send meg en kode" in page(kari)
    answer = kari.post("/varsler/adresse", {"email": f" {AT_WORK} "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/varsler?gjort=sendt")
    sent = page(kari, answer.headers["location"])
    assert "Vi har sendt deg en kode." in sent
    assert AT_WORK in sent
    deliver(web.stage)
    done = kari.post("/varsler/kode", {"code": mailed_code(web.stage)})
    confirmed = page(kari, done.headers["location"])
    assert "Adressen er bekreftet." in confirmed
    assert "Bekreftet" in confirmed
    assert 'name="code"' not in confirmed


def test_the_page_of_a_new_share_offers_notices_until_its_sharer_has_them(web: Web, kari: Browser) -> None:
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    shared = f"/delinger/{web.stage.publish(OLA)}/delt"
    offer, has = f'href="/varsler?neste={shared}"', f"Du får e-post til {AT_WORK} når en mottaker har hentet noe."
    assert offer in page(kari, shared)
    assert offer not in page(web.browser(ODD), shared), "the e-mail goes to the person who shared"
    asked = page(kari, f"/varsler?neste={shared}")
    assert f'<p class="back"><a class="ds-link" href="{shared}">' in asked
    sent = kari.post("/varsler/adresse", {"email": AT_WORK, "neste": shared})
    assert sent.headers["location"] == f"/varsler?gjort=sendt&neste={shared}"
    assert offer in page(kari, shared), "the address is not confirmed yet"
    deliver(web.stage)
    done = kari.post("/varsler/kode", {"code": mailed_code(web.stage), "neste": shared})
    assert done.headers["location"] == shared
    confirmed = page(kari, shared)
    assert has in confirmed
    assert offer not in confirmed


def test_notices_that_were_turned_off_are_offered_again(web: Web, kari: Browser) -> None:
    settle(web, kari)
    kari.post("/varsler/valg", {"language": "nb"})
    shared = f"/delinger/{web.stage.publish(OLA)}/delt"
    assert f'href="/varsler?neste={shared}"' in page(kari, shared)
    assert not _is_ticked(page(kari), "downloaded")
    assert _is_ticked(page(kari, f"/varsler?neste={shared}"), "downloaded")
    saved = kari.post("/varsler/valg", {"downloaded": "on", "language": "nb", "neste": shared})
    assert saved.headers["location"] == shared
    assert f"Du får e-post til {AT_WORK}" in page(kari, shared)


@pytest.mark.parametrize("path", ["https://evil.example/delinger/x/delt", "//evil.example", "/logg-ut", "/delinger/x"])
def test_no_link_makes_the_page_lead_elsewhere_than_to_a_share(kari: Browser, path: str) -> None:
    assert 'class="back"' not in page(kari, f"/varsler?neste={path}")
    saved = kari.post("/varsler/valg", {"language": "nb", "neste": path})
    assert saved.headers["location"] == "/varsler?gjort=lagret"


def test_without_a_mail_server_a_new_share_offers_no_notices(web: Web) -> None:
    web.stage.deps = dataclasses.replace(web.stage.deps, mail=None)
    served = serve(web.stage)
    shared = page(served.browser(KARI), f"/delinger/{web.stage.publish(OLA)}/delt")
    served.close()
    assert "/varsler" not in shared.partition("<main")[2]


def test_a_malformed_address_is_reported_at_its_field(web: Web, kari: Browser) -> None:
    answer = kari.post("/varsler/adresse", {"email": "kari"})
    assert answer.status_code == 422
    assert '<a class="ds-link" href="#email">' in answer.text
    assert 'value="kari"' in answer.text
    assert "Feil:" in answer.text
    assert web.stage.mail.letters == []


def test_a_wrong_code_is_reported_with_the_remaining_tries(kari: Browser) -> None:
    kari.post("/varsler/adresse", {"email": AT_WORK})
    answer = kari.post("/varsler/kode", {"code": "feil"})
    assert answer.status_code == 422
    assert "Feil kode. Du har 4 forsøk igjen." in answer.text
    assert AT_WORK in answer.text


def test_an_address_that_the_mail_server_refuses_is_reported(web: Web, kari: Browser) -> None:
    web.stage.mail.outcome = refuse("smtp_recipient_550")
    kari.post("/varsler/adresse", {"email": AT_WORK})
    deliver(web.stage)
    shown = page(kari, "/varsler?gjort=sendt")
    assert "E-posttjeneren avviste:" in shown
    assert "Vi har sendt deg en kode." not in shown
    assert 'name="code"' not in shown


def test_an_expired_code_is_reported(web: Web, kari: Browser) -> None:
    kari.post("/varsler/adresse", {"email": AT_WORK})
    deliver(web.stage)
    web.stage.clock.advance(minutes=29)
    page(kari)
    web.stage.clock.advance(minutes=1)
    answer = kari.post("/varsler/kode", {"code": mailed_code(web.stage)})
    assert answer.status_code == 409
    assert "Koden kan ikke brukes lenger. Be om en ny." in answer.text
    assert AT_WORK not in answer.text


def test_too_many_codes_are_reported(kari: Browser) -> None:
    for number in range(5):
        assert kari.post("/varsler/adresse", {"email": f"a{number}@eksempel.example"}).status_code == 303
    answer = kari.post("/varsler/adresse", {"email": AT_WORK})
    assert answer.status_code == 409
    assert "Du har bedt om 5 koder på et døgn." in answer.text


def test_choices_are_kept(kari: Browser) -> None:
    answer = kari.post("/varsler/valg", {"ending": "on", "language": "en"})
    assert "Endringene er lagret." in page(kari, answer.headers["location"])
    shown = page(kari)
    assert [name for name in ("downloaded", "ending", "approval") if _is_ticked(shown, name)] == ["ending"]
    assert '<option value="en" selected>' in shown


def test_a_choice_that_is_not_offered_stays_as_it_was(web: Web, kari: Browser) -> None:
    ewa = web.browser(EWA)
    assert 'id="signature"' not in page(kari)
    assert 'id="downloaded"' not in page(ewa)
    web.stage.add(EWA, "Ewa Kowalska", web.stage.byggesak)
    ewa.post("/varsler/valg", {"ending": "on", "language": "nb"})
    web.stage.members["ewa"] = _member_id(web, EWA)
    web.stage.remove("ewa")
    ewa.post("/varsler/valg", {"signature": "on", "language": "nb"})
    web.stage.add(EWA, "Ewa Kowalska", web.stage.byggesak)
    shown = page(ewa)
    ticked = [name for name in ("downloaded", "ending", "approval", "signature") if _is_ticked(shown, name)]
    assert ticked == ["ending", "signature"]


def _member_id(web: Web, number: str) -> str:
    """The person's membership in «Byggesak»."""
    stage = web.stage
    found = members.find_member(stage.deps, tenant_id=stage.tenant.id, account_id=stage.byggesak.id, number=number)
    assert found
    return found.id


def _is_ticked(shown: str, name: str) -> bool:
    found = re.search(rf'<input[^>]*id="{name}"[^>]*>', shown)
    assert found
    return " checked" in found.group()


def test_a_language_that_there_is_not_is_refused(kari: Browser) -> None:
    answer = kari.post("/varsler/valg", {"language": "tlh"})
    assert answer.status_code == 422
    assert 'href="#language"' in answer.text


def test_letters_come_in_the_language_of_the_page_until_another_is_chosen(web: Web, kari: Browser) -> None:
    kari.get("/sprak/nn")
    assert '<option value="nn" selected>' in page(kari)
    kari.post("/varsler/adresse", {"email": AT_WORK})
    deliver(web.stage)
    assert web.stage.mail.letters[-1].subject == "Kode frå Del dokument"


def test_an_address_is_removed(web: Web, kari: Browser) -> None:
    settle(web, kari)
    answer = kari.post("/varsler/fjerning")
    assert "Adressen er fjernet." in page(kari, answer.headers["location"])
    assert AT_WORK not in page(kari)


def test_an_address_is_shown_to_its_own_person_alone(web: Web, kari: Browser) -> None:
    settle(web, kari)
    for other in (web.browser(ODD), web.browser(EWA)):
        for path in ("/varsler", "/", "/delinger", "/konfigurasjon", f"/konfigurasjon/{web.stage.tenant.id}/kontoer"):
            assert "kari.lunde@" not in other.get(path).text


def test_two_persons_with_one_address_learn_nothing_of_each_other(web: Web, kari: Browser) -> None:
    settle(web, kari)
    odd = web.browser(ODD)
    first = odd.post("/varsler/adresse", {"email": AT_WORK})
    second = odd.post("/varsler/adresse", {"email": "ny@eksempel.example"})
    assert (first.status_code, first.headers["location"]) == (second.status_code, second.headers["location"])


def test_the_link_in_a_letter_leads_to_the_login(web: Web, kari: Browser) -> None:
    kari.post("/varsler/adresse", {"email": AT_WORK})
    deliver(web.stage)
    [link] = re.findall(r"https://\S+", web.stage.mail.letters[-1].text)
    answer = web.browser().get(link.removeprefix("https://del.example"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/logg-inn?neste=/varsler")


@pytest.mark.parametrize("path", LINES)
def test_nothing_is_changed_by_another_site(web: Web, kari: Browser, path: str) -> None:
    settle(web, kari)
    answer = kari.request("POST", path, data={LINES[path]: "en"}, headers={"Origin": "https://ond.example"})
    assert answer.status_code == 403
    assert AT_WORK in page(kari)
    assert _is_ticked(page(kari), "downloaded")


@pytest.mark.parametrize("who", [OLA, SIV])
def test_a_person_who_neither_shares_nor_administers_has_no_such_page(web: Web, who: str) -> None:
    stranger = web.browser(who)
    assert stranger.get("/varsler").status_code == 404
    assert stranger.post("/varsler/adresse", {"email": AT_WORK}).status_code == 404
    assert stranger.post("/varsler/kode", {"code": "1"}).status_code == 404
    assert stranger.post("/varsler/valg", {"language": "nb"}).status_code == 404
    assert stranger.post("/varsler/fjerning").status_code == 404
    assert "/varsler" not in stranger.get("/mine").text
    assert web.stage.mail.letters == []


def test_the_front_page_links_to_the_notices_page(web: Web, kari: Browser) -> None:
    assert 'href="/varsler"' in page(kari, "/")
    assert 'href="/varsler"' in page(web.browser(EWA), "/")


def test_without_a_mail_server_there_is_no_such_page(web: Web) -> None:
    web.stage.deps = dataclasses.replace(web.stage.deps, mail=None)
    silent = serve(web.stage)
    kari = silent.browser(KARI)
    assert kari.get("/varsler").status_code == 404
    assert 'href="/varsler"' not in kari.get("/").text
    silent.close()


@pytest.mark.parametrize("query", ["?gjort=", "?gjort=tull", "?gjort=sendt", "?gjort=<script>"])
def test_an_address_in_the_browser_makes_the_page_say_nothing_untrue(kari: Browser, query: str) -> None:
    assert "ds-alert" not in page(kari, f"/varsler{query}")
