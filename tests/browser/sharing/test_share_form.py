"""«Del dokumenter»: recipients, words and the end, as they are typed, refused, kept and taken up again."""

import re
from datetime import date, timedelta
from pathlib import Path

from playwright.sync_api import Dialog, Response, Route, expect

from tests.browser.files import noise
from tests.browser.network import Held, Network
from tests.browser.visitor import SharePage, Visit, Visitor
from tests.support.deployment.deployment import wait_until
from tests.support.stage.numbers import synthetic_numbers

FIELDS, PUBLISHING = "/del/utkast/[^/]+", "/publisering"
RECIPIENT = "/mottakere/[^/]+"
OLA, OLA_SHOWN, OLA_MASKED = "21879498012", "218794 98012", "218794 *****"
EWA, FJELL = "47906701517", "312824450"


def test_a_pasted_list_becomes_rows_and_refused_lines_stay_with_their_reason(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form, field = SharePage(kari), kari.page.get_by_label("Mottakere", exact=True)
    form.open()
    field.fill(f"{OLA}, 312 824 450; {EWA}\n{OLA} 218794 98012\n313017001 310488003 12345678901 123")
    kari.page.get_by_role("button", name="Legg til", exact=True).click()
    expect(form.rows("De som kan åpne delingen")).to_have_count(3)
    expect(form.recipient(OLA_SHOWN)).to_be_visible()
    expect(form.recipient("FJELL AS")).to_contain_text("Organisasjonsnummer 312 824 450")
    expect(form.recipient("FJELL AS").get_by_role("checkbox")).to_have_count(0)
    for reason in (
        "313017001 – NEDLAGT FISK AS er konkurs",
        "310488003 – GAMLEBAKERIET AS er slettet",
        "12345678901 – Nummeret finnes ikke",
        "123 – Nummeret har 3 siffer",
    ):
        expect(kari.page.get_by_text(reason)).to_be_visible()
    expect(field).to_have_value("313017001\n310488003\n12345678901\n123")
    expect(field).to_be_focused()
    missing = kari.page.locator("#missing-list")
    expect(missing).to_contain_text("Noe i feltet er ikke lagt til som mottaker")
    kari.examine()

    # Corrected, they are added; the same one again gives no second row.
    field.fill(FJELL)
    field.press("Enter")
    expect(field).to_have_value("")
    expect(kari.page.get_by_text("NEDLAGT FISK AS")).to_have_count(0)
    expect(missing).not_to_contain_text("Noe i feltet")
    expect(form.rows("De som kan åpne delingen")).to_have_count(3)


def test_labels_and_checks_are_kept_and_numbers_are_masked_afterwards(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form = SharePage(kari)
    form.open()
    form.add(OLA, FJELL)
    form.recipient(OLA_SHOWN).get_by_role("textbox", name="Egen merkelapp").fill("søker")
    form.recipient(OLA_SHOWN).get_by_role("checkbox", name="Jeg har kontrollert nummeret").check()
    # Leave the field in the middle of a word: it is saved when it loses the focus.
    draft = form.draft_path
    form.recipient("FJELL AS").get_by_role("textbox", name="Egen merkelapp").fill("utbygger")

    def is_kept() -> bool:
        kari.open(draft)
        return form.recipient("FJELL AS").get_by_role("textbox").input_value() == "utbygger"

    kari.open("/mine")
    wait_until(is_kept, 20, "the label was lost")
    expect(form.recipient(OLA_MASKED).get_by_role("textbox")).to_have_value("søker")
    expect(form.recipient(OLA_MASKED).get_by_role("checkbox")).to_be_checked()
    expect(kari.page.get_by_text("98012")).to_have_count(0)
    form.recipient(OLA_MASKED).get_by_role("button", name="Fjern").click()
    expect(form.rows("De som kan åpne delingen")).to_have_count(1)
    expect(form.recipient("FJELL AS").get_by_role("button", name="Fjern")).to_be_focused()


def test_a_save_of_a_recipient_that_arrives_late_undoes_no_newer_one(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form = SharePage(kari)
    form.open()
    form.add(OLA)
    ola, saved = form.recipient(OLA_SHOWN), re.compile(RECIPIENT)
    with kari.page.expect_response(saved) as older:
        ola.get_by_role("textbox", name="Egen merkelapp").fill("søker")
        ola.get_by_role("textbox", name="Egen merkelapp").blur()
    with kari.page.expect_response(saved):
        ola.get_by_role("checkbox", name="Jeg har kontrollert nummeret").check()
    late = older.value.request
    own = {
        name: value for name, value in late.all_headers().items() if name not in {"content-length", "cookie", "host"}
    }
    assert kari.page.context.request.put(late.url, headers=own, data=late.post_data).ok
    kari.open(form.draft_path)
    expect(form.recipient(OLA_MASKED).get_by_role("textbox")).to_have_value("søker")
    expect(form.recipient(OLA_MASKED).get_by_role("checkbox")).to_be_checked()


def test_an_empty_form_says_what_is_missing_and_leads_there(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form = SharePage(kari)
    form.open()
    kari.page.get_by_label("Melding").fill("Blir stående")
    kari.page.get_by_label("Tilgjengelig til").fill("2020-01-01")
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    summary = kari.page.locator("ds-error-summary")
    expect(summary).to_be_focused()
    expect(kari.page).to_have_title("Feil: Del dokumenter – Del dokument")
    # Errors are in the order of the page, including those that the server has found.
    expect(summary.get_by_role("link")).to_have_text(
        [
            "Velg minst én fil",
            "Legg til minst én mottaker",
            "Tidspunktet er allerede passert. Velg et senere.",
            "Bekreft at originalene er arkivert",
        ]
    )
    expect(kari.page.get_by_label("Filer", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(kari.page.get_by_label("Mottakere", exact=True)).to_have_accessible_description(
        "Fødselsnummer, D-nummer eller organisasjonsnummer. Lim gjerne inn flere om gangen, med mellomrom, komma eller "
        "linjeskift imellom. Legg til minst én mottaker"
    )
    kari.examine()
    summary.get_by_role("link", name="Legg til minst én mottaker").click()
    expect(kari.page.get_by_label("Mottakere", exact=True)).to_be_focused()
    expect(kari.page.get_by_label("Melding")).to_have_value("Blir stående")


def test_every_unconfirmed_number_is_marked_and_what_is_put_right_leaves_the_summary(
    visit: Visit, tmp_path: Path
) -> None:
    kari, file = visit("Kari Lunde"), noise(tmp_path / "vedtak.txt", 10)
    form, summary = SharePage(kari), kari.page.locator("ds-error-summary")
    form.open()
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    expect(summary).to_contain_text("Legg til minst én mottaker")
    form.add(OLA, EWA)
    expect(form.recipient(OLA_SHOWN)).to_be_visible()
    expect(summary).not_to_contain_text("Legg til minst én mottaker")
    expect(summary).to_contain_text("Velg minst én fil")
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    expect(summary.get_by_role("link", name="Kontroller nummeret")).to_have_count(2)
    expect(
        kari.page.get_by_role("checkbox", name="Jeg har kontrollert nummeret").and_(kari.page.locator("[aria-invalid]"))
    ).to_have_count(2)
    kari.examine()
    boxes = kari.page.get_by_role("checkbox", name="Jeg har kontrollert nummeret")
    kari.page.get_by_role("button", name="Kontroller 2 numre").press("Enter")
    expect(boxes.first).to_be_focused()
    kari.page.keyboard.press("Space")
    expect(boxes.last).to_be_focused()
    kari.page.keyboard.press("Space")
    expect(kari.page.get_by_role("button", name="Kontroller")).to_have_count(0)
    form.confirm_all()
    form.choose(file)
    expect(summary).to_have_count(0)
    expect(kari.page).to_have_title("Del dokumenter – Del dokument")

    # The same number again: the message that nothing was added is beside the field.
    form.add(OLA)
    expect(kari.page.locator("#recipients-note")).to_have_text("Mottakeren står allerede i listen")
    form.choose(file)
    expect(kari.page.locator("#files-note")).to_have_text("vedtak.txt står allerede i listen")

    folder = tmp_path / "Sak 12" / "Kart"
    folder.mkdir(parents=True)
    noise(folder / "plan.txt", 20)
    kari.page.locator("#folder").set_input_files(tmp_path / "Sak 12")
    expect(form.file("Sak 12/Kart/plan.txt")).to_contain_text("Lastet opp")
    kari.page.reload()
    expect(form.file("Sak 12/Kart/plan.txt")).to_contain_text("Lastet opp")
    kari.page.locator("#folder").set_input_files(tmp_path / "Sak 12")
    expect(kari.page.locator("#files-note")).to_have_text("Sak 12/Kart/plan.txt står allerede i listen")
    (tmp_path / "Sak 12").rename(tmp_path / "Sak 13")
    form.drop(tmp_path / "Sak 13")
    expect(form.file("Sak 13/Kart/plan.txt")).to_contain_text("Lastet opp")
    kari.examine()


def test_many_recipients_are_counted_and_their_numbers_are_one_line_of_the_summary(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form, summary = SharePage(kari), kari.page.locator("ds-error-summary")
    form.open()
    form.add(*synthetic_numbers(12))
    expect(kari.page.locator("#recipient-count")).to_have_text("12 mottakere")
    expect(kari.page.locator("#missing-list").get_by_text("Kontroller")).to_have_text("Kontroller 12 numre")
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    expect(summary.get_by_role("link", name="Kontroller nummeret").locator("visible=true")).to_have_count(9)
    expect(kari.page.locator("#recipient-list [aria-invalid]")).to_have_count(12)


def test_an_end_too_far_away_is_reported_beside_the_field_and_in_the_summary(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    form, day = SharePage(kari), kari.page.get_by_label("Tilgjengelig til")
    form.open()
    form.choose(noise(tmp_path / "vedtak.txt", 10))
    form.add(OLA)
    expect(form.recipient(OLA_SHOWN)).to_be_visible()
    form.confirm_all()
    kept = date.fromisoformat(day.input_value())
    day.fill((kept + timedelta(days=365)).isoformat())
    day.blur()
    fault = kari.page.locator("#expires-date-error")
    expect(fault).to_have_text("Dokumentene kan være tilgjengelige i høyst 90 dager.")
    expect(kari.page.locator("#expires-words")).to_have_text("")
    expect(kari.page.locator("#summary-end")).to_contain_text("Sluttidspunktet kan ikke være etter")
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    expect(kari.page.locator("ds-error-summary")).to_be_focused()
    expect(kari.page.locator("ds-error-summary").get_by_role("link")).to_have_text(
        ["Dokumentene kan være tilgjengelige i høyst 90 dager."]
    )
    expect(form.recipient(OLA_SHOWN)).to_be_visible()
    kari.examine()
    day.fill((kept + timedelta(days=1)).isoformat())
    day.blur()
    expect(fault).to_be_hidden()
    assert form.publish().startswith(kari.url)


def test_another_share_is_created_from_one_that_is_done(visit: Visit, tmp_path: Path) -> None:
    kari, file = visit("Kari Lunde"), noise(tmp_path / "vedtak.txt", 10)
    form = SharePage(kari)
    form.share(file, OLA, title="Først")
    kari.page.get_by_role("link", name="Se delingen").click()
    kari.page.get_by_role("button", name="Lag ny deling fra denne").click()
    expect(kari.page.get_by_label("Tittel")).to_have_value("Først")
    expect(kari.page.get_by_text(re.compile(r"\b(29|30) dager fra nå"))).to_be_visible()
    # The sharer sees a number that must be checked.
    expect(form.recipient(OLA_SHOWN).get_by_role("checkbox")).not_to_be_checked()
    form.choose(file)
    form.confirm_all()
    form.publish()

    # «Nylig brukt», by keyboard: the number is shown for checking, and is unconfirmed.
    form.open()
    chips = kari.page.get_by_role("group", name="Nylig brukt")
    chip = chips.get_by_role("button", name=OLA_MASKED)
    chip.focus()
    kari.page.keyboard.press("Enter")
    expect(form.recipient(OLA_SHOWN).get_by_role("checkbox", name="Jeg har kontrollert nummeret")).not_to_be_checked()
    expect(chip).to_have_count(0)
    kari.examine()


def test_the_link_and_the_text_for_the_mail_can_be_copied(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde", permissions=["clipboard-read", "clipboard-write"])
    path = SharePage(kari).share(noise(tmp_path / "vedtak.txt", 10), OLA, title="Hemmelig tittel")
    copy = kari.page.get_by_role("button", name="Kopier lenken")
    copy.click()
    expect(kari.page.get_by_role("status").filter(has_text="Kopiert")).to_be_attached()
    assert kari.page.evaluate("navigator.clipboard.readText()") == f"{kari.url}{path}"
    for language, words in (("Bokmål", "Vennlig hilsen"), ("Nynorsk", "Vennleg helsing"), ("English", "Kind regards")):
        kari.page.get_by_role("tab", name=language).click()
        kari.page.get_by_role("button", name="Kopier teksten").click()
        mail = kari.page.evaluate("navigator.clipboard.readText()")
        assert words in mail
        assert f"{kari.url}{path}" in mail
        assert "22 00 00 00" in mail
        assert "Hemmelig" not in mail
        assert "vedtak" not in mail


def test_refused_texts_are_never_left_out_of_the_share(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    form, title = SharePage(kari), kari.page.get_by_label("Tittel")
    form.open()
    form.choose(noise(tmp_path / "vedtak.txt", 10))
    form.add(OLA)
    expect(form.recipient(OLA_SHOWN)).to_be_visible()
    form.confirm_all()
    title.fill("Bjeller \x07 og noe")
    title.blur()
    expect(kari.page.locator("#title-error")).to_contain_text("tegn som ikke kan vises")
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    summary = kari.page.locator("ds-error-summary")
    expect(summary).to_be_focused()
    summary.get_by_role("link").click()
    expect(title).to_be_focused()
    title.fill("Uten bjeller")
    form.publish()
    expect(kari.page.get_by_text("Uten bjeller")).to_be_visible()


def filled_in(visitor: Visitor, file: Path) -> SharePage:
    """The form with all that a share needs, kept by the server."""
    form = SharePage(visitor)
    form.open()
    form.choose(file)
    form.add(OLA)
    expect(form.recipient(OLA_SHOWN)).to_be_visible()
    form.confirm_all()
    expect(form.file(file.name)).to_contain_text("Lastet opp")
    expect(visitor.page.get_by_text("Utkastet er lagret")).to_be_visible()
    return form


def test_the_draft_is_called_saved_when_ticks_and_removals_are(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form, title = SharePage(kari), kari.page.get_by_label("Tittel")
    form.open()
    form.add(OLA, FJELL)
    saved = kari.page.get_by_text("Utkastet er lagret")
    expect(saved).to_be_visible()
    ticks, removals = Held(kari.page, "PUT", RECIPIENT), Held(kari.page, "DELETE", RECIPIENT)
    form.recipient(OLA_SHOWN).get_by_role("checkbox").check()
    form.recipient("FJELL AS").get_by_role("button", name="Fjern").click()
    with kari.page.expect_response(re.compile(f"{FIELDS}$")):
        title.fill("Vedtak")
        title.blur()
    for held in (ticks, removals):
        expect(kari.page.get_by_text("Lagrer utkastet")).to_be_visible()
        with kari.page.expect_response(re.compile(f"{RECIPIENT}$")):
            held.send_on()
    expect(saved).to_be_visible()


def test_the_button_stays_where_it_is_when_the_last_file_is_there(visit: Visit, tmp_path: Path) -> None:
    """A press would come to nothing if the button moved away before the mouse button is released."""
    kari = visit("Kari Lunde")
    form, button = SharePage(kari), kari.page.get_by_role("button", name="Del dokument", exact=True)
    form.open()
    upload = Held(kari.page, "POST", "/uploads")
    form.choose(noise(tmp_path / "plan.txt", 10))
    upload.wait()
    before = button.bounding_box()
    upload.send_on()
    expect(form.file("plan.txt")).to_contain_text("Lastet opp")
    expect(kari.page.locator("#summary-figures")).to_have_text("100 %")
    assert button.bounding_box() == before


def test_texts_refused_by_a_slow_server_are_not_left_out_of_the_share(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    form, title = filled_in(kari, noise(tmp_path / "vedtak.txt", 10)), kari.page.get_by_label("Tittel")
    words = Held(kari.page, "PUT", FIELDS)
    title.fill("Gammel tittel")
    title.blur()
    words.wait()
    title.fill("Ny tittel \x07 til riktig sak")
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    words.send_on()
    words.send_on()
    summary = kari.page.locator("ds-error-summary")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_contain_text(["tegn som ikke kan vises"])
    kari.page.unroute_all()
    title.fill("Ny tittel til riktig sak")
    form.publish()
    expect(kari.page.get_by_text("Ny tittel til riktig sak")).to_be_visible()


def test_pressing_twice_while_fields_are_being_saved_shares_once(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    filled_in(kari, noise(tmp_path / "vedtak.txt", 10))
    words, shares = Held(kari.page, "PUT", FIELDS), Held(kari.page, "POST", PUBLISHING)
    kari.page.get_by_label("Tittel").fill("Til to trykk")
    kari.page.get_by_role("button", name="Del dokument", exact=True).dblclick()
    words.send_on()
    shares.send_on()
    kari.page.wait_for_url("**/delinger/*/delt")
    assert shares.count == 1


def test_sharing_that_is_cancelled_while_fields_are_being_saved_does_not_happen(visit: Visit, tmp_path: Path) -> None:
    kari, file = visit("Kari Lunde"), noise(tmp_path / "plan.txt", 10)
    form, title = filled_in(kari, noise(tmp_path / "vedtak.txt", 10)), kari.page.get_by_label("Tittel")
    words, shares = Held(kari.page, "PUT", FIELDS), Held(kari.page, "POST", PUBLISHING)
    upload = Held(kari.page, "POST", "/uploads")
    form.choose(file)
    upload.wait()
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    title.fill("Ikke ennå")
    title.blur()
    words.wait()
    upload.send_on()
    expect(form.file("plan.txt")).to_contain_text("Lastet opp")
    kari.page.get_by_role("button", name="Ikke del ennå").click()
    words.send_on()
    expect(kari.page.get_by_text("Utkastet er lagret")).to_be_visible()
    kari.page.reload()
    expect(title).to_have_value("Ikke ennå")
    assert shares.count == 0


def test_leaving_with_unsaved_input_asks_for_confirmation(visit: Visit, network: Network) -> None:
    kari = visit("Kari Lunde", proxy=network.proxy)
    form, title = SharePage(kari), kari.page.get_by_label("Tittel")
    form.open()
    title.fill("Skrevet med nett")
    expect(kari.page.get_by_text("Utkastet er lagret")).to_be_visible()
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    kari.page.on("dialog", stay)
    network.cut()
    title.fill("Skrevet mens nettet var borte")
    title.blur()
    expect(kari.page.get_by_role("heading", name="Ingen forbindelse")).to_be_visible()
    leave = kari.page.get_by_role("link", name="Delinger", exact=True)
    with kari.page.expect_event("dialog"):
        leave.click(no_wait_after=True)
    network.mend()
    expect(kari.page.get_by_text("Utkastet er lagret")).to_be_visible()
    leave.click()
    expect(kari.page.get_by_role("link", name="Skrevet mens nettet var borte", exact=True)).to_be_visible()
    assert asked == ["beforeunload"]


def test_words_typed_while_the_end_is_empty_are_kept(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form, title = SharePage(kari), kari.page.get_by_label("Tittel")
    form.open()
    form.add(OLA)
    expect(kari.page.get_by_text("Utkastet er lagret")).to_be_visible()
    kari.page.get_by_label("Tilgjengelig til").fill("")
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    fault = kari.page.locator("#expires-date-error")
    expect(fault).to_be_visible()
    with kari.page.expect_response(re.compile(f"{FIELDS}$")):
        title.fill("Skrevet uten dato")
        title.blur()
    expect(kari.page.get_by_text("Utkastet er lagret")).to_be_visible()
    expect(fault).to_be_visible()
    kari.page.reload()
    expect(title).to_have_value("Skrevet uten dato")
    expect(kari.page.get_by_label("Tilgjengelig til")).not_to_have_value("")


def busy_once(visitor: Visitor) -> None:
    """The server has no time for the next that is said of a recipient."""
    visitor.page.route("**/mottakere/*", lambda route: route.fulfill(status=503), times=1)


def test_the_label_that_was_typed_last_is_the_one_that_is_kept(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form, label = SharePage(kari), kari.page.get_by_label("Egen merkelapp")
    form.open()
    form.add(OLA)
    busy_once(kari)
    answered = list[Response]()
    kari.page.on("response", lambda response: answered.append(response) if "/mottakere/" in response.url else None)
    label.fill("Mor")
    label.blur()
    while not answered:
        kari.page.wait_for_timeout(50)
    label.fill("Mor til Ola")
    label.blur()
    # The number is refused, and both labels are kept.
    while len(answered) < 3:
        kari.page.wait_for_timeout(50)
    kari.page.reload()
    expect(label).to_have_value("Mor til Ola")


def test_a_label_of_a_recipient_is_saved_before_sharing(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    form, label = filled_in(kari, noise(tmp_path / "vedtak.txt", 10)), kari.page.get_by_label("Egen merkelapp")
    label.fill("Mor \x07")
    label.blur()
    expect(label).to_have_accessible_description(re.compile("tegn som ikke kan vises"))
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    expect(kari.page.locator("ds-error-summary").get_by_role("link")).to_contain_text(["tegn som ikke kan vises"])
    busy_once(kari)
    label.fill("Mor til Ola")
    with kari.page.expect_response("**/mottakere/*"):
        label.blur()
    form.publish()
    expect(kari.page.get_by_text("Mor til Ola")).to_be_visible()


def test_a_response_does_not_move_the_focus_from_another_field(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form, title = SharePage(kari), kari.page.get_by_label("Tittel")
    form.open()
    adding = Held(kari.page, "POST", "/mottakere")
    field = kari.page.get_by_label("Mottakere", exact=True)
    field.fill(OLA)
    field.press("Enter")
    adding.wait()
    title.press_sequentially("Teg")
    adding.send_on()
    expect(form.recipient(OLA_SHOWN)).to_be_visible()
    kari.page.keyboard.type("ninger")
    expect(title).to_have_value("Tegninger")
    expect(title).to_be_focused()
    # After staying, the focus is on the refused number. Leaving the field submits it, and so does the button.
    form.add("313017001")
    adding.send_on()
    adding.send_on()
    expect(field).to_be_focused()


def test_a_removed_recipient_does_not_come_back_with_an_older_answer(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form = SharePage(kari)
    form.open()
    form.add(OLA)
    expect(form.recipient(OLA_SHOWN)).to_be_visible()

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        form.recipient(OLA_SHOWN).get_by_role("button", name="Fjern").click()
        route.fulfill(response=answer)

    kari.page.route("**/mottakere", answer_late)
    form.add(FJELL)
    expect(form.recipient("FJELL AS")).to_be_visible()
    expect(form.rows("De som kan åpne delingen")).to_have_count(1)


def test_a_removal_is_saved_before_sharing(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    form = filled_in(kari, noise(tmp_path / "vedtak.txt", 10))
    form.add(FJELL)
    form.choose(noise(tmp_path / "feil.txt", 10))
    expect(form.recipient("FJELL AS")).to_be_visible()
    expect(form.file("feil.txt")).to_contain_text("Lastet opp")
    for path, row in (("mottakere", form.recipient("FJELL AS")), ("dokumenter", form.file("feil.txt"))):
        # The server is busy, and gets the request again.
        kari.page.route(f"**/{path}/*", lambda route: route.fulfill(status=503), times=1)
        with kari.page.expect_response(f"**/{path}/*"):
            row.get_by_role("button", name="Fjern").click()
    form.publish()
    expect(kari.page.get_by_text("vedtak.txt")).to_be_visible()
    expect(kari.page.get_by_text("FJELL AS")).to_have_count(0)
    expect(kari.page.get_by_text("feil.txt")).to_have_count(0)


def test_nothing_is_shared_with_a_recipient_whom_a_colleague_has_just_added(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    form = filled_in(kari, noise(tmp_path / "vedtak.txt", 10))
    colleague = SharePage(visit("Kari Lunde", form.draft_path))
    colleague.add(FJELL)
    expect(colleague.recipient("FJELL AS")).to_be_visible()
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    summary = kari.page.locator("ds-error-summary")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Last den på nytt")
    kari.page.reload()
    expect(form.recipient("FJELL AS")).to_be_visible()
    form.publish()
    expect(kari.page.get_by_text("FJELL AS")).to_be_visible()


def test_a_truncated_response_is_requested_again(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form = SharePage(kari)
    form.open()
    kari.page.route("**/mottakere", lambda route: route.fulfill(status=200, body='{"draft": {'), times=1)
    form.add(OLA)
    expect(form.recipient(OLA_SHOWN)).to_be_visible()
    form.add(FJELL)
    expect(form.recipient("FJELL AS")).to_be_visible()
