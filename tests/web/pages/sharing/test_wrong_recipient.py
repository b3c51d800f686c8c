"""«Feil mottaker»: the steps, who has opened what, and a draft of the breach notification with the facts."""

from __future__ import annotations

import re

from deldokument.services.shares import publishing
from deldokument.services.shares.changes import remove_recipient
from tests.support.browser import Web
from tests.support.numbers import synthetic_numbers
from tests.support.world import FJELL, KARI, ODD, OLA, person, run_all


def test_the_draft_has_what_article_33_asks_for_with_the_facts_of_the_share(web: Web) -> None:
    share_id = web.stage.publish(OLA, FJELL, title="Vedtak")
    kari = web.browser(KARI)
    assert f"/delinger/{share_id}/feil-mottaker" in kari.get(f"/delinger/{share_id}").text
    before = kari.get(f"/delinger/{share_id}/feil-mottaker").text
    assert f"/delinger/{share_id}/tilbaketrekking" in before
    assert "Ingen har åpnet delingen." in before
    web.browser(OLA).get(f"/d/{share_id}")
    publishing.withdraw_share(web.stage.deps, person(KARI), share_id)
    run_all(web.stage.deps)
    page = kari.get(f"/delinger/{share_id}/feil-mottaker").text
    assert "tilbaketrekking" not in page
    assert "Delingen er avsluttet" in page
    answer = kari.get(f"/delinger/{share_id}/avviksmelding.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    masked = f"{OLA[:6]} *****"
    for said in (
        "Eksempel kommune delte dokumenter med en mottaker som ikke skulle hatt dem.",
        "- vedtak.pdf",
        "Mottakere: 2. 1 av dem åpnet delingen, og 0 hentet noe.",
        f"- {masked}: Åpnet, tirsdag 24. november 2026 kl. 13.00",
        "Fristen for å melde er 72 timer etter det.",
        "post@eksempel.example. Personvernombud eller annet kontaktpunkt: [fyll inn]",
        "Mottakerne over kan ha lest dokumentene.",
        "- Delingen ble trukket tilbake tirsdag 24. november 2026 kl. 13.00.",
        "i hendelsesloggen): ingen kan åpne dokumentene.",
    ):
        assert said in answer.text
    assert OLA not in page + answer.text


def test_a_recipient_who_was_removed_is_a_measure_in_the_draft(web: Web) -> None:
    share_id = web.stage.publish(OLA, FJELL)
    with web.stage.deps.database.read() as tx:
        fjell = next(one for one in tx.shares.recipients([share_id]) if one.kind == "organization")
    remove_recipient(web.stage.deps, person(KARI), share_id, fjell.id)
    draft = web.browser(KARI).get(f"/delinger/{share_id}/avviksmelding.txt").text
    assert "- 312 824 450 ble fjernet tirsdag 24. november 2026 kl. 13.00." in draft
    assert "Mottakere: 2." in draft


def test_others_and_drafts_have_no_such_page(web: Web) -> None:
    share_id, draft = web.stage.publish(OLA), web.stage.draft().id
    assert web.browser(ODD).get(f"/delinger/{share_id}/feil-mottaker").status_code == 404
    assert web.browser(KARI).get(f"/delinger/{draft}/feil-mottaker").status_code == 404


def test_each_row_of_what_has_happened_names_its_recipient(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    ola = web.browser(OLA)
    ola.get(f"/d/{share_id}")
    [document_id] = web.stage.document_ids(share_id)
    ola.get(f"/d/{share_id}/dokument/{document_id}")
    page = web.browser(KARI).get(f"/delinger/{share_id}/feil-mottaker").text
    assert re.findall(r'<th scope="row">(.*?)</th>', page) == [f"{OLA[:6]} *****"] * 2


def test_many_recipients_are_folded_so_that_they_hide_nothing_that_comes_after_them(web: Web) -> None:
    numbers, kari = synthetic_numbers(12), web.browser(KARI)
    ten, twelve = web.stage.publish(*numbers[:10]), web.stage.publish(*numbers)
    for path, item in (("", '<li class="row">'), ("/delt", '<span class="number">'), ("/feil-mottaker", "/mottakere/")):
        assert "mottakere til</summary>" not in kari.get(f"/delinger/{ten}{path}").text
        page = kari.get(f"/delinger/{twelve}{path}").text
        folded = page.partition("Vis 2 mottakere til</summary>")[2].partition("</details>")[0]
        assert folded.count(item) == 2, path
