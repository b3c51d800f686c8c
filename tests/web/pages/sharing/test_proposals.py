"""Four eyes in the browser: the proposer sees the next step, the second member reviews and decides."""

import re

import httpx
import pytest

from deldokument.domain.errors import existing
from deldokument.domain.shares.share import ShareState
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from tests.support.browser import Browser, Web
from tests.support.stage.accounts import set_rules
from tests.support.stage.changes import change_expiry
from tests.support.stage.stage import FJELL, KARI, ODD, OLA, SIV, VIGDIS, Stage, person

WAITS = "Venter på godkjenning"


@pytest.fixture(autouse=True)
def four_eyes(web: Web) -> None:
    """Byggesak wants four eyes, and Kari has Odd to ask there."""
    web.stage.members["odd-byggesak"] = web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    set_rules(web.stage, web.stage.byggesak, four_eyes=True)


@pytest.fixture
def kari(web: Web) -> Browser:
    return web.browser(KARI)


@pytest.fixture
def odd(web: Web) -> Browser:
    return web.browser(ODD)


def ready(stage: Stage, **words: object) -> str:
    """A draft of Kari's that lacks nothing."""
    draft = stage.draft()
    given = {"title": "Vedtak", "message": "Hei Ola", "reference": "26/7"} | words
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words(**given))
    stage.add_recipients(draft.id, OLA, FJELL)
    stage.upload(draft.id, "vedtak.pdf", b"innhold")
    return draft.id


@pytest.fixture
def proposed(web: Web, kari: Browser) -> str:
    share_id = ready(web.stage)
    assert send(kari, share_id) == f"/delinger/{share_id}/godkjenning"
    web.stage.clock.advance(minutes=1)
    return share_id


def send(browser: Browser, share_id: str) -> str:
    """Press the button of the form; where it leads."""
    answer = browser.call("POST", f"/del/utkast/{share_id}/publisering")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["location"])


def seen(page: httpx.Response) -> dict[str, str]:
    """What the approval form of a page carries."""
    found = re.search(r'name="seen" value="([^"]+)"', page.text)
    assert found, page.text
    return {"seen": found[1]}


def state(web: Web, share_id: str) -> tuple[ShareState, bool]:
    """Where it is, and whether it waits for approval."""
    with web.stage.deps.database.read() as tx:
        share = existing(tx.shares.get(share_id))
    return share.state, share.proposed_by is not None


DRAFT, PROPOSED, SHARED = (ShareState.DRAFT, False), (ShareState.DRAFT, True), (ShareState.AVAILABLE, True)


def test_the_proposer_sees_what_happens_and_is_offered_no_approval(web: Web, kari: Browser, proposed: str) -> None:
    page = kari.get(f"/delinger/{proposed}/godkjenning")
    assert page.status_code == 200
    assert "Sendt til godkjenning" in page.text
    assert f"https://del.example/delinger/{proposed}/godkjenning" in page.text
    assert "1. desember" in page.text
    assert "Godkjenn og del" not in page.text
    assert "eneste brukeren" not in page.text
    assert state(web, proposed) == PROPOSED


def test_a_proposer_with_nobody_to_ask_sees_that(web: Web, kari: Browser, proposed: str) -> None:
    web.stage.remove("odd-byggesak")
    assert "Du er den eneste brukeren på Byggesak" in kari.get(f"/delinger/{proposed}/godkjenning").text


def test_the_approver_sees_all_there_is_to_check_with_numbers_masked(odd: Browser, proposed: str) -> None:
    page = odd.get(f"/delinger/{proposed}/godkjenning").text
    for shown in (
        "Kari Lunde", "218794 *****", "FJELL AS", "312 824 450", "vedtak.pdf", "7\u00a0byte", "Vedtak", "Hei Ola",
        "Byggesak", "26/7", "4. desember", "Godkjenn og del", "Send tilbake",
    ):  # fmt: skip
        assert shown in page
    assert OLA not in page


def test_a_proposal_is_listed_as_waiting_for_others_but_not_for_its_proposer(
    kari: Browser, odd: Browser, proposed: str
) -> None:
    waiting = odd.get("/delinger").text.split("Resten")[0]
    assert "Venter på deg" in waiting
    assert WAITS in waiting
    assert f"/delinger/{proposed}/godkjenning" in waiting
    mine = kari.get("/delinger").text
    assert "Venter på deg" not in mine
    assert WAITS in mine


def test_the_second_member_shares_it_and_gets_the_link(web: Web, odd: Browser, proposed: str) -> None:
    form = seen(odd.get(f"/delinger/{proposed}/godkjenning"))
    answer = odd.post(f"/delinger/{proposed}/godkjenning", form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/delinger/{proposed}/delt")
    assert f"https://del.example/d/{proposed}" in odd.get(answer.headers["location"]).text
    assert state(web, proposed) == SHARED
    # The same form once more, from a double click or the back button.
    assert odd.post(f"/delinger/{proposed}/godkjenning", form).headers["location"] == f"/delinger/{proposed}/delt"
    assert odd.get(f"/delinger/{proposed}/godkjenning").headers["location"] == f"/delinger/{proposed}"
    page = odd.get(f"/delinger/{proposed}").text
    assert page.count("En annen bruker godkjente") == 1


def test_a_direct_post_by_the_proposer_approves_nothing(web: Web, kari: Browser, odd: Browser, proposed: str) -> None:
    form = seen(odd.get(f"/delinger/{proposed}/godkjenning"))
    answer = kari.post(f"/delinger/{proposed}/godkjenning", form)
    assert answer.status_code == 409
    assert "Du har selv bedt om godkjenningen" in answer.text
    assert send(kari, proposed) == f"/delinger/{proposed}/godkjenning"
    assert state(web, proposed) == PROPOSED


@pytest.mark.parametrize("who", [SIV, OLA, VIGDIS])
def test_the_proposal_page_is_not_found_for_other_tenants_members(web: Web, proposed: str, who: str) -> None:
    stranger = web.browser(who)
    assert stranger.get(f"/delinger/{proposed}/godkjenning").status_code == 404
    assert stranger.post(f"/delinger/{proposed}/godkjenning", {"seen": "x"}).status_code == 404
    assert stranger.post(f"/delinger/{proposed}/retur").status_code == 404
    assert state(web, proposed) == PROPOSED


def test_a_proposal_changed_since_the_page_was_opened_is_shown_anew(
    web: Web, kari: Browser, odd: Browser, proposed: str
) -> None:
    form = seen(odd.get(f"/delinger/{proposed}/godkjenning"))
    assert kari.call("DELETE", f"/del/utkast/{proposed}/dokumenter/{web.stage.document_ids(proposed)[0]}").is_success
    overtaken = odd.post(f"/delinger/{proposed}/godkjenning", form)
    assert overtaken.status_code == 409
    assert "venter ikke lenger på godkjenning" in overtaken.text
    web.stage.upload(proposed, "nytt.pdf", b"nytt")
    web.stage.clock.advance(minutes=1)
    send(kari, proposed)
    again = odd.post(f"/delinger/{proposed}/godkjenning", form)
    assert again.status_code == 409
    assert "Det som venter på godkjenning, er endret etter at du åpnet siden" in again.text
    assert "nytt.pdf" in again.text
    assert odd.post(f"/delinger/{proposed}/godkjenning", seen(again)).status_code == 303


@pytest.mark.parametrize("form", [{}, {"seen": ""}, {"seen": "i går"}, {"seen": "2026-11-24T11:59:59"}])
def test_a_form_that_does_not_say_what_was_seen_approves_nothing(
    web: Web, odd: Browser, proposed: str, form: dict[str, str]
) -> None:
    assert odd.post(f"/delinger/{proposed}/godkjenning", form).status_code == 409
    assert state(web, proposed) == PROPOSED


def test_the_approver_sees_what_has_come_to_be_missing(web: Web, odd: Browser, kari: Browser) -> None:
    share_id = ready(web.stage, expires_at=web.stage.clock.now().replace(hour=14))
    send(kari, share_id)
    form = seen(odd.get(f"/delinger/{share_id}/godkjenning"))
    web.stage.clock.advance(minutes=70)
    odd = web.browser(ODD)
    answer = odd.post(f"/delinger/{share_id}/godkjenning", form)
    assert answer.status_code == 422
    assert "minst 1 time" in answer.text
    web.stage.clock.advance(hours=1)
    assert "28 dager" not in web.browser(ODD).get(f"/delinger/{share_id}/godkjenning").text
    assert state(web, share_id) == PROPOSED


def test_a_returned_proposal_is_a_draft_again(web: Web, odd: Browser, kari: Browser, proposed: str) -> None:
    for said in ("sendt-tilbake", "retur"):
        answer = odd.post(f"/delinger/{proposed}/retur")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/delinger/{proposed}?lagret={said}")
    assert "Du har sendt utkastet tilbake" in odd.get(f"/delinger/{proposed}?lagret=sendt-tilbake").text
    assert state(web, proposed) == DRAFT
    page = kari.get(f"/delinger/{proposed}").text
    assert page.count("En annen bruker sendte utkastet tilbake") == 1
    assert "Venter på deg" in kari.get("/delinger").text
    web.stage.clock.advance(minutes=1)
    web.stage.confirm(proposed)
    send(kari, proposed)
    odd.post(f"/delinger/{proposed}/godkjenning", seen(odd.get(f"/delinger/{proposed}/godkjenning")))
    late = odd.post(f"/delinger/{proposed}/retur")
    assert late.headers["location"] == f"/delinger/{proposed}?lagret=uendret"


def test_the_reason_of_who_sent_it_back_meets_the_author_where_the_draft_is_continued(
    web: Web, odd: Browser, kari: Browser, proposed: str
) -> None:
    path = f"/delinger/{proposed}/retur"
    wrong = odd.post(path, {"return-reason": "y" * 501})
    assert (wrong.status_code, "y" * 501 in wrong.text, 'href="#return-reason"' in wrong.text) == (422, True, True)
    assert "Begrunnelse for å sende tilbake" in odd.get(f"/delinger/{proposed}/godkjenning").text
    odd.post(path, {"return-reason": "Feil <saksnummer>"})
    for page in (f"/delinger/{proposed}", f"/del?utkast={proposed}"):
        shown = kari.get(page).text
        assert "Odd Bakken sendte utkastet tilbake" in shown, page
        assert "Feil &lt;saksnummer&gt;" in shown, page
    listed = kari.get("/delinger").text
    assert ("Sendt tilbake" in listed, "Odd Bakken sendte utkastet tilbake" in listed) == (True, True)
    web.stage.confirm(proposed)
    send(kari, proposed)
    assert "sendte utkastet tilbake</h2>" not in kari.get(f"/delinger/{proposed}").text


@pytest.mark.parametrize("reason", ["", "Feil saksnummer"])
def test_a_returned_draft_is_listed_first_with_or_without_a_reason(
    web: Web, odd: Browser, kari: Browser, proposed: str, reason: str
) -> None:
    theirs, other = web.stage.draft(ODD, web.stage.byggesak).id, ready(web.stage, title="Utkast")
    drafts.save_draft(web.stage.deps, person(ODD), theirs, web.stage.words(title="Forslag"))
    web.stage.add_recipients(theirs, OLA, sharer=ODD)
    web.stage.upload(theirs, "a.txt", b"a", ODD)
    send(odd, theirs)
    odd.post(f"/delinger/{proposed}/retur", {"return-reason": reason})
    waiting = kari.get("/delinger").text.partition("Venter på deg")[2].partition("Resten")[0]
    places = [
        f"/del?utkast={proposed}",
        "Odd Bakken sendte utkastet tilbake",
        f"/delinger/{theirs}/godkjenning",
        f"/del?utkast={other}",
    ]
    assert all(place in waiting for place in places)
    assert places == sorted(places, key=waiting.index)
    page = kari.get(f"/delinger/{proposed}").text
    assert "Odd Bakken sendte utkastet tilbake" in page
    # One of them is the message to the recipients.
    assert page.count('<p class="message-text">') == 1 + bool(reason)


def test_the_author_of_what_was_sent_back_sees_the_numbers_to_check_again(
    odd: Browser, kari: Browser, proposed: str
) -> None:
    assert OLA not in kari.get(f"/del?utkast={proposed}").text
    odd.post(f"/delinger/{proposed}/retur", {})
    assert '"confirmed": false, "display": "218794 *****"' in kari.get(f"/del?utkast={proposed}").text
    assert OLA in kari.get(f"/del?utkast={proposed}").text
    assert OLA not in odd.get(f"/del?utkast={proposed}").text


def test_the_proposer_withdraws_the_proposal(web: Web, kari: Browser, proposed: str) -> None:
    assert kari.post(f"/delinger/{proposed}/retur").status_code == 303
    assert state(web, proposed) == DRAFT
    assert "Ønsket om godkjenning ble tatt tilbake" in kari.get(f"/delinger/{proposed}").text


def test_the_form_of_a_waiting_draft_warns_that_a_change_withdraws_the_proposal(
    web: Web, kari: Browser, proposed: str
) -> None:
    page = kari.get(f"/del?utkast={proposed}").text
    assert "Endrer du noe, må det sendes til godkjenning på nytt" in page
    answer = kari.call("POST", f"/del/utkast/{proposed}/mottakere", {"text": SIV})
    assert answer.json()["draft"]["proposed"] is False
    assert state(web, proposed) == DRAFT
    assert "må sendes til godkjenning på nytt" in kari.get(f"/delinger/{proposed}").text


def test_where_four_eyes_are_wanted_no_more_the_draft_is_an_ordinary_one(
    web: Web, kari: Browser, odd: Browser, proposed: str
) -> None:
    set_rules(web.stage, web.stage.byggesak, four_eyes=False)
    assert odd.get(f"/delinger/{proposed}/godkjenning").headers["location"] == f"/delinger/{proposed}"
    assert WAITS not in odd.get("/delinger").text
    assert send(kari, proposed) == f"/delinger/{proposed}/delt"


def test_a_waiting_draft_shows_its_next_step_to_each(kari: Browser, odd: Browser, proposed: str) -> None:
    assert "Se hva som skjer nå" in kari.get(f"/delinger/{proposed}").text
    assert "Gå gjennom og avgjør" in odd.get(f"/delinger/{proposed}").text


def test_a_published_share_stays_as_it_was_when_four_eyes_are_wanted(web: Web, kari: Browser) -> None:
    set_rules(web.stage, web.stage.byggesak, four_eyes=False)
    share_id = web.stage.publish(OLA)
    set_rules(web.stage, web.stage.byggesak, four_eyes=True)
    change_expiry(web.stage.deps, person(KARI), share_id, web.stage.clock.now().replace(day=30))
    assert queries.show_share(web.stage.deps, person(KARI), share_id)[0].proposal is None
    assert kari.get(f"/delinger/{share_id}/godkjenning").status_code == 303


@pytest.fixture
def asked(web: Web, kari: Browser) -> str:
    """A share for which Kari has asked for a later end on its page."""
    set_rules(web.stage, web.stage.byggesak, four_eyes=False)
    share_id = web.stage.publish(OLA, title="Vedtak")
    set_rules(web.stage, web.stage.byggesak, four_eyes=True)
    typed = {"expires_date": "2026-12-24", "expires_time": "12:00"}
    answer = kari.post(f"/delinger/{share_id}/sluttidspunkt", typed)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/delinger/{share_id}?lagret=foreslatt")
    assert "Endringen er foreslått. Til den er godkjent" in kari.get(answer.headers["location"]).text
    return share_id


def words(page: httpx.Response) -> str:
    """What is read on a page, without its tags."""
    return re.sub(r"<[^>]+>", "", page.text)


def end_of(web: Web, share_id: str) -> str:
    with web.stage.deps.database.read() as tx:
        share = existing(tx.shares.get(share_id))
    return f"{share.expires_at:%d.%m}"


def test_a_later_end_waits_and_its_proposer_is_offered_no_approval(web: Web, kari: Browser, asked: str) -> None:
    page = kari.get(f"/delinger/{asked}").text
    assert "En endring venter på godkjenning" in page
    assert f'action="/delinger/{asked}/retur"' in page
    assert f'action="/delinger/{asked}/endring/godkjenning"' not in page
    assert "En annen bruker på kontoen må godkjenne et senere sluttidspunkt." in page
    assert end_of(web, asked) == "04.12"


def test_a_colleague_finds_the_later_end_on_top_of_the_list_and_approves_it(web: Web, odd: Browser, asked: str) -> None:
    listed = words(odd.get("/delinger"))
    assert "Kari Lunde ber om et senere sluttidspunkt: torsdag 24. desember kl. 12.00" in listed
    page = odd.get(f"/delinger/{asked}")
    assert "Kari Lunde foreslo endringen" in words(page)
    end = " ".join(re.sub(r"<[^>]+>", " ", page.text).split())
    assert "Tilgjengelig til Fra fredag 4. desember kl. 13.00 Til torsdag 24. desember kl. 12.00" in end
    answer = odd.post(f"/delinger/{asked}/endring/godkjenning", seen(page))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/delinger/{asked}?lagret=endring-godkjent")
    assert end_of(web, asked) == "24.12"
    after = words(odd.get(answer.headers["location"]))
    assert "Du har godkjent endringen." in after
    assert "En endring med senere sluttidspunkt ble foreslått: torsdag 24. desember kl. 12.00" in after
    assert "En annen bruker godkjente en endring med senere sluttidspunkt" in after
    assert "Sluttidspunktet ble endret til torsdag 24. desember kl. 12.00" in after


def test_a_colleague_keeps_the_end_as_it_is(web: Web, odd: Browser, asked: str) -> None:
    assert odd.post(f"/delinger/{asked}/retur").status_code == 303
    page = odd.get(f"/delinger/{asked}").text
    assert "venter på godkjenning" not in page
    assert "Forslaget om en endring med senere sluttidspunkt falt bort" in page
    assert end_of(web, asked) == "04.12"


def test_the_author_reads_why_a_later_end_was_refused(kari: Browser, odd: Browser, asked: str) -> None:
    path = f"/delinger/{asked}/retur"
    wrong = odd.post(path, {"return-reason": "y" * 501})
    assert (wrong.status_code, "y" * 501 in wrong.text, 'href="#return-reason"' in wrong.text) == (422, True, True)
    odd.post(path, {"return-reason": "Fristen er lovbestemt"})
    page = words(kari.get(f"/delinger/{asked}"))
    assert ("Odd Bakken sa nei til det som ble foreslått" in page, "Fristen er lovbestemt" in page) == (True, True)


@pytest.mark.parametrize("given", ["", "nonsense", "2026-12-24T11:00:00+00:00"])
def test_a_change_that_the_page_did_not_show_is_not_approved(web: Web, odd: Browser, asked: str, given: str) -> None:
    page = odd.post(f"/delinger/{asked}/endring/godkjenning", {"seen": given})
    assert page.status_code == 409
    assert "Det som venter på godkjenning, er endret etter at du åpnet siden." in page.text
    assert end_of(web, asked) == "04.12"
