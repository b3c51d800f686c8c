"""«Feil mottaker»: the steps, who has opened what, and a draft of the breach notification with the facts."""

import re

from deldokument.services.shares.published import publishing
from deldokument.services.shares.published.changes import remove_recipient
from tests.support.browser import Web
from tests.support.stage.numbers import synthetic_numbers
from tests.support.stage.stage import FJELL, KARI, ODD, OLA, person, run_all


def test_the_draft_has_what_article_33_asks_for_with_the_facts_of_the_share(web: Web) -> None:
    share_id = web.stage.publish(OLA, FJELL, title="Vedtak")
    kari = web.browser(KARI)
    assert f"/delinger/{share_id}/feil-mottaker" in kari.get(f"/delinger/{share_id}").text
    before = kari.get(f"/delinger/{share_id}/feil-mottaker").text
    assert f"/delinger/{share_id}/tilbaketrekking" in before
    assert "Utkast:" not in before
    every = kari.get(f"/delinger/{share_id}/feil-mottaker?alle=on").text
    assert "Ingen av mottakerne over har åpnet delingen." in every
    web.browser(OLA).get(f"/d/{share_id}")
    publishing.withdraw_share(web.stage.deps, person(KARI), share_id)
    run_all(web.stage.deps)
    page = kari.get(f"/delinger/{share_id}/feil-mottaker").text
    assert "tilbaketrekking" not in page
    assert "Delingen er avsluttet" in page
    answer = kari.get(f"/delinger/{share_id}/avviksmelding.txt?alle=on")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    masked = f"{OLA[:6]} *****"
    for said in (
        "Eksempel kommune delte dokumenter med mottakere som ikke skulle hatt dem.",
        "- vedtak.pdf",
        "Mottakere ved en feil: 2. Har åpnet delingen: 1. Har hentet noe: 0.",
        f"- {masked}: Åpnet, tirsdag 24. november 2026 kl. 13.00",
        "Fristen for å melde er 72 timer etter det.",
        "post@eksempel.example. Personvernombud eller annet kontaktpunkt: [fyll inn]",
        "De av mottakerne over som har åpnet delingen, kan ha lest dokumentene.",
        "- Delingen ble trukket tilbake tirsdag 24. november 2026 kl. 13.00.",
        "i hendelsesloggen): ingen kan åpne dokumentene.",
        "- Mottakerne er bedt om å slette dokumentene",
    ):
        assert said in answer.text
    assert OLA not in page + answer.text


def recipient_ids(web: Web, share_id: str) -> dict[str, str]:
    """The recipients' ids, by kind."""
    with web.stage.deps.database.read() as tx:
        return {one.kind: one.id for one in tx.shares.recipients([share_id])}


def test_the_draft_is_about_the_chosen_recipients_and_names_nobody_else(web: Web) -> None:
    share_id = web.stage.publish(OLA, FJELL)
    ids, kari = recipient_ids(web, share_id), web.browser(KARI)
    web.browser(OLA).get(f"/d/{share_id}")
    page = kari.get(f"/delinger/{share_id}/feil-mottaker?mottaker={ids['organization']}").text
    [path] = re.findall(r'href="([^"]*avviksmelding\.txt[^"]*)"', page)
    file = kari.get(path).text
    masked = f"{OLA[:6]} *****"
    for draft in (page.partition("<textarea")[2], file):
        assert masked not in draft
        for said in (
            "delte dokumenter med en mottaker som",
            "Mottakere ved en feil: 1. Har åpnet delingen: 0. Har hentet noe: 0.",
            "- FJELL AS 312 824 450: Ikke åpnet",
            "Mottakeren over har ikke åpnet delingen.",
            "- Mottakeren er bedt om å slette dokumentene",
        ):
            assert said in draft, said
    reader = kari.get(f"/delinger/{share_id}/avviksmelding.txt?mottaker={ids['person']}").text
    assert "312 824 450" not in reader
    assert f"- {masked}: Åpnet, tirsdag 24. november 2026 kl. 13.00" in reader
    assert "Mottakeren over kan ha lest dokumentene. Konsekvenser" in reader


def test_the_draft_waits_for_a_choice_between_several_recipients(web: Web) -> None:
    share_id = web.stage.publish(OLA, FJELL)
    kari, path = web.browser(KARI), f"/delinger/{share_id}/feil-mottaker"
    page = kari.get(path).text
    assert "Hvem skulle ikke hatt dokumentene?" in page
    assert "avviksmelding.txt" not in page
    assert kari.get(f"/delinger/{share_id}/avviksmelding.txt").status_code == 404
    missing = '<p class="ds-validation-message" id="alle-error">Velg minst én mottaker.</p>'
    assert missing not in page
    assert missing in kari.get(f"{path}?valgt=ja").text
    chosen = recipient_ids(web, share_id)["person"]
    assert re.findall(r'id="([^"]*)" [^>]* checked>', kari.get(f"{path}?valgt=ja&mottaker={chosen}").text) == [
        f"mottaker-{chosen}"
    ]


def test_the_only_recipient_is_chosen_already(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    kari = web.browser(KARI)
    page = kari.get(f"/delinger/{share_id}/feil-mottaker").text
    assert "delte dokumenter med en mottaker som" in page
    assert "Hvem skulle ikke" not in page
    assert kari.get(f"/delinger/{share_id}/avviksmelding.txt").status_code == 200


def test_a_recipient_of_another_share_cannot_be_chosen(web: Web) -> None:
    one, other = web.stage.publish(OLA, FJELL), web.stage.publish(OLA)
    kari, stranger = web.browser(KARI), recipient_ids(web, other)["person"]
    for choice in (f"mottaker={stranger}", f"alle=on&mottaker={stranger}"):
        for page in ("feil-mottaker", "avviksmelding.txt"):
            assert kari.get(f"/delinger/{one}/{page}?{choice}").status_code == 404


def test_a_recipient_who_was_removed_is_a_measure_in_the_draft(web: Web) -> None:
    share_id = web.stage.publish(OLA, FJELL)
    fjell = recipient_ids(web, share_id)["organization"]
    remove_recipient(web.stage.deps, person(KARI), share_id, fjell)
    kari = web.browser(KARI)
    assert "312 824 450</span>, fjernet</label>" in kari.get(f"/delinger/{share_id}/feil-mottaker").text
    draft = kari.get(f"/delinger/{share_id}/avviksmelding.txt?mottaker={fjell}").text
    assert "- 312 824 450 ble fjernet tirsdag 24. november 2026 kl. 13.00." in draft
    assert "Mottakere ved en feil: 1." in draft


def test_the_breach_page_is_not_found_for_other_tenants_and_drafts(web: Web) -> None:
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


def test_a_choice_that_may_be_in_the_fold_opens_it(web: Web) -> None:
    share_id = web.stage.publish(*synthetic_numbers(12))
    kari, path = web.browser(KARI), f"/delinger/{share_id}/feil-mottaker"
    with web.stage.deps.database.read() as tx:
        chosen = tx.shares.recipients([share_id])[-1].id
    assert " open>" not in kari.get(path).text
    assert kari.get(f"{path}?mottaker={chosen}").text.count('<details class="ds-details after-rows" open>') == 1
