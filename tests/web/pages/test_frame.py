"""The frame of every page: the person logged in, and the resources loaded before the first paint."""

from pathlib import Path

import deldokument.web
from tests.support.browser import EWA, Web
from tests.support.stage.stage import KARI, OLA, SIV

STATIC = Path(deldokument.web.__file__).parent / "static"


def test_members_administrators_and_operators_are_named_and_others_are_masked(still: Web) -> None:
    for number, name in ((KARI, "Kari Lunde"), (EWA, "Ewa Kowalska"), (SIV, "Siv Holm"), (OLA, f"{OLA[:6]} *****")):
        assert f'<span class="name">{name}</span>' in still.browser(number).get("/mine").text, name


def test_a_person_who_can_only_receive_is_led_to_what_is_shared(still: Web) -> None:
    answer = still.browser(OLA).get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/mine")


def test_an_operator_without_an_account_has_more_than_one_choice(still: Web) -> None:
    assert still.browser(SIV).get("/").text.count('class="tile"') == 2


def test_a_file_is_chosen_in_the_zone_that_every_page_has() -> None:
    """The browser's own file input, with its own words in its own language, is on no page."""
    templates = Path(deldokument.web.__file__).parent / "templates"
    bare = {path.name for path in templates.rglob("*.html") if 'type="file"' in path.read_text("utf-8")}
    assert bare == {"macros.html", "upload_macros.html"}
    assert '<div class="file-choice">' in (templates / "macros.html").read_text("utf-8")


def test_an_act_just_done_is_announced_on_every_page() -> None:
    """A screen reader reads only what stands in a live region when a page opens."""
    templates = Path(deldokument.web.__file__).parent / "templates"
    silent = [
        f"{path.name}: {before[-80:]}"
        for path in templates.rglob("*.html")
        for before in path.read_text("utf-8").split('m.alert("success")')[:-1]
        if 'role="status"' not in before[-80:]
    ]
    assert silent == []


def test_the_font_is_loaded_with_the_style_sheet_so_that_nothing_moves(still: Web) -> None:
    page = still.browser().get("/").text
    path = page.partition('<link rel="preload" href="/static/')[2].partition('"')[0]
    assert (STATIC / path).is_file()
    assert path in (STATIC / "app.css").read_text("utf-8")
