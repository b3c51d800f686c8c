"""«Statistikk»: the page says everything without script, the file holds no formula, and nobody else gets either."""

import csv
import io
import re
from datetime import date
from html import unescape

import pytest

from deldokument import worker
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery, offers
from deldokument.web.http.responses.i18n import Translator
from tests.support.browser import EWA, Browser, Web
from tests.support.stage.stage import FJELL, KARI, OLA, VIGDIS, person

FORMULA = "=cmd|' /C calc'!A0"
_CELL = re.compile(r'<td data-name="(\w+)" data-number="(\d+)">([^<]*)</td>')
_ROW = re.compile(r'<tr><th scope="row"(?: data-short="([^"]*)")?>([^<]*)</th>(.*?)</tr>', re.DOTALL)


def address(web: Web, end: str = "", **query: str) -> str:
    given = "&".join(f"{name}={value}" for name, value in query.items())
    return f"/konfigurasjon/{web.stage.tenant.id}/statistikk{end}" + (f"?{given}" if given else "")


def table(page: str, number: int = 0) -> dict[str, dict[str, str]]:
    """The rows of a table by their heads; each cell with its bare number."""
    body = page.split("<table")[number + 1].split("</table>")[0]
    return {
        unescape(head): {name: bare for name, bare, _ in _CELL.findall(cells)} for _, head, cells in _ROW.findall(body)
    }


def figures(page: str) -> dict[str, str]:
    """The large figures by their words."""
    found = re.findall(r'<div class="figure"><dt>(.*?)</dt><dd><strong>(.*?)</strong></dd>', page)
    return {unescape(words): number for words, number in found}


def lines(browser: Browser, path: str) -> list[list[str]]:
    """The file as a spreadsheet reads it."""
    answer = browser.get(path)
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=";"))


@pytest.fixture
def ewa(web: Web) -> Browser:
    return web.browser(EWA)


def test_the_page_shows_in_words_and_figures_what_exists_now_and_what_was_shared(web: Web, ewa: Browser) -> None:
    stage = web.stage
    stage.draft()
    read, _ = stage.publish(OLA, FJELL, content=b"x" * 1500), stage.publish(OLA, content=b"x" * 500)
    offers.open_share(stage.deps, person(OLA), read)
    content = downloads_content.open_document(stage.deps, person(OLA), read, stage.document_ids(read)[0])
    delivery.record_delivery(stage.deps, content, 0, content.length)
    page = ewa.get(address(web)).text
    assert figures(page) == {
        "Delinger mottakerne kan åpne": "2",
        "Utkast": "1",
        "Lagrede dokumenter": "2",
        "Lagret i alt": "2\u00a0kB",
        "Delinger": "2",
        "Åpnet": "1",
        "Hentet": "1",
        "Bekreftet": "0",
        "Aldri åpnet": "0",
    }
    assert "50\u00a0%" in page
    assert "Av 2 delinger er 1 hentet, og 0 ble aldri åpnet. Flest ble delt i november 2026: 2." in page
    november = {"shares": "2", "documents": "2", "length": "2000", "opened": "1", "downloaded": "1"}
    november |= {"received": "0", "unopened": "0"}
    months = table(page)
    assert list(months)[:2] == ["desember 2025", "januar 2026"]
    assert len(months) == 13
    assert months["november 2026"] == months["I alt"] == november | {"deleted": "0"}
    assert set(months["juli 2026"].values()) == {"0"}
    assert list(table(page, 1)) == ["Avtaler", "Byggesak"]
    assert table(page, 1)["Byggesak"] == november | {"stored": "2000"}


@pytest.mark.usefixtures("ewa")
def test_shares_never_opened_are_shown_after_the_end(web: Web) -> None:
    web.stage.publish(OLA)
    web.stage.clock.advance(days=11)
    worker.end_what_is_over(web.stage.deps)
    page = web.browser(EWA).get(address(web)).text
    assert figures(page)["Aldri åpnet"] == "1"
    assert table(page)["november 2026"]["deleted"] == "1"


def test_without_a_share_the_page_says_so_and_has_no_plot(web: Web, ewa: Browser) -> None:
    page = ewa.get(address(web)).text
    assert "Ingenting ble delt i denne perioden." in page
    assert "<figure" not in page
    assert len(table(page)) == 13


def test_tables_have_captions_and_heads_that_say_what_they_are_heads_of(web: Web, ewa: Browser) -> None:
    web.stage.publish(OLA)
    page = ewa.get(address(web)).text
    assert page.count("<table") == page.count("<caption") == 2
    assert len(re.findall(r"<th(?! scope=)", page.replace("<thead", ""))) == 0
    assert page.count('<canvas role="img" aria-label="Søylediagram') == 2
    assert page.count('role="region" tabindex="0" aria-labelledby=') == 2
    assert " style=" not in page


def test_account_and_period_are_chosen_and_stay_chosen(web: Web, ewa: Browser) -> None:
    web.stage.publish(OLA)
    page = ewa.get(address(web, konto=web.stage.avtaler.id, fra="2026-10", til="2026-11")).text
    assert figures(page)["Delinger mottakerne kan åpne"] == "0"
    assert "Delinger fra Avtaler etter måneden" in page
    assert list(table(page)) == ["oktober 2026", "november 2026", "I alt"]
    for chosen in (web.stage.avtaler.id, "2026-10", "2026-11"):
        assert f'<option value="{chosen}" selected>' in page
    assert f"/statistikk.csv?konto={web.stage.avtaler.id}&amp;fra=2026-10&amp;til=2026-11" in page
    assert "Konto for konto" not in page
    assert "Delt i oktober 2026" in ewa.get(address(web, fra="2026-10", til="2026-10")).text


def test_months_named_in_the_wrong_order_are_the_same_period(web: Web, ewa: Browser) -> None:
    page = ewa.get(address(web, fra="2026-11", til="2026-10")).text
    assert list(table(page)) == ["oktober 2026", "november 2026", "I alt"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"fra": "2021-11"}, "Det er 61 måneder. Velg høyst 60."),
        ({"fra": "i fjor"}, "Skriv måneden som år og måned, slik: 2026-01."),
        ({"til": "2026-13"}, "Skriv måneden som år og måned, slik: 2026-01."),
    ],
)
def test_a_period_that_cannot_be_shown_is_explained_at_its_field(
    web: Web, ewa: Browser, query: dict[str, str], words: str
) -> None:
    field = "from_month" if "fra" in query else "to_month"
    answer = ewa.get(address(web, **query))
    assert answer.status_code == 422
    assert "<title>Feil: Statistikk" in answer.text
    assert f'<a class="ds-link" href="#{field}">{words}</a>' in answer.text
    assert f'id="{field}-error">{words}<' in answer.text
    assert "<table" not in answer.text
    assert ewa.get(address(web, ".csv", **query)).status_code == 422


def test_closed_and_deleted_accounts_can_be_chosen_and_say_what_they_are(web: Web, ewa: Browser) -> None:
    stage, now = web.stage, web.stage.clock.now()
    stage.publish(OLA)
    stage.change_account(stage.avtaler, closed_at=now)
    stage.change_account(stage.byggesak, deleted_at=now)
    page = ewa.get(address(web)).text
    assert f'<option value="{stage.avtaler.id}">Avtaler (stengt)</option>' in page
    assert f'<option value="{stage.byggesak.id}">Byggesak (slettet)</option>' in page
    assert list(table(page, 1)) == ["Avtaler (stengt)", "Byggesak (slettet)"]


def test_a_deleted_account_that_shared_nothing_is_left_out_until_it_is_asked_for(web: Web, ewa: Browser) -> None:
    stage = web.stage
    stage.change_account(stage.avtaler, deleted_at=stage.clock.now())
    assert "Konto for konto" not in ewa.get(address(web)).text
    assert {line[1] for line in lines(ewa, address(web, ".csv"))[1:]} == {"Byggesak"}
    assert {line[1] for line in lines(ewa, address(web, ".csv", konto=stage.avtaler.id))[1:]} == {"Avtaler"}


def test_the_file_has_a_line_for_each_account_and_month(web: Web, ewa: Browser) -> None:
    web.stage.publish(OLA, content=b"innhold")
    answer = ewa.get(address(web, ".csv", fra="2026-10", til="2026-11"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="statistikk-2026-10-2026-11.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert lines(ewa, address(web, ".csv", fra="2026-10", til="2026-11")) == [
        ["Måned", "Konto", "Delinger", "Dokumenter", "Byte", "Åpnet", "Hentet", "Bekreftet", "Aldri åpnet", "Slettet"],
        ["2026-10", "Avtaler", "0", "0", "0", "0", "0", "0", "0", "0"],
        ["2026-10", "Byggesak", "0", "0", "0", "0", "0", "0", "0", "0"],
        ["2026-11", "Avtaler", "0", "0", "0", "0", "0", "0", "0", "0"],
        ["2026-11", "Byggesak", "1", "1", "7", "0", "0", "0", "0", "0"],
    ]


def test_the_name_of_an_account_is_no_formula_and_no_markup(web: Web, ewa: Browser) -> None:
    stage = web.stage
    stage.change_account(stage.byggesak, name=FORMULA)
    stage.change_account(stage.avtaler, name="<b>&\u202eAvtaler")
    assert {line[1] for line in lines(ewa, address(web, ".csv"))[1:]} == {f"'{FORMULA}", "<b>&\u202eAvtaler"}
    page = ewa.get(address(web)).text
    assert "&lt;b&gt;&amp;\u25a1Avtaler</option>" in page
    assert "<b>" not in page
    assert "\u202e" not in page


def test_statistics_of_another_tenant_do_not_exist(web: Web, ewa: Browser) -> None:
    for path in (address(web), address(web, ".csv")):
        for number in (KARI, VIGDIS, OLA):
            assert web.browser(number).get(path).status_code == 404
        assert web.browser().get(path).status_code == 303
    for end in ("", ".csv"):
        for account in (web.stage.barnevern.id, "nothing"):
            assert ewa.get(address(web, end, konto=account)).status_code == 404


@pytest.mark.parametrize(
    ("language", "month", "short", "number", "percent"),
    [
        ("nb", "mai 2026", "mai 26", "12\u00a0345", "87\u00a0%"),
        ("nn", "mai 2026", "mai 26", "12\u00a0345", "87\u00a0%"),
        ("en", "May 2026", "May 26", "12,345", "87%"),
    ],
)
def test_months_and_numbers_are_said_as_the_language_does(
    language: str, month: str, short: str, number: str, percent: str
) -> None:
    translator, first = Translator(language), date(2026, 5, 1)
    assert (translator.month(first), translator.short_month(first)) == (month, short)
    assert (translator.number(12345), translator.percent(13, 15)) == (number, percent)
    assert translator.size(1_200_000_000_000).endswith("\u00a0TB")
    sizes = [Translator(language).size(count) for language in ("nb", "en") for count in (0, 1, 999)]
    assert " ".join(sizes).replace("\u00a0", " ") == "0 byte 1 byte 999 byte 0 bytes 1 byte 999 bytes"
