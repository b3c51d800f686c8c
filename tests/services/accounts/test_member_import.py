"""Many members at once: how a list is read, what its preview tells, and that just that is registered."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from deldokument.domain.errors import Conflict, InvalidInput, NotFound
from deldokument.services.accounts import member_import, members
from deldokument.services.accounts.member_import import LIST_LENGTH, LIST_LINES, ListPreview, Outcome
from tests.support.browser import EWA
from tests.support.deployment.stack import DATABASES
from tests.support.servers.postgres import postgres_server, postgres_url  # noqa: F401
from tests.support.stage.numbers import synthetic_numbers
from tests.support.stage.stage import KARI, LISE, NOON, ODD, OLA, PER, SIV, VIGDIS, Stage, person, set_stage

LIST = f"{OLA};Ola Moen\n{SIV};Siv Holm\n"


def place(stage: Stage) -> dict[str, str]:
    return {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}


def preview(stage: Stage, text: str) -> ListPreview:
    return member_import.preview_list(stage.deps, **place(stage), text=text)


def register(stage: Stage, text: str, preview: ListPreview, **changes: object) -> int:
    given = {"shown": preview.added, "batch": preview.batch, "person": person(EWA)} | changes
    return member_import.register_list(stage.deps, **place(stage), text=text, **given)  # type: ignore[arg-type]


def previewed(stage: Stage, text: str) -> list[tuple[int, str, str, str]]:
    return [(line.number, line.outcome.value, line.masked, line.name) for line in preview(stage, text).lines]


def fault(stage: Stage, line: str) -> tuple[list[str], str, str]:
    """The codes of what is wrong with the line, and what was read."""
    (read,) = preview(stage, line).lines
    assert read.outcome is Outcome.REFUSED
    return [error.code for error in read.errors], read.masked, read.name


def names(stage: Stage) -> set[str]:
    return {view.name for view in members.list_members(stage.deps, **place(stage)).members}


def test_each_line_is_shown_with_its_result(stage: Stage) -> None:
    text = f"{OLA};Ola Moen\n\n{KARI};Kari Lunde\n{OLA[:6]} {OLA[6:]};Ola M.\n{SIV[:10]};Siv Holm\n"
    assert previewed(stage, text) == [
        (1, "added", f"{OLA[:6]} *****", "Ola Moen"),
        (3, "member", f"{KARI[:6]} *****", "Kari Lunde"),
        (4, "repeated", f"{OLA[:6]} *****", "Ola M."),
        (5, "refused", f"{SIV[:6]}****", "Siv Holm"),
    ]
    lines = preview(stage, text).lines
    assert (lines[2].first, lines[3].errors[0].code) == (1, "person_number_length")
    assert names(stage) == {"Kari Lunde"}


@pytest.mark.parametrize(
    "line",
    [
        f"{OLA};Ola Moen",
        f"{OLA},Ola Moen",
        f"{OLA}\tOla Moen",
        f'"{OLA}";"Ola Moen"',
        f'"{OLA}", "Ola Moen"',
        f"Ola Moen;{OLA}",
        f" {OLA[:6]} {OLA[6:]} ; Ola  Moen ;;",
        f"{OLA[:6]} {OLA[6:]} Ola Moen",
        f"{OLA} Ola Moen",
        f"{OLA[:6]}\u00a0{OLA[6:]};Ola\u00a0Moen",
    ],
)
def test_a_line_is_read_as_people_write_it(stage: Stage, line: str) -> None:
    assert previewed(stage, line) == [(1, "added", f"{OLA[:6]} *****", "Ola Moen")]


def test_a_name_in_quotes_keeps_its_comma(stage: Stage) -> None:
    assert previewed(stage, f'{OLA},"Moen, Ola"')[0][3] == "Moen, Ola"


@pytest.mark.parametrize("heading", ["fødselsnummer;navn", "Namn\tNummer", '"FNR","NAVN"', "number,name"])
def test_a_heading_is_no_person(stage: Stage, heading: str) -> None:
    assert [line[:2] for line in previewed(stage, f"\n{heading}\r\n{OLA};Ola Moen")] == [(2, "heading"), (3, "added")]


def test_a_heading_is_first_or_is_none(stage: Stage) -> None:
    assert [line[1] for line in previewed(stage, f"{OLA};Ola Moen\nfnr;navn")] == ["added", "refused"]
    assert fault(stage, f"{OLA};Navn Navnesen;x")[0] == ["line_columns"]


@pytest.mark.parametrize(
    ("line", "codes", "masked", "name"),
    [
        (f"{OLA[:-1]}9;Ola Moen", ["person_number_unknown"], f"{OLA[:6]}*****", "Ola Moen"),
        (f"{OLA[:-1]};Ola Moen", ["person_number_length"], f"{OLA[:6]}****", "Ola Moen"),
        ("Siv Holm;Ola Moen", ["number_not_digits"], "Siv Holm", "Ola Moen"),
        (f"{OLA};O", ["name_length"], f"{OLA[:6]}*****", "O"),
        (f"{OLA};Ola\x07 Moen", ["name_characters"], f"{OLA[:6]}*****", "Ola\x07 Moen"),
        (f"{OLA};Ola {SIV}", ["name_has_number"], f"{OLA[:6]}*****", f"Ola {SIV[:6]}*****"),
        ("123;O", ["person_number_length", "name_length"], "123", "O"),
        (OLA, ["line_columns"], "", f"{OLA[:6]}*****"),
        ("Ola Moen", ["line_columns"], "", "Ola Moen"),
        (f"{OLA};Ola;Moen", ["line_columns"], "", f"{OLA[:6]}*****; Ola; Moen"),
        (f'{OLA};"Ola Moen', ["line_quotes"], "", f'{OLA[:6]}*****;"Ola Moen'),
        (";;", ["line_columns"], "", ""),
    ],
)
def test_a_line_that_breaks_a_rule_is_shown_with_the_rule_and_its_number_masked(
    stage: Stage, line: str, codes: list[str], masked: str, name: str
) -> None:
    assert fault(stage, line) == (codes, masked, name)


def test_a_test_number_is_refused_where_it_is_not_allowed(stage: Stage) -> None:
    stage.deps = replace(stage.deps, config=replace(stage.deps.config, allow_synthetic=False))
    assert fault(stage, f"{OLA};Ola Moen")[0] == ["person_number_synthetic"]


@pytest.mark.parametrize("text", ["", " \r\n\t\n"])
def test_an_empty_list_is_refused(stage: Stage, text: str) -> None:
    with pytest.raises(InvalidInput, match="list_empty"):
        preview(stage, text)


def test_a_list_of_just_the_limits_is_read_and_a_longer_one_is_not(stage: Stage) -> None:
    full = "".join(f"{number};Navn Navnesen\n" for number in synthetic_numbers(LIST_LINES))
    assert len(preview(stage, full).added) == LIST_LINES
    with pytest.raises(InvalidInput, match="list_too_long"):
        preview(stage, f"{full}{OLA};Ola Moen")
    assert preview(stage, LIST + " " * (LIST_LENGTH - len(LIST))).added == [1, 2]
    with pytest.raises(InvalidInput, match="list_too_large"):
        preview(stage, LIST + "ø" * (LIST_LENGTH // 2))


def test_a_line_of_blanks_holds_nobody_up(stage: Stage) -> None:
    began = time.thread_time()
    codes, masked, _name = fault(stage, OLA + " " * (LIST_LENGTH - len(OLA)))
    assert (codes, masked) == (["line_columns"], "")
    assert time.thread_time() - began < 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_read_in_the_formats_of_spreadsheets(encoding: str) -> None:
    assert member_import.read_list("fødselsnummer;Åse\r\n".encode(encoding)) == "fødselsnummer;Åse\r\n"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"PK\x03\x04\x00\x00", b"\x81\x8d", "a\0b".encode("utf-16")])
def test_a_file_that_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="list_not_text"):
        member_import.read_list(content)


def test_what_the_preview_showed_is_registered_and_the_wrong_lines_are_left_out(stage: Stage) -> None:
    text = f"{LIST}{KARI};Kari Lunde\n{OLA};Ola Moen\n123;Feil\n"
    assert register(stage, text, preview(stage, text)) == 2
    assert names(stage) == {"Kari Lunde", "Ola Moen", "Siv Holm"}
    added = [dict(event.details or {}) for number, event in stage.trail() if number == EWA]
    assert [details["account"] for details in added] == [stage.byggesak.id] * 2


def test_those_of_a_list_are_listed_in_its_order(stage: Stage) -> None:
    numbers = synthetic_numbers(20)
    text = "".join(f"{number};Navn {number[:4]}\n" for number in numbers)
    stage.clock.advance(seconds=1)
    register(stage, text, preview(stage, text))
    listed = members.list_members(stage.deps, **place(stage)).members
    assert [view.masked for view in listed[:20]] == [f"{number[:6]} *****" for number in numbers]


def test_a_list_that_is_sent_twice_is_registered_once(stage: Stage) -> None:
    shown = preview(stage, LIST)
    before = len(stage.trail())
    assert [register(stage, LIST, shown) for _ in range(3)] == [2, 2, 2]
    assert len(stage.trail()) == before + 2


def test_a_list_that_is_sent_again_brings_nobody_back_who_was_removed(stage: Stage) -> None:
    shown = preview(stage, LIST)
    register(stage, LIST, shown)
    for view in members.list_members(stage.deps, **place(stage)).members:
        members.remove_member(stage.deps, **place(stage), member_id=view.id)
    assert register(stage, LIST, shown) == 2
    assert names(stage) == set()
    assert register(stage, LIST, preview(stage, LIST)) == 2
    assert names(stage) == {"Ola Moen", "Siv Holm"}


@pytest.mark.parametrize("change", ["registered", "removed"])
def test_when_another_has_registered_or_removed_somebody_the_import_is_refused(stage: Stage, change: str) -> None:
    text = f"{LIST}{KARI};Kari Lunde\n"
    shown = preview(stage, text)
    if change == "registered":
        stage.add(SIV, "Siv Holm", stage.byggesak)
    else:
        stage.remove("kari")
    before = names(stage)
    with pytest.raises(Conflict, match="list_changed"):
        register(stage, text, shown)
    assert names(stage) == before
    assert register(stage, text, preview(stage, text)) == (1 if change == "registered" else 3)


@pytest.mark.parametrize("claimed", [[], [1], [1, 2, 3], [2, 7]])
def test_other_lines_than_the_preview_showed_are_never_registered(stage: Stage, claimed: list[int]) -> None:
    with pytest.raises(Conflict, match="list_changed"):
        register(stage, LIST, preview(stage, LIST), shown=claimed)
    assert names(stage) == {"Kari Lunde"}


def test_the_same_batch_in_another_account_is_another_registration(stage: Stage) -> None:
    shown = preview(stage, LIST)
    register(stage, LIST, shown)
    other = {"tenant_id": stage.tenant.id, "account_id": stage.avtaler.id}
    assert member_import.register_list(stage.deps, **other, text=LIST, shown=shown.added, batch=shown.batch) == 2
    assert members.list_members(stage.deps, **other).count == 4


def test_nothing_is_registered_or_previewed_where_no_member_may_be_added(stage: Stage) -> None:
    shown = preview(stage, LIST)
    for account_id in (stage.barnevern.id, "unknown"):
        where = {"tenant_id": stage.tenant.id, "account_id": account_id, "text": LIST}
        with pytest.raises(NotFound):
            member_import.preview_list(stage.deps, **where)
        with pytest.raises(NotFound):
            member_import.register_list(stage.deps, **where, shown=shown.added, batch=shown.batch)
    stage.change_tenant(ended_at=NOON)
    for ask in (lambda: preview(stage, LIST), lambda: register(stage, LIST, shown)):
        with pytest.raises(Conflict, match="service_ended"):
            ask()


def test_ids_from_a_batch_are_taken_for_no_option(stage: Stage) -> None:
    people = (OLA, SIV, ODD, PER, LISE, VIGDIS)
    for _ in range(20):
        text = "".join(f"{number};Navn Navnesen\n" for number in people)
        register(stage, text, preview(stage, text))
        for view in members.list_members(stage.deps, **place(stage)).members:
            assert view.id[0].isalnum()
            members.remove_member(stage.deps, **place(stage), member_id=view.id)


@pytest.fixture(params=DATABASES)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """The stage on each database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    new = set_stage(tmp_path, url)
    yield new
    new.close()


def test_a_list_sent_twice_at_once_is_registered_once(both: Stage) -> None:
    shown = preview(both, LIST)
    start = threading.Barrier(3)

    def send(_: int) -> int:
        start.wait(10)
        return register(both, LIST, shown)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(send, range(3))) == [2, 2, 2]
    assert names(both) == {"Kari Lunde", "Ola Moen", "Siv Holm"}


def test_of_two_who_register_the_same_person_at_once_one_is_refused(both: Stage) -> None:
    first, second = preview(both, LIST), preview(both, LIST)
    start = threading.Barrier(2)

    def send(shown: ListPreview) -> str:
        start.wait(10)
        try:
            return str(register(both, LIST, shown))
        except Conflict as error:
            return error.code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(send, (first, second))) == ["2", "list_changed"]
    assert names(both) == {"Kari Lunde", "Ola Moen", "Siv Holm"}
