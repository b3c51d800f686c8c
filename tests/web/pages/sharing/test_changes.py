"""«Endre delingen»: errors are corrected, and a recipient is removed after a page that states the consequences."""

import re
from datetime import timedelta

import pytest

from tests.support.browser import Web
from tests.support.bulk.sample_files import text_of
from tests.support.stage.accounts import set_account, set_rules
from tests.support.stage.stage import KARI, ODD, OLA, PER, SIV

TEXTS = {"title": "Vedtak", "message": "Hei", "reference": "26/1", "confidential": "yes"}


@pytest.fixture
def share_id(web: Web) -> str:
    return web.stage.publish(OLA, SIV, title="Vedtk", message="Hei", reference="26/1")


def recipient_path(web: Web, share_id: str) -> str:
    with web.stage.deps.database.read() as tx:
        return f"/delinger/{share_id}/mottakere/{tx.shares.recipients([share_id])[0].id}"


def read_aloud(page: str) -> str:
    """The words of a page, one space apart."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def removal(path: str) -> str:
    return path.replace("/mottakere/", "/fjerning/")


def test_the_texts_are_filled_in_and_corrected(web: Web, share_id: str) -> None:
    kari = web.browser(KARI)
    assert f'href="/delinger/{share_id}/endring"' in kari.get(f"/delinger/{share_id}").text
    form = kari.get(f"/delinger/{share_id}/endring").text
    assert 'value="Vedtk"' in form
    answer = kari.post(f"/delinger/{share_id}/endring", TEXTS | {"confidential": "no"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/delinger/{share_id}?lagret=rettet")
    page = kari.get(answer.headers["location"]).text
    for words in (
        "Endringene er lagret",
        "Vedtak</h1>",
        "Tekstene i delingen ble rettet",
        "ikke lenger merket som tau",
    ):
        assert words in page, words


def test_a_wrong_text_stays_in_the_form(web: Web, share_id: str) -> None:
    answer = web.browser(KARI).post(f"/delinger/{share_id}/endring", TEXTS | {"title": "y" * 201, "reference": "26/7"})
    assert answer.status_code == 422
    assert "y" * 201 in answer.text
    assert 'value="26/7"' in answer.text
    assert 'href="#title"' in answer.text


def test_another_member_approves_what_recipients_see(web: Web, share_id: str) -> None:
    set_rules(web.stage, web.stage.byggesak, four_eyes=True)
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    kari, odd = web.browser(KARI), web.browser(ODD)
    proposed = kari.post(f"/delinger/{share_id}/endring", TEXTS | {"message": "Hei igjen"})
    assert proposed.headers["location"].endswith("?lagret=foreslatt")
    assert "Tittel Fra Vedtk Til Vedtak" in read_aloud(kari.get(f"/delinger/{share_id}").text)
    assert "Endringen er foreslått. Til den er godkjent" in kari.get(proposed.headers["location"]).text
    assert "Kari Lunde foreslo en endring" in odd.get("/delinger").text
    for form in ("endring", "mottakere", "dokumenter"):
        assert "En endring du har foreslått, venter på godkjenning." in kari.get(f"/delinger/{share_id}/{form}").text, (
            form
        )
    page = odd.get(f"/delinger/{share_id}").text
    for old_and_new in ("Tittel Fra Vedtk Til Vedtak", "Melding Fra Hei Til Hei igjen"):
        assert old_and_new in read_aloud(page), old_and_new
    [seen] = re.findall(r'name="seen" value="([^"]+)"', page)
    wrong = odd.post(f"/delinger/{share_id}/endring/godkjenning", {"seen": "feil"})
    assert wrong.status_code == 409
    approved = odd.post(f"/delinger/{share_id}/endring/godkjenning", {"seen": seen})
    assert approved.headers["location"].endswith("?lagret=endring-godkjent")
    assert "Vedtak</h1>" in odd.get(approved.headers["location"]).text
    kari.post(f"/delinger/{share_id}/endring", TEXTS | {"title": "Nytt"})
    wrong = odd.post(f"/delinger/{share_id}/retur", {"return-reason": "y" * 501})
    assert (wrong.status_code, "y" * 501 in wrong.text, 'href="#return-reason"' in wrong.text) == (422, True, True)
    kept = odd.post(f"/delinger/{share_id}/retur", {"return-reason": "Den gamle er riktig"})
    assert "Delingen blir som den er" in odd.get(kept.headers["location"]).text
    page = kari.get(f"/delinger/{share_id}").text
    for words in ("Odd Bakken sa nei til det som ble foreslått", "Den gamle er riktig"):
        assert words in page, words


@pytest.mark.parametrize(
    ("language", "title", "secrecy"),
    [
        ("nb", "Tittel Fra Vedtk Til Ikke oppgitt", "Taushetsbelagt innhold Fra Ja Til Nei"),
        ("nn", "Tittel Frå Vedtk Til Ikkje oppgitt", "Innhald som er underlagt teieplikt Frå Ja Til Nei"),
        ("en", "Title From Vedtk To Not given", "Confidential content From Yes To No"),
    ],
)
def test_nobody_approves_a_new_value_without_the_present_one(
    web: Web, share_id: str, language: str, title: str, secrecy: str
) -> None:
    set_rules(web.stage, web.stage.byggesak, four_eyes=True)
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    web.browser(KARI).post(f"/delinger/{share_id}/endring", TEXTS | {"title": "", "confidential": "no"})
    odd = web.browser(ODD)
    odd.http.cookies.set("spraak", language)
    page = read_aloud(odd.get(f"/delinger/{share_id}").text)
    for old_and_new in (title, secrecy):
        assert old_and_new in page, old_and_new


@pytest.mark.parametrize("how", ["withdrawn", "ended", "stopped"])
def test_the_input_stays_when_the_share_has_ended_or_is_stopped_meanwhile(web: Web, share_id: str, how: str) -> None:
    kari, labelled = web.browser(KARI), recipient_path(web, share_id)
    if how == "withdrawn":
        kari.post(f"/delinger/{share_id}/tilbaketrekking")
    elif how == "ended":
        web.stage.clock.advance(days=40)
        kari = web.browser(KARI)
    else:
        set_account(web.stage, web.stage.byggesak, frozen_at=web.stage.clock.now())
    for path, typed in (
        (f"/delinger/{share_id}/endring", TEXTS | {"title": "Skrevet nå"}),
        (labelled, {"label": "Skrevet nå"}),
        (f"/delinger/{share_id}/mottakere", {"number": PER, "label": "Skrevet nå", "confirmed": "on"}),
    ):
        answer = kari.post(path, typed)
        assert answer.status_code == (403 if how == "stopped" else 409), path
        assert 'value="Skrevet nå"' in answer.text, path
        assert "Ingenting er lagret" in answer.text, path
        assert "Det lot seg ikke gjøre" in answer.text, path
        assert ("delingen er avsluttet" in answer.text.lower()) == (how != "stopped"), path
        for button in ("Lagre endringene", "Lagre merkelappen", "Legg til mottakeren"):
            assert f"{button}</button>" not in answer.text, path


def test_a_recipient_is_added_when_the_number_is_checked(web: Web, share_id: str) -> None:
    kari, path = web.browser(KARI), f"/delinger/{share_id}/mottakere"
    assert f'href="{path}"' in kari.get(f"/delinger/{share_id}").text
    assert kari.get(path).status_code == 200
    for typed, marked in (({"number": PER}, "confirmed"), ({"number": "123"}, "number")):
        answer = kari.post(path, typed)
        assert answer.status_code == 422
        assert f'href="#{marked}"' in answer.text
        assert f'value="{typed["number"]}"' in answer.text
    assert "Bekreft at du har kontrollert nummeret." in kari.post(path, {"number": PER}).text
    added = kari.post(path, {"number": PER, "label": "advokat", "confirmed": "on"})
    assert "Mottakeren er lagt til" in kari.get(added.headers["location"]).text
    again = kari.post(path, {"number": PER, "confirmed": "on"})
    assert "Mottakeren er allerede med i delingen" in kari.get(again.headers["location"]).text


def test_a_recipient_gets_a_description_and_is_removed(web: Web, share_id: str) -> None:
    kari, path = web.browser(KARI), recipient_path(web, share_id)
    for page in (f"/delinger/{share_id}", f"/delinger/{share_id}/feil-mottaker"):
        assert f'href="{path}"' in kari.get(page).text
    assert kari.post(path, {"label": "søker"}).status_code == 303
    assert 'value="søker"' in kari.get(path).text
    wrong = kari.post(path, {"label": "y" * 101})
    assert (wrong.status_code, "y" * 101 in wrong.text) == (422, True)
    answer = kari.post(removal(path))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/delinger/{share_id}?lagret=fjernet")
    page = kari.get(answer.headers["location"]).text
    for words in ("Mottakeren er fjernet", "Fjernede mottakere", "En mottaker ble fjernet"):
        assert words in page, words
    assert kari.get(path).status_code == 404


def test_the_only_recipient_is_not_removed(web: Web, share_id: str) -> None:
    kari = web.browser(KARI)
    kari.post(removal(recipient_path(web, share_id)))
    path = recipient_path(web, share_id)
    page = kari.get(path).text
    assert "Dette er den eneste mottakeren" in page
    assert "/fjerning" not in page
    assert kari.post(removal(path)).status_code == 409


def test_a_document_is_removed_after_a_page_that_says_what_follows(web: Web) -> None:
    share_id = web.stage.publish(OLA, also=["kart.pdf"])
    kari, (first, second) = web.browser(KARI), web.stage.document_ids(share_id)
    paths = [f"/delinger/{share_id}/dokumenter/{one}/fjerning" for one in (first, second)]
    assert f'href="{paths[0]}"' in kari.get(f"/delinger/{share_id}").text
    page = kari.get(paths[0]).text
    assert ("vedtak.pdf" in page, "nedlastinger av det blir brutt" in page) == (True, True)
    answer = kari.post(paths[0])
    assert (answer.status_code, answer.headers["location"]) == (303, f"/delinger/{share_id}?lagret=dokument-fjernet")
    page = kari.get(answer.headers["location"]).text
    for words in ("Dokumentet er fjernet", "Fjernede dokumenter", "Et dokument ble fjernet"):
        assert words in page, words
    assert kari.get(paths[0]).status_code == 404
    assert "Dette er det eneste dokumentet" in kari.get(paths[1]).text
    assert kari.post(paths[1]).status_code == 409
    words = " ".join(text_of(kari.get(f"/delinger/{share_id}/rapport.pdf").content).split())
    assert "vedtak.pdf, fjernet tirsdag 24. november" in words


def test_the_author_sees_whole_numbers_while_the_publication_can_be_undone_and_after_it_was(web: Web) -> None:
    set_rules(web.stage, web.stage.byggesak, undo_window=timedelta(minutes=2))
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    kari, odd, (share_id, late) = web.browser(KARI), web.browser(ODD), (web.stage.publish(OLA) for _ in range(2))
    whole = f"{OLA[:6]} {OLA[6:]}"
    page = kari.get(f"/delinger/{share_id}/delt").text
    assert "Se gjennom numrene en gang til" in page
    assert page.index("/angring") < page.index(whole) < page.index("Kopier lenken"), "beside the button"
    assert whole not in odd.get(f"/delinger/{share_id}/delt").text
    undone = kari.get(kari.post(f"/delinger/{share_id}/angring").headers["location"])
    assert ("Kontroller numrene på nytt" in undone.text, whole in undone.text) == (True, False)
    form = kari.get(f"/del?utkast={share_id}").text
    assert (OLA in form, '"confirmed": true' in form) == (True, False)
    assert OLA not in odd.get(f"/del?utkast={share_id}").text
    web.stage.clock.advance(minutes=2)
    page = kari.get(f"/delinger/{late}/delt").text
    assert (whole in page, "Se gjennom numrene en gang til" in page) == (False, False)


def test_a_publication_is_undone_on_the_share_and_right_after_it(web: Web) -> None:
    set_rules(web.stage, web.stage.byggesak, undo_window=timedelta(minutes=2))
    kari, (unopened, opened) = web.browser(KARI), (web.stage.publish(OLA) for _ in range(2))
    for path in (f"/delinger/{unopened}", f"/delinger/{unopened}/delt"):
        page = kari.get(path).text
        assert re.search("Du kan angre til <time [^>]+>tirsdag 24. november kl. 13.02</time>", page)
        assert f'action="/delinger/{unopened}/angring"' in page
        assert "Ingen har åpnet delingen ennå. Angrer du nå, blir den et utkast igjen." in page
    undone = kari.post(f"/delinger/{unopened}/angring")
    assert "Delingen er et utkast igjen" in kari.get(undone.headers["location"]).text
    web.browser(OLA).get(f"/d/{opened}")
    for path in (f"/delinger/{opened}", f"/delinger/{opened}/delt"):
        page = kari.get(path).text
        assert "1 mottaker har åpnet delingen. Angrer du nå, blir den trukket tilbake" in page
        assert "Angre og trekk tilbake" in page
    withdrawn = kari.get(kari.post(f"/delinger/{opened}/angring").headers["location"]).text
    for words in ("Delingen ble åpnet før du angret", "Den ble åpnet av", '<li><span class="number nowrap">218794'):
        assert words in withdrawn, words
    late = web.stage.publish(OLA)
    web.stage.clock.advance(minutes=2)
    assert "/angring" not in kari.get(f"/delinger/{late}").text
    answer = kari.post(f"/delinger/{late}/angring")
    assert (answer.status_code, "for sent å angre" in answer.text) == (409, True)


def test_the_pages_say_who_must_approve_what_lets_in(web: Web, share_id: str) -> None:
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    kari, odd = web.browser(KARI), web.browser(ODD)
    for form in ("mottakere", "dokumenter", "endring"):
        assert "Kari Lunde, som delte, må godkjenne det." in odd.get(f"/delinger/{share_id}/{form}").text, form
        assert "må godkjenne det" not in kari.get(f"/delinger/{share_id}/{form}").text, form
    answer = odd.post(f"/delinger/{share_id}/endring", TEXTS | {"confidential": "no"})
    assert "Kari Lunde, som delte, må godkjenne det." in odd.get(answer.headers["location"]).text
    approval = f'action="/delinger/{share_id}/endring/godkjenning"'
    assert (approval in odd.get(f"/delinger/{share_id}").text, approval in kari.get(f"/delinger/{share_id}").text) == (
        False,
        True,
    )
    web.stage.remove("kari")
    later = web.stage.add(SIV, "Siv Dahl", web.stage.byggesak)
    assert later
    page = web.browser(SIV).get(f"/delinger/{share_id}").text
    assert "En annen, som var bruker på kontoen før det ble delt, må godkjenne det." in page
    assert approval not in page
