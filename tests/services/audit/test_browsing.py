"""The event log: what is found in it, who is named, and that each look is recorded."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import InvalidFields, InvalidInput, existing
from deldokument.domain.shares.share import Share
from deldokument.services.audit import browsing
from deldokument.services.audit import search as audit_search
from deldokument.services.audit.actors import FORGOTTEN, Actor, Actors
from deldokument.services.audit.browsing import LogPage, SearchWords
from deldokument.services.audit.recording import record_event
from deldokument.services.downloads import offers
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import administrators, operators
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import KARI, LISE, ODD, OLA, PER, SIV, VIGDIS, Stage, person, run_all

OSLO = ZoneInfo("Europe/Oslo")
EWA = "47906701517"


def open_log(stage: Stage, number: str = EWA) -> LogPage:
    return browsing.open_log(stage.deps, tenant_id=stage.tenant.id, person=person(number))


def token_of(stage: Stage, **words: str) -> str:
    given = {"tenant_id": stage.tenant.id, "person": person(EWA), "words": SearchWords(**words), "zone": OSLO}
    return browsing.search_log(stage.deps, **given)  # type: ignore[arg-type]


def show(stage: Stage, token: str, number: str = EWA, tenant_id: str | None = None) -> LogPage:
    return browsing.show_log(stage.deps, tenant_id=tenant_id or stage.tenant.id, person=person(number), token=token)


def search(stage: Stage, **words: str) -> LogPage:
    return show(stage, token_of(stage, **words))


def kinds(page: LogPage) -> list[EventKind]:
    return [entry.event.kind for entry in page.entries]


def happen(stage: Stage, count: int, number: str | None = None, kind: EventKind = EventKind.ACCOUNT_RENAMED) -> None:
    with stage.deps.database.write() as tx:
        for _ in range(count):
            who = person(number) if number else None
            record_event(stage.deps, tx, kind, tenant_id=stage.tenant.id, person=who)


def of_log(stage: Stage) -> list[tuple[str | None, AuditEvent]]:
    return [(number, event) for number, event in stage.trail() if event.kind is EventKind.EVENT_LOG_OPENED]


def test_the_newest_come_first_and_the_opening_itself_is_the_newest(stage: Stage) -> None:
    stage.clock.advance(hours=1)
    happen(stage, 2)
    page = open_log(stage)
    assert kinds(page)[:3] == [EventKind.EVENT_LOG_OPENED, EventKind.ACCOUNT_RENAMED, EventKind.ACCOUNT_RENAMED]
    assert [e.number for e in page.entries] == sorted((e.number for e in page.entries), reverse=True)
    [(number, event)] = of_log(stage)
    assert (number, event.details) == (EWA, {"filters": "none"})
    assert (page.person, page.is_first) == (None, True)


def test_a_search_is_recorded_with_its_filters_and_without_their_values(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    token_of(stage, number=OLA, first_day="2026-11-01", kind="share_opened", share=share_id)
    [(number, event)] = of_log(stage)
    assert (number, event.details) == (EWA, {"filters": "time,kind,share,person"})


def test_pages_go_on_until_the_first_event_and_none_is_shown_twice(stage: Stage) -> None:
    stage.clock.advance(hours=1)
    happen(stage, 120)
    page, numbers = open_log(stage), []
    with stage.deps.database.read() as tx:
        last = tx.audit.head(stage.tenant.id).number
    while True:
        numbers += [entry.number for entry in page.entries]
        if page.next is None:
            break
        assert len(page.entries) == browsing.PAGE
        page = show(stage, page.next)
        assert not page.is_first
    assert numbers == list(range(last, 0, -1))
    assert len(of_log(stage)) == 1


def test_the_token_of_a_later_page_leads_back_to_the_first(stage: Stage) -> None:
    happen(stage, 60)
    first = open_log(stage)
    assert first.next
    second = show(stage, first.next)
    assert show(stage, second.token).entries[0] == first.entries[0]


@pytest.mark.parametrize(
    ("words", "hours"),
    [
        ({"first_day": "2026-12-01"}, [-1, 0, 22, 23, 46, 47]),
        ({"last_day": "2026-12-01"}, [-2, -1, 0, 22]),
        ({"first_day": "2026-12-02", "last_day": "2026-12-02"}, [23, 46]),
        ({"first_day": "2.12.2026", "last_day": " 03. 12. 2026 "}, [23, 46, 47]),
        ({"first_day": "2026-12-04"}, []),
    ],
)
def test_days_are_those_of_oslo_both_included(stage: Stage, words: dict[str, str], hours: list[int]) -> None:
    start = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
    for hour in (-2, -1, 0, 22, 23, 46, 47):
        stage.clock.instant = start + timedelta(hours=hour)
        happen(stage, 1, kind=EventKind.ACCOUNT_CLOSED)
    found = search(stage, kind="account_closed", **words)
    assert [(entry.event.at - start) / timedelta(hours=1) for entry in found.entries][::-1] == hours


def test_a_kind_is_found_and_nothing_else(stage: Stage) -> None:
    happen(stage, 2)
    assert set(kinds(search(stage, kind="account_renamed"))) == {EventKind.ACCOUNT_RENAMED}
    assert search(stage, kind="account_renamed").wanted.kind is EventKind.ACCOUNT_RENAMED


def test_a_share_is_found_by_its_id_and_by_its_links(stage: Stage) -> None:
    share_id = stage.publish(OLA, title="Vedtak")
    stage.publish(SIV)
    offers.open_share(stage.deps, person(OLA), share_id)
    for text in (share_id, f"https://del.example/d/{share_id}", f" https://del.example/delinger/{share_id}?x=1 "):
        page = search(stage, share=text)
        assert {entry.event.share_id for entry in page.entries} == {share_id}
        assert EventKind.SHARE_OPENED in kinds(page)
        assert {entry.title for entry in page.entries} == {"Vedtak"}


def test_a_share_of_another_tenant_looks_like_none_at_all(stage: Stage) -> None:
    theirs: Share = stage.draft(VIGDIS, stage.barnevern)
    for text in (theirs.id, "A" * 22, "https://del.example/", "vedtak"):
        with pytest.raises(InvalidFields) as raised:
            token_of(stage, share=text)
        [error] = raised.value.errors
        assert (error.field, error.code) == ("share", "share_unknown")


def test_an_erased_share_is_found_without_its_title(stage: Stage) -> None:
    share_id = stage.publish(OLA, title="Vedtak")
    stage.clock.advance(days=10)
    run_all(stage.deps)
    stage.clock.advance(days=400)
    run_all(stage.deps)
    page = search(stage, share=share_id)
    assert EventKind.SHARE_PUBLISHED in kinds(page)
    assert {entry.title for entry in page.entries} == {""}


def test_a_person_is_found_in_every_month_that_has_its_key(stage: Stage) -> None:
    for _ in range(3):
        happen(stage, 1, KARI)
        happen(stage, 1, ODD)
        stage.clock.advance(days=31)
    page = search(stage, number=KARI[:6] + " " + KARI[6:])
    assert kinds(page) == [EventKind.ACCOUNT_RENAMED] * 3
    assert len(set(page.wanted.subject_ids or ())) == 3
    assert page.person == Actor("Kari Lunde", f"{KARI[:6]} *****")
    stage.deps.keyring.destroy([f"audit:{stage.tenant.id}:2026-11"])
    assert len(search(stage, number=KARI).entries) == 2


def test_a_person_of_whom_there_is_nothing_finds_nothing(stage: Stage) -> None:
    happen(stage, 1, KARI)
    page = search(stage, number=SIV)
    assert (page.entries, page.person) == ((), FORGOTTEN)
    assert search(stage, number=SIV, kind="account_renamed").entries == ()


def test_a_person_in_another_tenants_log_is_not_found_here(stage: Stage) -> None:
    stage.draft(VIGDIS, stage.barnevern)
    assert search(stage, number=VIGDIS).entries == ()


def test_the_person_stays_wanted_when_the_rest_is_changed(stage: Stage) -> None:
    happen(stage, 1, KARI)
    happen(stage, 1, KARI, EventKind.ACCOUNT_CLOSED)
    happen(stage, 1, ODD, EventKind.ACCOUNT_CLOSED)
    token = token_of(stage, number=KARI)
    page = search(stage, kept=token, kind="account_closed")
    assert [entry.who and entry.who.name for entry in page.entries] == ["Kari Lunde"]
    assert [entry.who and entry.who.name for entry in search(stage, kept=token, number=ODD).entries] == ["Odd Bakken"]


def test_a_token_holds_no_number_and_is_good_for_its_owner_and_tenant_for_a_day(stage: Stage) -> None:
    happen(stage, 1, KARI)
    token = token_of(stage, number=KARI)
    assert KARI not in token
    assert token != token_of(stage, number=KARI)
    assert show(stage, token).entries
    with stage.deps.database.read() as tx:
        other = existing(tx.tenants.by_number("213640003"))
    for owner, tenant_id in ((LISE, None), (EWA, other.id)):
        with pytest.raises(InvalidInput, match="search_expired"):
            show(stage, token, owner, tenant_id)
    stage.clock.advance(hours=24)
    with pytest.raises(InvalidInput, match="search_expired"):
        show(stage, token)


@pytest.mark.parametrize("token", ["", "x", "æ", "AAAA", "A" * 200, "%%%"])
def test_what_is_no_token_finds_nothing(stage: Stage, token: str) -> None:
    with pytest.raises(InvalidInput, match="search_expired"):
        show(stage, token)


def test_every_field_that_is_wrong_is_named_at_once(stage: Stage) -> None:
    words = {"first_day": "i går", "last_day": "31.2.2026", "kind": "x", "share": "y", "number": "123"}
    with pytest.raises(InvalidFields) as raised:
        token_of(stage, **words)
    assert [(error.field, error.code) for error in raised.value.errors] == [
        ("first_day", "day_malformed"),
        ("last_day", "day_malformed"),
        ("kind", "event_kind_unknown"),
        ("share", "share_unknown"),
        ("number", "person_number_length"),
    ]
    assert of_log(stage) == []


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        ("2026-12-02", "2026-12-01", "days_reversed"),
        ("1999-01-01", "", "day_malformed"),
        ("", "9999-12-31", "day_malformed"),
    ],
)
def test_days_that_make_no_period_are_refused(stage: Stage, first: str, last: str, code: str) -> None:
    with pytest.raises(InvalidFields) as raised:
        token_of(stage, first_day=first, last_day=last)
    assert [error.code for error in raised.value.errors] == [code]


def test_a_stored_search_that_is_too_old_is_refused(stage: Stage) -> None:
    with pytest.raises(InvalidFields) as raised:
        token_of(stage, kept="AAAA")
    assert raised.value.errors[0].code == "search_expired"


def who(stage: Stage) -> list[Actor | None]:
    return [entry.who for entry in search(stage, kind="account_renamed").entries][::-1]


def test_those_who_act_for_the_tenant_are_named_and_recipients_are_masked(stage: Stage) -> None:
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=EWA, name="Ewa Kowalska")
    operators.add_operator(stage.deps, number=LISE, name="Lise Dahl")
    for number in (KARI, EWA, LISE, OLA, None):
        happen(stage, 1, number)
    assert who(stage) == [
        Actor("Kari Lunde", f"{KARI[:6]} *****"),
        Actor("Ewa Kowalska", f"{EWA[:6]} *****"),
        Actor("Lise Dahl", f"{LISE[:6]} *****"),
        Actor("", f"{OLA[:6]} *****"),
        None,
    ]


def test_a_member_of_another_tenant_is_not_named_here(stage: Stage) -> None:
    happen(stage, 1, VIGDIS)
    assert who(stage) == [Actor("", f"{VIGDIS[:6]} *****")]


def test_a_person_with_an_erased_identifier_is_nobody_any_more(stage: Stage) -> None:
    happen(stage, 1, KARI)
    key_id = f"audit:{stage.tenant.id}:2026-11"
    stage.clock.advance(days=31)
    stage.deps.keyring.destroy([key_id])
    assert who(stage) == [FORGOTTEN]
    with stage.deps.database.write() as tx:
        tx.retention.erase_subjects(key_id)
    assert who(stage) == [FORGOTTEN]
    with stage.deps.database.read() as tx:
        assert tx.audit.verify() is None


def test_persons_are_remembered_within_bounds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    happen(stage, 1, KARI)
    [subject_id] = audit_search.subject_ids_of(stage.deps, stage.tenant.id, person(KARI))
    actors = Actors(stage.deps, stage.tenant.id)
    with stage.deps.database.read() as tx:
        known = actors.of(tx, [subject_id, "unknown"])
        assert known == {subject_id: Actor("Kari Lunde", f"{KARI[:6]} *****"), "unknown": FORGOTTEN}
        monkeypatch.setattr("deldokument.services.audit.actors._REMEMBERED", 1)
        assert actors.of(tx, ["another"]).keys() == {"another"}


def test_details_name_accounts_and_people_as_long_as_they_are_there(stage: Stage) -> None:
    ewa = add_administrator(stage.deps, tenant_id=stage.tenant.id, number=EWA, name="Ewa Kowalska")
    by_kind = {entry.event.kind: entry for entry in open_log(stage).entries}
    added = by_kind[EventKind.MEMBER_ADDED]
    assert added.event.details
    assert set(added.names.values()) == {"Byggesak", "Kari Lunde"}
    assert set(by_kind[EventKind.ADMINISTRATOR_ADDED].names.values()) == {"Ewa Kowalska", f"{EWA[:6]} *****"}
    assert ewa.id in by_kind[EventKind.ADMINISTRATOR_ADDED].names
    assert by_kind[EventKind.TENANT_CREATED].names == {}
    with stage.deps.database.write() as tx:
        for detail in ("account", "member", "administrator", "unheard_of"):
            record_event(stage.deps, tx, EventKind.ACCOUNT_CLOSED, tenant_id=stage.tenant.id, **{detail: "nobody"})  # type: ignore[arg-type]
    assert [entry.names for entry in search(stage, kind="account_closed").entries] == [{}] * 4


def test_a_former_administrator_is_named_as_long_as_the_audit_key_exists(stage: Stage) -> None:
    tenant_id = stage.tenant.id
    for number, name in ((EWA, "Ewa Kowalska"), (SIV, "Siv Holm")):
        added = add_administrator(stage.deps, tenant_id=tenant_id, number=number, name=name)
    administrators.remove_administrator(stage.deps, tenant_id=tenant_id, administrator_id=added.id)
    [removed] = search(stage, kind="administrator_removed").entries
    assert list(removed.names.values()) == [f"{SIV[:6]} *****"]
    stage.deps.keyring.destroy([f"audit:{tenant_id}:2026-11"])
    stage.clock.advance(days=31)
    [removed] = search(stage, kind="administrator_removed").entries
    assert removed.names == {}


def test_the_whole_life_of_a_share_is_in_the_log(stage: Stage) -> None:
    share_id = stage.publish(PER)
    offers.open_share(stage.deps, person(PER), share_id)
    stage.clock.advance(hours=1)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    run_all(stage.deps)
    stage.clock.instant += stage.tenant.retention
    run_all(stage.deps)
    assert kinds(search(stage, share=share_id))[::-1] == [
        EventKind.DRAFT_STARTED,
        EventKind.DRAFT_CHANGED,
        EventKind.DRAFT_CHANGED,
        EventKind.DOCUMENT_COMPLETED,
        EventKind.SHARE_PUBLISHED,
        EventKind.DOCUMENT_INSPECTED,
        EventKind.SHARE_OPENED,
        EventKind.SHARE_WITHDRAWN,
        EventKind.SHARE_KEY_DESTROYED,
        EventKind.SHARE_ERASED,
    ]


def test_a_token_is_good_for_a_day_from_its_record_however_many_pages_are_turned(stage: Stage) -> None:
    happen(stage, 60)
    page = open_log(stage)
    for _ in range(3):
        assert page.next
        stage.clock.advance(hours=7)
        happen(stage, 1)
        page = show(stage, show(stage, page.next).token)
    stage.clock.advance(hours=3)
    for token in (page.token, page.next or ""):
        with pytest.raises(InvalidInput, match="search_expired"):
            show(stage, token)
    assert len(of_log(stage)) == 1
