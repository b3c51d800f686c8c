"""«Brukere»: the pages of an account's users, as administrators walk through them."""

import re
from html import unescape

import httpx
import pytest

from deldokument.services.accounts import members as services
from deldokument.services.accounts.member_import import LIST_LENGTH
from tests.support.browser import EWA, ORIGIN, Browser, Web
from tests.support.stage.numbers import synthetic_numbers
from tests.support.stage.stage import KARI, NOON, ODD, OLA, SIV, VIGDIS, person
from tests.support.stored_data import contents

HIDDEN = re.compile(r'<input type="hidden" name="(list|shown|batch)" value="([^"]*)">')
LIST = f"fødselsnummer;navn\r\n{OLA};Ola Moen\r\n{SIV[:10]};Siv Holm\r\n{KARI};Kari Lunde\r\n{OLA};Ola M.\r\n"


@pytest.fixture
def ewa(web: Web) -> Browser:
    return web.browser(EWA)


def path(web: Web, *below: str, account: str = "byggesak") -> str:
    return "/".join((f"/konfigurasjon/{web.stage.tenant.id}/kontoer/{getattr(web.stage, account).id}/brukere", *below))


def names(web: Web) -> set[str]:
    where = {"tenant_id": web.stage.tenant.id, "account_id": web.stage.byggesak.id}
    return {view.name for view in services.list_members(web.stage.deps, **where).members}


def preview(ewa: Browser, web: Web, text: str) -> tuple[httpx.Response, dict[str, str]]:
    """The page of what the list leads to, and the fields that its form carries on."""
    page = send(ewa, path(web, "liste"), {"list": text})
    return page, {name: unescape(value) for name, value in HIDDEN.findall(page.text)}


def send(ewa: Browser, where: str, fields: dict[str, str], file: bytes | None = None) -> httpx.Response:
    """A form as the browser sends it that may have a file in it."""
    parts = {name: (None, value) for name, value in fields.items()} | {"csrf_token": (None, ewa.csrf_token())}
    files = {**parts, "file": ("brukere.csv", file) if file is not None else ("", b"")}
    return ewa.request("POST", where, files=files)


def test_users_are_listed_masked_with_the_days_of_registration_and_use(web: Web) -> None:
    web.stage.draft(KARI)
    web.stage.clock.advance(days=1)
    web.stage.add(OLA, "Ola Moen", web.stage.byggesak)
    page = web.browser(EWA).get(path(web)).text
    assert page.index("Ola Moen") < page.index("Kari Lunde")
    assert f"{KARI[:6]} *****" in page
    assert KARI not in page
    assert "24. november 2026" in page
    assert "Ikke ennå" in page
    assert "2 brukere" in page


def test_an_account_without_users_says_what_will_be_listed(web: Web, ewa: Browser) -> None:
    web.stage.remove("kari")
    page = ewa.get(path(web)).text
    assert "Her ser du hvem som kan dele fra kontoen" in page
    assert "/sok" not in page


def test_a_long_list_is_divided_into_pages(web: Web, ewa: Browser) -> None:
    web.stage.clock.advance(seconds=1)
    for number in synthetic_numbers(services.PAGE):
        web.stage.add(number, f"Navn {number[:5]}", web.stage.byggesak)
    first = ewa.get(path(web)).text
    more = re.search(rf'href="({re.escape(path(web))}\?etter=[^"]+)"', first)
    assert more
    second = ewa.get(unescape(more[1])).text
    assert (first.count("Endre<span"), second.count("Endre<span")) == (services.PAGE, 1)
    assert "Kari Lunde" in second
    assert "Vis flere" not in second
    assert ewa.get(path(web), params={"etter": f"{NOON.isoformat()},!"}).status_code == 200
    assert ewa.get(path(web), params={"etter": "2026-11-24,x"}).text.count("Endre<span") == services.PAGE


@pytest.mark.parametrize("member", ["0", "-1", "x", "9" * 30, "<b>"])
def test_no_unknown_member_in_the_address_is_shown_as_registered_or_removed(
    web: Web, ewa: Browser, member: str
) -> None:
    assert "registrert." not in ewa.get(path(web), params={"registrert": member, "fjernet": member}).text


def test_a_user_who_is_registered_shares_at_once(web: Web, ewa: Browser) -> None:
    answer = ewa.post(path(web), {"number": f"{OLA[:6]} {OLA[6:]}", "name": "Ola Moen"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path(web)}?registrert=1")
    assert "1 bruker er registrert." in ewa.get(answer.headers["location"]).text
    assert web.browser(OLA).get("/del").status_code == 200


def test_an_invalid_form_is_shown_again_with_its_input(web: Web, ewa: Browser) -> None:
    answer = ewa.post(path(web), {"number": "123", "name": "O"})
    assert answer.status_code == 422
    assert "<title>Feil:" in answer.text
    for there in ('href="#number"', 'href="#name"', 'value="123"', 'value="O"', "Fødselsnummeret har 3 siffer"):
        assert there in answer.text
    assert names(web) == {"Kari Lunde"}


def test_a_user_registered_twice_is_registered_once_and_that_is_shown(web: Web, ewa: Browser) -> None:
    fields = {"number": OLA, "name": "Ola Moen"}
    assert ewa.post(path(web), fields).status_code == 303
    again = ewa.post(path(web), fields)
    assert again.status_code == 409
    assert "Personen er allerede registrert på kontoen" in again.text
    assert f'value="{OLA}"' in again.text
    assert names(web) == {"Kari Lunde", "Ola Moen"}


def test_a_form_that_says_nothing_names_what_is_missing(web: Web, ewa: Browser) -> None:
    answer = ewa.post(path(web), {})
    assert answer.status_code == 422
    assert 'href="#number"' in answer.text


def test_a_user_is_found_by_number_and_the_number_is_in_no_address(web: Web, ewa: Browser) -> None:
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    answer = ewa.post(path(web, "sok"), {"number": f"{ODD[:6]} {ODD[6:]}"})
    assert answer.status_code == 200
    assert "Odd Bakken" in answer.text
    assert "Kari Lunde" not in answer.text
    assert not [line for line in re.findall(r'(?:href|action)="[^"]*"', answer.text) if ODD[6:] in line]


def test_an_unknown_user_is_reported_and_the_number_kept(web: Web, ewa: Browser) -> None:
    answer = ewa.post(path(web, "sok"), {"number": VIGDIS})
    assert answer.status_code == 200
    assert "Ingen bruker på kontoen har det nummeret" in answer.text
    assert f'value="{VIGDIS}"' in answer.text


def test_half_a_number_finds_nobody_and_the_page_says_why(web: Web, ewa: Browser) -> None:
    answer = ewa.post(path(web, "sok"), {"number": KARI[:6]})
    assert answer.status_code == 422
    assert 'href="#search-number"' in answer.text
    assert "Kari Lunde" not in answer.text


@pytest.mark.parametrize("below", ["sok", "liste", "liste/registrering"])
def test_the_page_of_an_answer_can_be_asked_for_anew(web: Web, ewa: Browser, below: str) -> None:
    assert ewa.get(path(web, below)).status_code == 200


def test_a_user_is_removed_after_one_question_and_out_at_the_next_request(web: Web, ewa: Browser) -> None:
    kari, member_id = web.browser(KARI), web.stage.members["kari"]
    question = ewa.get(path(web, member_id)).text
    assert "Vil du fjerne Kari Lunde?" in question
    for _ in range(2):
        answer = ewa.post(path(web, member_id, "fjerning"))
        assert (answer.status_code, answer.headers["location"]) == (303, f"{path(web)}?fjernet=1")
    assert "Brukeren er fjernet" in ewa.get(answer.headers["location"]).text
    gone = ewa.get(path(web, member_id)).text
    assert "Fjernet fra kontoen" in gone
    assert "<button" not in gone[gone.index("<main") :]
    assert kari.call("POST", "/del/utkast", {"account_id": web.stage.byggesak.id}).status_code == 404


def test_a_user_is_marked_absent_and_present_again(web: Web, ewa: Browser) -> None:
    here = path(web, web.stage.members["kari"])
    for sent, shown, offered in (("1", "Fraværende siden", "Merk som tilbake"), ("", "", "Merk som fraværende")):
        answer = ewa.post(f"{here}/fravar", {"absent": sent})
        assert (answer.status_code, answer.headers["location"]) == (303, here)
        page = ewa.get(here).text
        assert shown in page
        assert offered in page
        assert ("(fraværende)" in ewa.get(path(web)).text) is bool(sent)
    assert "Fraværende siden" not in page


def test_users_added_by_command_share_once_an_administrator_confirms_what_the_page_lists(
    web: Web, ewa: Browser
) -> None:
    where = {"tenant_id": web.stage.tenant.id, "account_id": web.stage.byggesak.id}
    for number, name in ((OLA, "Ola Moen"), (SIV, "Siv Holm")):
        services.add_member(web.stage.deps, **where, number=number, name=name)
    page = ewa.get(path(web)).text
    shown = re.findall(r'name="members" value="([^"]+)"', page)
    assert (page.count("(venter)"), len(shown)) == (2, 3)
    assert shown[2] == ",".join(shown[:2])
    ola = web.browser(OLA)
    assert ola.get("/del").status_code == 404
    answer = ewa.post(path(web, "bekreftelse"), {"members": shown[2]})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path(web)}?bekreftet=2")
    page = ewa.get(answer.headers["location"]).text
    assert "2 brukere er bekreftet" in page
    assert "venter på bekreftelse" not in page
    assert ola.get("/del").status_code == 200


def test_a_user_with_an_erased_name_is_a_former_one(web: Web, ewa: Browser) -> None:
    web.stage.remove("kari")
    with web.stage.deps.database.write() as tx:
        tx.retention.erase_member(web.stage.members["kari"], NOON)
    page = ewa.get(path(web, web.stage.members["kari"]))
    assert page.status_code == 200
    assert "En tidligere bruker" in page.text


@pytest.mark.parametrize("member", ["vigdis", "odd"])
def test_a_user_of_another_account_looks_like_none_at_all(web: Web, ewa: Browser, member: str) -> None:
    member_id = web.stage.members[member]
    assert ewa.get(path(web, member_id)).status_code == 404
    assert ewa.post(path(web, member_id, "fjerning")).status_code == 404
    assert ewa.post(path(web, member_id, "fravar"), {"absent": "1"}).status_code == 404
    assert services.memberships(web.stage.deps, person({"vigdis": VIGDIS, "odd": ODD}[member]))


def test_an_account_of_another_tenant_looks_like_none_at_all(web: Web, ewa: Browser) -> None:
    there = path(web, account="barnevern")
    assert ewa.get(there).status_code == 404
    for below, fields in (
        ("", {"number": OLA, "name": "Ola Moen"}),
        ("/sok", {"number": VIGDIS}),
        ("/liste", {"list": LIST}),
        ("/liste/registrering", {"list": LIST, "shown": "2", "batch": "b"}),
        (f"/{web.stage.members['vigdis']}/fjerning", {}),
    ):
        assert ewa.post(there + below, fields).status_code == 404


def test_a_pasted_list_is_looked_through_before_anything_happens(web: Web, ewa: Browser) -> None:
    page, _ = preview(ewa, web, LIST)
    assert page.status_code == 200
    for words in (
        "1 blir registrert",
        "1 linje er feil og blir utelatt",
        "1 er allerede bruker",
        "1 linje gjentar en annen",
        "Linje 1 er lest som overskrift",
        "Fødselsnummeret har 10 siffer",
        "Samme nummer som linje 2",
        "Registrer 1 bruker",
        f"{SIV[:6]}****",
    ):
        assert words in page.text, words
    shown = re.sub(r"<(textarea|input)[^>]*>[^<]*", "", page.text)
    assert OLA not in shown
    assert names(web) == {"Kari Lunde"}


def test_what_the_preview_showed_is_registered_once_however_often_it_is_sent(web: Web, ewa: Browser) -> None:
    _, fields = preview(ewa, web, LIST)
    for _ in range(2):
        answer = send(ewa, path(web, "liste/registrering"), fields)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{path(web)}?registrert=1")
    assert names(web) == {"Kari Lunde", "Ola Moen"}


def test_a_list_that_another_administrator_was_quicker_with_is_shown_anew(web: Web, ewa: Browser) -> None:
    text = f"{OLA};Ola Moen\n{SIV};Siv Holm"
    _, fields = preview(ewa, web, text)
    web.stage.add(SIV, "Siv Holm", web.stage.byggesak)
    answer = send(ewa, path(web, "liste/registrering"), fields)
    assert answer.status_code == 409
    assert "Noen har registrert eller fjernet personer på listen" in answer.text
    assert "1 er allerede bruker" in answer.text
    assert names(web) == {"Kari Lunde", "Siv Holm"}
    anew = {name: unescape(value) for name, value in HIDDEN.findall(answer.text)}
    assert send(ewa, path(web, "liste/registrering"), anew).status_code == 303
    assert names(web) == {"Kari Lunde", "Ola Moen", "Siv Holm"}


def test_a_list_that_is_refused_as_a_whole_is_shown_again_in_its_form(web: Web, ewa: Browser) -> None:
    _, fields = preview(ewa, web, LIST)
    web.stage.change_tenant(activated_at=None)
    answer = send(ewa, path(web, "liste/registrering"), fields)
    assert (answer.status_code, 'href="#list"' in answer.text, f"{OLA};Ola Moen" in answer.text) == (409, True, True)
    assert "har ikke tatt tjenesten i bruk" in answer.text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_csv_file_is_read_without_script(web: Web, ewa: Browser, encoding: str) -> None:
    content = f"Fødselsnummer;Navn\r\n{OLA};Åse Ærø\r\n".encode(encoding)
    page = send(ewa, path(web, "liste"), {"list": ""}, content)
    assert page.status_code == 200
    assert "Åse Ærø" in page.text
    fields = {name: unescape(value) for name, value in HIDDEN.findall(page.text)}
    assert send(ewa, path(web, "liste/registrering"), fields).status_code == 303
    assert "Åse Ærø" in names(web)


def test_a_list_with_nobody_to_register_has_no_button_for_it(web: Web, ewa: Browser) -> None:
    page, fields = preview(ewa, web, f"{KARI};Kari Lunde")
    assert fields == {}
    assert "Det er ingen å registrere" in page.text


@pytest.mark.parametrize(
    ("text", "file", "field", "words"),
    [
        ("", None, "list", "Listen er tom"),
        ("x\n" * 2001, None, "list", "Listen har 2001 linjer"),
        ("", b"PK\x03\x04\0\0", "file", "Filen kan ikke leses som tekst"),
        ("", b"a" * (2 * LIST_LENGTH + 1), "file", "Listen er for stor"),
        ("", b"a" * (LIST_LENGTH + 1), "list", "Listen er for stor"),
        (f"{OLA};Ola Moen", f"{SIV};Siv Holm".encode(), "file", "ikke begge deler"),
    ],
)
def test_a_list_that_cannot_be_read_is_shown_again_as_it_was_typed(
    web: Web, ewa: Browser, text: str, file: bytes | None, field: str, words: str
) -> None:
    answer = send(ewa, path(web, "liste"), {"list": text}, file)
    assert answer.status_code == 422
    assert words in answer.text
    assert f'href="#{field}"' in answer.text
    assert text in unescape(answer.text)


def test_a_registration_that_says_nothing_registers_nobody(web: Web, ewa: Browser) -> None:
    assert send(ewa, path(web, "liste/registrering"), {}).status_code == 422
    fields = preview(ewa, web, LIST)[1]
    for shown in ("", "1", "x", "2,2", "2,-1", "2,99999999999999999999"):
        assert send(ewa, path(web, "liste/registrering"), fields | {"shown": shown}).status_code == 409
    assert names(web) == {"Kari Lunde"}


def test_a_list_of_the_greatest_length_passes_its_preview(web: Web, ewa: Browser) -> None:
    filling = "ø" * 44
    lines = [f'{number};"{filling[: 44 - len(str(n))]} {n}"' for n, number in enumerate(synthetic_numbers(2000))]
    text = "\r\n".join(line for line in lines)
    assert LIST_LENGTH * 0.8 < len(text.encode()) <= LIST_LENGTH
    page, fields = preview(ewa, web, text)
    assert "Registrer 2000 brukere" in page.text
    answer = send(ewa, path(web, "liste/registrering"), fields)
    assert answer.headers["location"] == f"{path(web)}?registrert=2000"


def test_a_long_list_outlives_the_session_in_which_it_was_typed(web: Web, ewa: Browser) -> None:
    text = "\r\n".join(f"{number};Kari Nordmann" for number in synthetic_numbers(2000))
    web.stage.clock.advance(minutes=31)
    kept = ewa.request(
        "POST",
        path(web, "liste"),
        files={"list": (None, text), "csrf_token": (None, "old")},
        headers={"origin": ORIGIN},
    )
    assert kept.status_code == 401
    assert 'enctype="multipart/form-data"' in kept.text
    carried = re.search(r'<input type="hidden" name="list" value="([^"]*)">', kept.text)
    assert carried
    ewa.log_in(EWA)
    assert "Registrer 2000 brukere" in send(ewa, path(web, "liste"), {"list": unescape(carried[1])}).text


def test_a_tenant_that_has_left_registers_nobody(web: Web, ewa: Browser) -> None:
    web.stage.change_tenant(ended_at=NOON)
    for below, fields in (("", {"number": OLA, "name": "Ola Moen"}), ("/liste", {"list": LIST})):
        answer = ewa.post(path(web) + below, fields)
        assert answer.status_code == 409
        assert "har avsluttet tjenesten" in answer.text


def test_nobody_is_registered_where_the_service_is_not_in_use(web: Web, ewa: Browser) -> None:
    web.stage.change_tenant(activated_at=None)
    answer = ewa.post(path(web), {"number": OLA, "name": "Ola Moen"})
    assert answer.status_code == 409
    assert "har ikke tatt tjenesten i bruk" in answer.text
    assert f'value="{OLA}"' in answer.text
    listed = send(ewa, path(web, "liste"), {"list": LIST})
    assert listed.status_code == 409
    assert "har ikke tatt tjenesten i bruk" in listed.text


def test_no_number_is_stored_in_the_clear(web: Web, ewa: Browser) -> None:
    ewa.post(path(web), {"number": OLA, "name": "Ola Moen"})
    send(ewa, path(web, "liste/registrering"), preview(ewa, web, f"{SIV};Siv Holm")[1])
    stored = "\n".join(contents(web.stage))
    assert names(web) == {"Kari Lunde", "Ola Moen", "Siv Holm"}
    for secret in (OLA, SIV, "Ola Moen", "Siv Holm"):
        assert secret not in stored
        assert secret.encode().hex().upper() not in stored
