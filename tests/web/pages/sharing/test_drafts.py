"""The calls that save a share as it grows, and its publication."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import httpx
import pytest

from deldokument import worker
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import InvalidInput
from deldokument.domain.identifiers import parse_person
from deldokument.domain.shares.share import MAX_RECIPIENTS
from deldokument.services.shares.display import queries
from deldokument.services.tenants import registration
from deldokument.store.audit.audit import EventFilter
from deldokument.web.http.responses.i18n import Translator
from deldokument.web.pages.sharing.drafts import email_text, oslo_instant
from tests.support.browser import Browser, Web
from tests.support.stage.accounts import set_rules
from tests.support.stage.numbers import synthetic_numbers
from tests.support.stage.stage import BANKRUPT, DELETED, FJELL, KARI, LISE, ODD, OLA, SIV, VIGDIS, person
from tests.support.stored_data import contents

END = "2026-12-04T15:30"


@pytest.fixture
def kari(web: Web) -> Browser:
    return web.browser(KARI)


@pytest.fixture
def draft(web: Web) -> str:
    return web.stage.draft().id


def words(web: Web, **changes: Any) -> dict[str, Any]:
    """A filled-in form."""
    filled = {
        "account_id": web.stage.byggesak.id, "title": "Vedtak", "message": "Hei", "reference": "24/1",
        "confidential": False, "archived": True, "notify": False, "expires_at": END,
    }  # fmt: skip
    return filled | changes


def save(kari: Browser, draft: str, body: dict[str, Any]) -> httpx.Response:
    return kari.call("PUT", f"/del/utkast/{draft}", body)


def saved(kari: Browser, draft: str) -> dict[str, Any]:
    """The draft as its page shows it; read by a call that changes nothing."""
    return dict(kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": ""}).json()["draft"])


def fault(answer: httpx.Response, field: str) -> str:
    """The words beside ``field``."""
    assert answer.status_code == 422, answer.text
    messages = {error["field"]: error["message"] for error in answer.json()["errors"]}
    assert messages.get(field), messages
    return str(messages[field])


def test_a_draft_is_shown_as_it_was_saved(web: Web, kari: Browser) -> None:
    started = kari.call("POST", "/del/utkast", {"account_id": web.stage.byggesak.id})
    assert started.status_code == 201
    draft = started.json()["draft"]["id"]
    assert save(kari, draft, words(web)).json()["draft"] == saved(kari, draft)
    assert saved(kari, draft) == words(web) | {"id": draft, "proposed": False, "recipients": [], "documents": []}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("title", "x" * 201, "200"), ("title", "a\x00b", "tegn"), ("title", "a\nb", "tegn"), ("title", 7, ""),
        ("title", None, ""), ("title", ["x"], ""), ("message", "x" * 4001, "4"), ("message", "a\x1bb", "tegn"),
        ("message", {"a": 1}, ""), ("reference", "x" * 101, "100"), ("reference", "a\tb", "tegn"),
        ("reference", True, ""), ("confidential", "yes", ""), ("confidential", 1, ""), ("archived", "", ""),
        ("archived", None, ""), ("account_id", 5, ""), ("expires_at", 1796310600, ""), ("expires_at", "i morgen", ""),
        ("expires_at", "2026-02-30T12:00", ""), ("expires_at", "0001-01-01T00:00", ""), ("expires_at", "--", ""),
        ("expires_at", "2026-11-24T12:00", "allerede"), ("expires_at", "2026-11-24T13:30", "1 time"),
        ("expires_at", "2027-03-01T12:00", "90"), ("expires_at", "9999-12-31T23:59", "90"), ("notify", "no", ""),
    ],
)  # fmt: skip
def test_a_fault_is_shown_beside_its_field_and_saved_values_stay(
    web: Web, kari: Browser, draft: str, field: str, value: object, message: str
) -> None:
    save(kari, draft, words(web))
    assert message in fault(save(kari, draft, words(web, **{field: value})), field)
    empty = {"id": draft, "proposed": False, "recipients": [], "documents": []}
    assert saved(kari, draft) | {"expires_at": END} == words(web) | empty


def test_a_period_that_breaks_the_rule_is_reported_while_the_rest_is_kept(web: Web, kari: Browser, draft: str) -> None:
    answer = save(kari, draft, words(web, title="Nytt", expires_at="2027-11-24T12:00"))
    assert "90 dager" in fault(answer, "expires_at")
    assert saved(kari, draft)["title"] == "Nytt"


def test_the_tenants_longest_period_is_the_limit(web: Web, kari: Browser, draft: str) -> None:
    registration.change_tenant_rules(web.stage.deps, tenant_id=web.stage.tenant.id, longest_days=7)
    assert "7 dager" in fault(save(kari, draft, words(web)), "expires_at")
    publication = kari.call("POST", f"/del/utkast/{draft}/publisering")
    assert "7 dager" in fault(publication, "expires_at")


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        ("2026-12-04T15:30", datetime(2026, 12, 4, 14, 30, tzinfo=UTC)),
        ("2027-06-01T15:30", datetime(2027, 6, 1, 13, 30, tzinfo=UTC)),
        ("2027-10-31T02:30", datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
        ("2027-10-31T03:00", datetime(2027, 10, 31, 2, 0, tzinfo=UTC)),
        ("2027-03-28T01:59", datetime(2027, 3, 28, 0, 59, tzinfo=UTC)),
        ("2027-03-28T03:00", datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
        ("", None),
    ],
)
def test_the_end_is_oslo_time_and_a_double_hour_is_its_first(local: str, instant: datetime | None) -> None:
    assert oslo_instant(local) == instant


@pytest.mark.parametrize("gap", ["2027-03-28T02:00", "2027-03-28T02:30", "2027-03-28T02:59"])
def test_an_hour_that_is_skipped_in_spring_is_refused(gap: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        oslo_instant(gap)
    assert caught.value.field == "expires_at"


def test_an_hour_skipped_in_spring_is_reported_beside_the_field(web: Web, draft: str) -> None:
    web.stage.clock.advance(days=100)
    again = web.browser(KARI)
    fault(save(again, draft, words(web, expires_at="2027-03-28T02:30")), "expires_at")


def test_what_a_client_must_not_decide_is_ignored(web: Web, kari: Browser, draft: str) -> None:
    forged = {
        "id": "x", "state": "available", "tenant_id": "t", "member_id": "m", "published_at": "2020-01-01T00:00",
        "link": "https://evil.example", "recipients": [{"id": "r"}], "documents": [{"id": "d", "complete": True}],
        "created_at": "2000-01-01", "closed_at": None, "scan_status": "clean",
    }  # fmt: skip
    assert save(kari, draft, words(web) | forged).status_code == 200
    view, _ = queries.show_share(web.stage.deps, person(KARI), draft)
    assert (view.share.id, view.share.state.value, view.share.published_at, view.recipients, view.documents) == (
        draft,
        "draft",
        None,
        (),
        (),
    )
    announced = kari.call("POST", f"/del/utkast/{draft}/dokumenter", {
        "name": "a.pdf", "length": 5, "offset": 5, "complete": True, "id": "cc" * 16, "inspected": True, "sha256": "x",
    })  # fmt: skip
    document = announced.json()["document"]
    assert (document["offset"], document["complete"], document["id"] != "cc" * 16) == (0, False, True)


def test_recipients_are_split_checked_and_kept_once(kari: Browser, draft: str) -> None:
    pasted = (
        f"{OLA}\n218794 98012; {OLA[:6]}-{OLA[6:]}, 312 824 450\t{FJELL} {BANKRUPT} {DELETED} 21879498013 12345 abc"
    )
    answer = kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": pasted}).json()
    messages = {r["text"]: r["message"] for r in answer["refused"]}
    assert [(r["kind"], r["display"], r["name"]) for r in answer["draft"]["recipients"]] == [
        ("person", "218794 *****", None), ("organization", "312 824 450", "FJELL AS"),
    ]  # fmt: skip
    assert "konkurs" in messages[BANKRUPT]
    assert "slettet" in messages[DELETED]
    assert {"21879498013", "12345", "abc"} <= messages.keys()
    assert str(answer["draft"]).count(OLA) == 1, "its author must check it"


def test_full_width_digits_and_invisible_marks_make_no_second_recipient(kari: Browser, draft: str) -> None:
    wide = "".join(chr(ord(d) + 0xFEE0) for d in OLA)
    for text in (OLA, wide, f"\u202e{OLA[:6]}\u00a0{OLA[6:]}\u200b"):
        answer = kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": text}).json()
    assert len(answer["draft"]["recipients"]) == 1
    assert answer["refused"] == []


def test_with_the_register_silent_a_number_has_no_name_until_the_sharer_confirms_it(
    web: Web, kari: Browser, draft: str
) -> None:
    web.stage.register.down = True
    path = f"/del/utkast/{draft}/mottakere"
    answer = kari.call("POST", path, {"text": f"{FJELL} {OLA}"}).json()
    fjell, ola = answer["draft"]["recipients"]
    assert answer["refused"] == []
    assert [(r["display"], r["name"], r["confirmed"]) for r in (fjell, ola)] == [
        ("312 824 450", None, False),
        ("218794 *****", None, False),
    ]
    kari.call("PUT", f"{path}/{fjell['id']}", {"confirmed": True})
    assert [r["confirmed"] for r in saved(kari, draft)["recipients"]] == [True, False]


def is_person(number: str) -> bool:
    try:
        parse_person(number, allow_synthetic=True)
    except InvalidInput:
        return False
    return True


def test_a_flood_of_recipients_is_refused(kari: Browser, draft: str, web: Web) -> None:
    people = (number for number in map("018190{:05d}".format, range(100_000)) if is_person(number))
    many = "\n".join(islice(people, MAX_RECIPIENTS + 1))
    before = contents(web.stage)
    fault(kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": many}), "recipients")
    assert contents(web.stage) == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"label": "x" * 101}, "label"), ({"label": "a\nb"}, "label"), ({"label": 1}, "label"),
        ({"confirmed": "ja"}, "confirmed"),
    ],
)  # fmt: skip
def test_a_recipients_label_and_tick_are_checked(kari: Browser, draft: str, body: dict[str, Any], field: str) -> None:
    added = kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": OLA}).json()["draft"]["recipients"][0]
    fault(kari.call("PUT", f"/del/utkast/{draft}/mottakere/{added['id']}", body), field)
    assert saved(kari, draft)["recipients"] == [added]


def test_an_organisation_cannot_become_unconfirmed_nor_a_person_confirm_itself(kari: Browser, draft: str) -> None:
    added = kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": f"{OLA} {FJELL}"}).json()["draft"][
        "recipients"
    ]
    assert [r["confirmed"] for r in added] == [False, True]
    kari.call("PUT", f"/del/utkast/{draft}/mottakere/{added[1]['id']}", {"confirmed": False})
    assert [r["confirmed"] for r in saved(kari, draft)["recipients"]] == [False, True]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "", "length": 1}, 422, "documents"), ({"name": "..", "length": 1}, 422, "documents"),
        ({"name": "mappe/", "length": 1}, 422, "documents"), ({"name": "x" * 256, "length": 1}, 422, "documents"),
        ({"name": 1, "length": 1}, 422, "name"), ({"length": 1}, 422, "documents"), ({"name": "a"}, 422, "length"),
        ({"name": "a", "length": "1"}, 422, "length"), ({"name": "a", "length": 1.5}, 422, "length"),
        ({"name": "a", "length": True}, 422, "length"), ({"name": "a", "length": -1}, 422, "documents"),
        ({"name": "a", "length": 2**53}, 422, "length"), ({"name": "a", "length": 5 * 2**30 + 1}, 413, ""),
        ({"name": "a", "length": 1, "modified_at": "x"}, 422, "modified_at"),
    ],
)  # fmt: skip
def test_a_document_is_checked_before_its_first_byte(
    web: Web, kari: Browser, draft: str, body: dict[str, Any], status: int, field: str
) -> None:
    before = contents(web.stage)
    answer = kari.call("POST", f"/del/utkast/{draft}/dokumenter", body)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] == field
    assert answer.json()["errors"][0]["message"]
    assert contents(web.stage) == before


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"), ("C:\\temp\\vedtak.pdf", "vedtak.pdf"),
        ("a\r\nSet-Cookie: b=c", "aSet-Cookie: b=c"),
        (" kart .pdf ", "kart .pdf"), ("CON.txt", "CON.txt"), (".htaccess", ".htaccess"), ("æøå 😀.pdf", "æøå 😀.pdf"),
    ],
)  # fmt: skip
def test_a_documents_name_is_its_last_part_without_what_cannot_be_seen(
    kari: Browser, draft: str, name: str, shown: str
) -> None:
    announced = kari.call("POST", f"/del/utkast/{draft}/dokumenter", {"name": name, "length": 1}).json()
    assert announced["document"]["name"] == shown


def test_a_document_of_five_gibibytes_is_taken(kari: Browser, draft: str) -> None:
    assert kari.call("POST", f"/del/utkast/{draft}/dokumenter", {"name": "a", "length": 5 * 2**30}).status_code == 201


def test_the_same_file_chosen_again_resumes_where_it_stopped(kari: Browser, draft: str) -> None:
    body = {"name": "kart.tif", "length": 9, "modified_at": 1}
    first, second = (kari.call("POST", f"/del/utkast/{draft}/dokumenter", body).json() for _ in range(2))
    assert first["document"]["id"] == second["document"]["id"]
    assert first["upload"]["token"] != second["upload"]["token"]
    assert len(saved(kari, draft)["documents"]) == 1


def test_recipient_and_document_of_another_draft_are_not_found_under_this_one(
    web: Web, kari: Browser, draft: str
) -> None:
    other = web.stage.draft().id
    recipient = kari.call("POST", f"/del/utkast/{other}/mottakere", {"text": OLA}).json()["draft"]["recipients"][0]
    document = kari.call("POST", f"/del/utkast/{other}/dokumenter", {"name": "a", "length": 1}).json()["document"]
    assert kari.call("PUT", f"/del/utkast/{draft}/mottakere/{recipient['id']}", {"label": "x"}).status_code == 404
    assert kari.call("DELETE", f"/del/utkast/{draft}/mottakere/{recipient['id']}").status_code == 404
    assert kari.call("DELETE", f"/del/utkast/{draft}/dokumenter/{document['id']}").status_code == 404
    assert len(saved(kari, other)["recipients"]) == len(saved(kari, other)["documents"]) == 1


@pytest.mark.parametrize("stranger", [ODD, VIGDIS, SIV])
def test_a_draft_of_an_account_that_is_not_mine_does_not_exist(web: Web, draft: str, stranger: str) -> None:
    browser = web.browser(stranger)
    for share_id in (draft, "AAAAAAAAAAAAAAAAAAAAAA"):
        assert browser.get(f"/del?utkast={share_id}").status_code == 404
        assert browser.call("PUT", f"/del/utkast/{share_id}", words(web)).status_code == 404
    assert browser.call("POST", "/del/utkast", {"account_id": web.stage.byggesak.id}).status_code == 404


def test_a_draft_cannot_be_moved_to_an_account_that_is_not_mine(web: Web, kari: Browser, draft: str) -> None:
    before = saved(kari, draft)
    for account in (web.stage.barnevern.id, "", "x"):
        assert save(kari, draft, words(web, account_id=account)).status_code == 404
    assert saved(kari, draft) == before
    assert save(kari, draft, words(web, account_id=web.stage.avtaler.id)).status_code == 200


def test_a_removed_member_loses_the_draft_at_once(web: Web, kari: Browser, draft: str) -> None:
    web.stage.remove("kari")
    assert save(kari, draft, words(web)).status_code == 404
    assert kari.call("POST", f"/del/utkast/{draft}/publisering").status_code == 404


def test_publishing_names_all_that_is_missing_at_once(kari: Browser, draft: str) -> None:
    answer = kari.call("POST", f"/del/utkast/{draft}/publisering")
    assert answer.status_code == 422
    assert {e["field"] for e in answer.json()["errors"]} == {"documents", "recipients", "expires_at", "archived"}
    assert all(e["message"] for e in answer.json()["errors"])


def test_publishing_waits_for_uploads_and_confirmations(web: Web, kari: Browser, draft: str) -> None:
    save(kari, draft, words(web))
    kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": OLA})
    kari.call("POST", f"/del/utkast/{draft}/dokumenter", {"name": "a", "length": 1})
    answer = kari.call("POST", f"/del/utkast/{draft}/publisering")
    assert "lastet opp" in fault(answer, "documents")
    assert fault(answer, "recipients")


def test_the_question_of_the_archive_is_asked_only_where_the_tenant_asks_it(
    web: Web, kari: Browser, draft: str
) -> None:
    registration.change_tenant_rules(web.stage.deps, tenant_id=web.stage.tenant.id, ask_archived=False)
    answer = kari.call("POST", f"/del/utkast/{draft}/publisering")
    assert "archived" not in {e["field"] for e in answer.json()["errors"]}


def published(web: Web, kari: Browser, draft: str, **changes: Any) -> httpx.Response:
    save(kari, draft, words(web, **changes))
    web.stage.add_recipients(draft, OLA)
    web.stage.upload(draft, "vedtak.pdf", b"innhold")
    return kari.call("POST", f"/del/utkast/{draft}/publisering")


def test_publishing_again_says_the_same_and_changes_nothing(web: Web, kari: Browser, draft: str) -> None:
    first = published(web, kari, draft)
    assert first.json() == {"location": f"/delinger/{draft}/delt"}
    before = contents(web.stage)
    assert kari.call("POST", f"/del/utkast/{draft}/publisering").json() == first.json()
    assert contents(web.stage) == before


def test_what_another_page_has_put_in_is_not_shared_unseen(web: Web, kari: Browser, draft: str) -> None:
    save(kari, draft, words(web))
    web.stage.add_recipients(draft, OLA)
    web.stage.upload(draft, "vedtak.pdf", b"innhold")

    def shown() -> dict[str, list[str]]:
        page = saved(kari, draft)
        return {name: [one["id"] for one in page[name]] for name in ("documents", "recipients")}

    def publish(seen: dict[str, Any]) -> int:
        return kari.call("POST", f"/del/utkast/{draft}/publisering", seen).status_code

    before = shown()
    web.stage.add_recipients(draft, FJELL)
    assert publish(before) == 409
    before = shown()
    web.stage.upload(draft, "plan.pdf", b"innhold")
    assert publish(before) == 409
    assert publish(shown() | {"recipients": OLA}) == publish(shown() | {"documents": [1]}) == 422
    assert publish(shown()) == 200


def test_nothing_of_a_published_share_can_be_changed_as_a_draft(web: Web, kari: Browser, draft: str) -> None:
    published(web, kari, draft)
    recipient = "x"
    before = contents(web.stage)
    tries = [
        save(kari, draft, words(web)), kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": SIV}),
        kari.call("DELETE", f"/del/utkast/{draft}/mottakere/{recipient}"), kari.post(f"/del/utkast/{draft}/forkasting"),
        kari.post(f"/del/utkast/{draft}/angring"),
        kari.call("POST", f"/del/utkast/{draft}/dokumenter", {"name": "a", "length": 1}),
    ]  # fmt: skip
    assert {answer.status_code for answer in tries} == {409}
    assert contents(web.stage) == before


def test_a_draft_past_its_end_is_not_published(web: Web, kari: Browser, draft: str) -> None:
    save(kari, draft, words(web, expires_at="2026-11-24T15:00"))
    web.stage.add_recipients(draft, OLA)
    web.stage.upload(draft, "vedtak.pdf", b"innhold")
    web.stage.clock.advance(hours=3)
    fault(web.browser(KARI).call("POST", f"/del/utkast/{draft}/publisering"), "expires_at")


def test_an_abandoned_draft_is_said_to_be_over(web: Web, draft: str) -> None:
    web.stage.clock.advance(minutes=59)
    worker.end_what_is_over(web.stage.deps)
    for _ in range(7 * 24 + 1):
        web.stage.clock.advance(hours=1)
        worker.end_what_is_over(web.stage.deps)
    kari = web.browser(KARI)
    assert save(kari, draft, words(web, expires_at="2026-12-20T12:00")).status_code == 409
    assert kari.get(f"/del?utkast={draft}").status_code in {303, 404}


def test_the_e_mail_text_says_who_sends_how_to_log_in_the_end_and_whom_to_call(
    web: Web, kari: Browser, draft: str
) -> None:
    published(web, kari, draft, title="Hemmelig tittel", message="Hemmelig melding")
    view, _ = queries.show_share(web.stage.deps, person(KARI), draft)
    texts = {language: email_text(view, Translator(language)) for language in ("nb", "nn", "en")}
    for text in texts.values():
        for part in (
            "Eksempel kommune",
            "Byggesak",
            "ID-porten",
            "BankID",
            view.link,
            "22 00 00 00",
            "post@eksempel.example",
        ):
            assert part in text
        assert "15" in text
        assert "4. desember 2026" in text or "4 December 2026" in text
        assert "Hemmelig" not in text
        assert "vedtak.pdf" not in text
        assert OLA[:6] not in text
    assert len(set(texts.values())) == 3
    page = kari.get(f"/delinger/{draft}/delt").text
    assert view.link in page


def test_the_page_of_a_draft_shows_saved_values_as_data_and_not_as_code(web: Web, kari: Browser, draft: str) -> None:
    save(kari, draft, words(web, title="</script><script>alert(1)</script>"))
    page = kari.get(f"/del?utkast={draft}").text
    assert "<script>alert" not in page
    assert "\\u003c/script\\u003e" in page


def test_the_form_offers_a_month_and_the_tenants_limits(web: Web, kari: Browser) -> None:
    page = kari.get("/del").text
    assert '"default_expires_at": "2026-12-23T15:30"' in page or '"default_expires_at": "2026-12-24T13:00"' in page
    assert f'"max_document_length": {5 * 2**30}' in page
    assert web.stage.clock.now() + timedelta(days=90) == datetime(2027, 2, 22, 12, 0, tzinfo=UTC)
    assert '"latest": "2027-02-22T13:00"' in page


def test_a_person_without_an_account_sees_no_form_to_share(web: Web) -> None:
    for number in (OLA, LISE):
        assert web.browser(number).get("/del").status_code == 404


@pytest.mark.parametrize(("hours", "period"), [(12, "12 timer"), (24, "1 dag"), (36, "36 timer")])
def test_an_accounts_longest_period_is_shown_as_it_is(
    web: Web, kari: Browser, draft: str, hours: int, period: str
) -> None:
    set_rules(web.stage, web.stage.byggesak, standard=timedelta(hours=2), longest=timedelta(hours=hours))
    assert f"høyst {period}." in fault(save(kari, draft, words(web)), "expires_at")
    assert published(web, kari, draft, expires_at="2026-11-24T18:00").status_code == 200
    assert f"Høyst {period} fra nå." in kari.get(f"/delinger/{draft}").text


def shown(browser: Browser, draft: str) -> list[dict[str, Any]]:
    """The recipients as the page of the draft has them."""
    page = browser.get(f"/del?utkast={draft}").text
    found = re.search(r'<script type="application/json" id="draft">(.*?)</script>', page, re.DOTALL)
    assert found
    return list(json.loads(found[1])["recipients"])


def test_a_number_that_must_be_confirmed_is_shown_to_the_author_and_to_nobody_else(
    web: Web, kari: Browser, draft: str
) -> None:
    save(kari, draft, words(web))
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": f"{OLA} {FJELL}"})
    [ola, fjell] = shown(kari, draft)
    assert (ola["number"], fjell["number"]) == (OLA, None)
    same_day = synthetic_numbers(2)
    added = kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": " ".join(same_day)}).json()
    assert [one["number"] for one in added["draft"]["recipients"]] == [OLA, None, *same_day]
    assert OLA not in web.browser(ODD).get(f"/del?utkast={draft}").text
    kari.call("PUT", f"/del/utkast/{draft}/mottakere/{ola['id']}", {"confirmed": True})
    assert OLA not in kari.get(f"/del?utkast={draft}").text
    assert OLA not in kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": FJELL}).text
    assert numbers_shown(web) == 0


def numbers_shown(web: Web) -> int:
    """How often the event log says that a person could see numbers."""
    with web.stage.deps.database.read() as tx:
        found = tx.audit.newest(EventFilter(web.stage.tenant.id), before=None, limit=1000)
    return sum(stored.event.kind is EventKind.NUMBERS_DISCLOSED for stored in found)


def test_the_event_log_has_it_when_a_colleague_could_see_numbers_of_another(
    web: Web, kari: Browser, draft: str
) -> None:
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": OLA})
    odd, published = web.browser(ODD), web.stage.publish(OLA)
    for browser, count, original in ((odd, 1, draft), (kari, 1, published), (odd, 2, published)):
        copy = browser.post(f"/delinger/{original}/kopi").headers["location"].rpartition("=")[2]
        assert (shown(browser, copy)[0]["number"], numbers_shown(web)) == (OLA, count)


def test_the_account_that_was_shared_from_last_is_proposed(web: Web, kari: Browser) -> None:
    for account in (web.stage.byggesak, web.stage.avtaler, web.stage.byggesak):
        web.stage.clock.advance(minutes=1)
        web.stage.draft(account=account)
        assert f'<option value="{account.id}" selected>' in kari.get("/del").text


def test_a_recently_used_recipient_is_offered_and_added_unconfirmed_with_its_number(web: Web, kari: Browser) -> None:
    web.stage.publish(OLA)
    draft = web.stage.draft().id
    page = kari.get(f"/del?utkast={draft}").text
    [chip] = re.findall(r'data-recent="([^"]+)"', page)
    assert OLA not in page
    answer = kari.call("POST", f"/del/utkast/{draft}/nylig-brukt", {"recent": chip}).json()
    [added] = answer["draft"]["recipients"]
    assert (added["display"], added["number"], added["confirmed"]) == ("218794 *****", OLA, False)
    assert answer["refused"] == []
    assert kari.call("POST", f"/del/utkast/{draft}/nylig-brukt", {"recent": "x"}).status_code == 404
