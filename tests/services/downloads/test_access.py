"""Who may open a share, the order of the checks, and the answer to each person."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from deldokument import worker
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import Broken, Frozen, Gone, NotFound, RightMissing, Unavailable, existing
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.access_requests import RequestState
from deldokument.domain.shares.policy import CONFIDENTIAL_MAIL, ORDINARY_MAIL, POST_ARKIV, AccessRule
from deldokument.domain.shares.share import Recipient, Verdict
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.registers import MAX_DENIAL_AGE, MAX_RIGHTS_AGE, OrganizationGrant, RegisteredOrganization
from deldokument.services.downloads import access as downloads_access
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery, system_access
from deldokument.services.downloads import offers as offering
from deldokument.services.encryption import (
    AUDIT_PREFIX,
    existing_key,
    subject_hash,
)
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.scans.verdicts import Finding
from deldokument.services.tenants import freezing, registration
from deldokument.services.tenants.freezing import FreezeReason
from tests.support.faults.faulty_ports import FaultyDatabase, FaultyKeyring
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import BANKRUPT, FJELL, KARI, LISE, OLA, PER, SIV, Stage, person


def denials(stage: Stage) -> list[AuditEvent]:
    with stage.deps.database.read() as tx:
        return [event for _, event in tx.audit.events() if event.kind is EventKind.SHARE_DENIED]


def test_a_recipient_sees_who_shares_what_until_when(stage: Stage) -> None:
    share_id = stage.publish(OLA, title="Vedtak", message="Hei Ola")
    offer = offering.open_share(stage.deps, person(OLA), share_id)
    assert (offer.texts.title, offer.texts.message, offer.account.name) == ("Vedtak", "Hei Ola", "Byggesak")
    assert offer.tenant.contact.telephone == "22 00 00 00"
    assert offer.expires_at == stage.clock.now() + timedelta(days=10)
    [document] = offer.documents
    assert (document.name, document.length, document.receipt) == ("vedtak.pdf", 7, None)
    assert document.finding == Finding("text/plain", Verdict.NOT_SCANNED)
    assert offer.acting_for == ()


def test_a_person_with_the_right_opens_for_the_organisation(stage: Stage) -> None:
    share_id = stage.publish(FJELL)
    assert offering.open_share(stage.deps, person(PER), share_id).acting_for == ("FJELL AS (312 824 450)",)
    with pytest.raises(RightMissing):
        offering.open_share(stage.deps, person(LISE), share_id)


def test_who_acts_for_a_named_organisation_learns_which_right_is_missing_and_no_more(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL, title="Vedtak", message="Hei Ola")
    for attempt in (offering.open_share, downloads_access.authorize):
        with pytest.raises(RightMissing) as caught:
            attempt(stage.deps, person(LISE), share_id)
        assert caught.value.code == "right_missing"
        assert caught.value.params == {"organizations": "FJELL AS", "right": CONFIDENTIAL_MAIL}
        assert caught.value.detail == ""
    assert [event.details for event in denials(stage)] == [{"reason": "insufficient_rights"}]


def test_the_right_that_is_missing_is_the_least_that_the_share_needs(stage: Stage) -> None:
    share_id = stage.publish(FJELL, confidential=False)
    stage.rights.held[LISE] = (OrganizationGrant(FJELL, "FJELL AS", frozenset({"regnskapsforer"})),)
    with pytest.raises(RightMissing) as caught:
        downloads_access.authorize(stage.deps, person(LISE), share_id)
    assert caught.value.params["right"] == ORDINARY_MAIL


def test_rights_for_an_organisation_that_is_not_named_are_a_strangers(stage: Stage) -> None:
    stage.rights.held[LISE] = (OrganizationGrant("310240001", "EKSEMPEL", frozenset({ORDINARY_MAIL})),)
    with pytest.raises(NotFound):
        downloads_access.authorize(stage.deps, person(LISE), stage.publish(OLA, FJELL))


@pytest.mark.parametrize("state", ["draft", "ended", "withdrawn"])
def test_no_missing_right_is_named_for_a_share_that_is_not_open(stage: Stage, state: str) -> None:
    if state == "draft":
        share_id = stage.draft().id
        stage.add_recipients(share_id, FJELL)
    else:
        share_id = stage.publish(FJELL)
    if state == "withdrawn":
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
    stage.clock.advance(days=10 if state == "ended" else 0)
    with pytest.raises(NotFound) as caught:
        downloads_access.authorize(stage.deps, person(LISE), share_id)
    assert (caught.value.code, caught.value.params) == ("not_found", {})


def test_ordinary_mail_opens_what_is_marked_not_confidential(stage: Stage) -> None:
    share_id = stage.publish(FJELL, confidential=False)
    assert offering.open_share(stage.deps, person(LISE), share_id).acting_for == ("FJELL AS (312 824 450)",)


def test_who_is_named_and_holds_the_right_opens_for_both(stage: Stage) -> None:
    share_id = stage.publish(PER, FJELL)
    access = downloads_access.authorize(stage.deps, person(PER), share_id)
    assert access.codes == ("named", POST_ARKIV)
    assert len(access.recipient_ids) == 2


def test_a_right_that_is_withdrawn_ends_the_access_at_once(stage: Stage) -> None:
    share_id = stage.publish(FJELL)
    access = downloads_access.authorize(stage.deps, person(PER), share_id)
    assert system_access.may_continue(stage.deps, access)
    stage.rights.held.clear()
    assert not system_access.may_continue(stage.deps, access)
    with pytest.raises(NotFound):
        downloads_access.authorize(stage.deps, person(PER), share_id)


def test_a_right_that_no_longer_suffices_ends_a_running_response(stage: Stage) -> None:
    access = downloads_access.authorize(stage.deps, person(PER), stage.publish(FJELL))
    stage.rights.held[PER] = stage.rights.held[LISE]
    assert not system_access.may_continue(stage.deps, access)


@pytest.mark.parametrize("title", ["unknown", "draft", "other's"])
def test_to_a_stranger_every_share_is_unknown_and_the_reason_is_written_down(stage: Stage, title: str) -> None:
    shares = {"unknown": "x" * 22, "draft": stage.draft().id, "other's": stage.publish(OLA)}
    reasons = {"unknown": "unknown_share", "draft": "not_published", "other's": "not_named"}
    with pytest.raises(NotFound) as caught:
        offering.open_share(stage.deps, person(SIV), shares[title])
    assert (caught.value.code, caught.value.params) == ("not_found", {})
    [event] = denials(stage)
    assert event.details == {"reason": reasons[title]}
    assert event.share_id == (None if title == "unknown" else shares[title])
    assert event.subject_id is not None


def test_a_share_is_not_open_to_its_own_sharer(stage: Stage) -> None:
    with pytest.raises(NotFound):
        offering.open_share(stage.deps, person(KARI), stage.publish(OLA))


class Unreachable:
    """A database that must not be asked."""

    def read(self) -> None:
        raise AssertionError("looked up")


@dataclass
class WatchedRights:
    """Notes how young the answers had to be; ``later`` is the one that is young enough to deny with."""

    stage: Stage
    asked: list[timedelta] = field(default_factory=list)
    later: tuple[OrganizationGrant, ...] | None = None
    fails_later: bool = False

    def grants(self, asked_for: PersonIdentifier, oldest: timedelta = MAX_RIGHTS_AGE) -> tuple[OrganizationGrant, ...]:
        self.asked.append(oldest)
        if oldest == MAX_DENIAL_AGE and self.fails_later:
            raise Unavailable("rights_unavailable")
        if oldest == MAX_DENIAL_AGE and self.later is not None:
            return self.later
        return self.stage.rights.grants(asked_for)


def strange_shares(stage: Stage) -> list[str]:
    """What all look the same to Lise: nothing, a draft, one for a person, and what an organisation of hers had."""
    over = stage.publish(FJELL)
    publishing.withdraw_share(stage.deps, person(KARI), over)
    return ["x" * 22, stage.draft().id, stage.publish(OLA), over]


def test_rights_are_asked_for_alike_for_ids_that_do_not_exist(stage: Stage) -> None:
    for share_id in strange_shares(stage):
        rights = WatchedRights(stage)
        with pytest.raises(NotFound):
            downloads_access.authorize(replace(stage.deps, rights=rights), person(LISE), share_id)
        assert rights.asked == [MAX_RIGHTS_AGE, MAX_DENIAL_AGE]


def test_rights_are_asked_for_before_the_share_is_looked_up(stage: Stage) -> None:
    rights = WatchedRights(stage)
    deps = replace(stage.deps, rights=rights, database=Unreachable())
    with pytest.raises(AssertionError, match="looked up"):
        downloads_access.authorize(deps, person(SIV), "x" * 22)
    assert rights.asked == [MAX_RIGHTS_AGE]


def test_a_person_who_was_just_given_the_right_gets_in_despite_the_cache(stage: Stage) -> None:
    share_id = stage.publish(FJELL)
    rights = WatchedRights(stage, later=stage.rights.held[PER])
    access = downloads_access.authorize(replace(stage.deps, rights=rights), person(LISE), share_id)
    assert access.codes == (POST_ARKIV,)
    assert denials(stage) == []


def test_a_right_that_suffices_is_not_asked_for_twice(stage: Stage) -> None:
    rights = WatchedRights(stage)
    deps, share_id = replace(stage.deps, rights=rights), stage.publish(FJELL)
    downloads_access.authorize(deps, person(PER), share_id)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    with pytest.raises(Gone):
        downloads_access.authorize(deps, person(PER), share_id)
    stage.rights.down = True
    with pytest.raises(Unavailable):
        downloads_access.authorize(deps, person(PER), share_id)
    assert rights.asked == [MAX_RIGHTS_AGE] * 3


def test_rights_too_old_to_deny_with_deny_nobody_and_reveal_no_share(stage: Stage) -> None:
    for share_id in [*strange_shares(stage), stage.publish(FJELL)]:
        deps = replace(stage.deps, rights=WatchedRights(stage, fails_later=True))
        with pytest.raises(Unavailable, match="rights_unknown"):
            downloads_access.authorize(deps, person(LISE), share_id)


def test_with_altinn_down_a_named_person_gets_in(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    stage.rights.down = True
    assert offering.open_share(stage.deps, person(OLA), share_id).id == share_id


def test_with_altinn_down_everybody_else_gets_the_same_answer_for_every_id(stage: Stage) -> None:
    open_share, draft, over = stage.publish(OLA, FJELL), stage.draft().id, stage.publish(FJELL)
    publishing.withdraw_share(stage.deps, person(KARI), over)
    stage.rights.down = True
    for reader in (PER, SIV, LISE):
        for share_id in (open_share, draft, over, "x" * 22):
            with pytest.raises(Unavailable) as caught:
                offering.open_share(stage.deps, person(reader), share_id)
            assert (caught.value.code, caught.value.params, caught.value.detail) == ("rights_unknown", {}, "")
    assert {event.details["reason"] for event in denials(stage) if event.details} == {"rights_unknown"}


@pytest.mark.parametrize("off", [timedelta(seconds=2, microseconds=1), timedelta(hours=1)])
def test_a_node_with_a_wrong_clock_answers_nobody(stage: Stage, off: timedelta) -> None:
    share_id = stage.publish(OLA)
    stage.clock.off = off
    for reader in (OLA, SIV):
        for asked in (share_id, "x" * 22):
            with pytest.raises(Unavailable, match="clock_untrusted"):
                downloads_access.authorize(stage.deps, person(reader), asked)
    stage.clock.off = timedelta(seconds=2)
    assert downloads_access.authorize(stage.deps, person(OLA), share_id)


def test_the_rightful_learn_that_a_share_has_ended_and_whom_to_ask(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    end = stage.clock.now() + timedelta(days=10)
    stage.clock.instant = end
    for _ in range(2):
        for reader in (OLA, PER):
            with pytest.raises(Gone) as caught:
                offering.open_share(stage.deps, person(reader), share_id)
            assert caught.value.code == "share_ended"
            assert caught.value.params == {
                "share": share_id,
                "request": RequestState.POSSIBLE,
                "asked_at": "",
                "refusal": "",
                "at": end.isoformat(),
                "tenant": "Eksempel kommune",
                "account": "Byggesak",
                "telephone": "22 00 00 00",
                "email": "post@eksempel.example",
                "hours": "9-15",
            }
        for stranger in (SIV, LISE):
            with pytest.raises(NotFound):
                offering.open_share(stage.deps, person(stranger), share_id)
        worker.end_what_is_over(stage.deps)
        stage.clock.advance(minutes=30)
        worker.end_what_is_over(stage.deps)


def test_the_rightful_learn_that_a_share_was_withdrawn_and_when(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    stage.clock.advance(hours=1)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    withdrawn_at = stage.clock.now()
    stage.clock.advance(days=100)
    with pytest.raises(Gone) as caught:
        offering.open_share(stage.deps, person(OLA), share_id)
    assert (caught.value.code, caught.value.params["at"]) == ("share_withdrawn", withdrawn_at.isoformat())


def test_opening_is_receipted_once_for_each_person_with_first_and_last(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    first = stage.clock.now()
    offering.open_share(stage.deps, person(OLA), share_id)
    stage.clock.advance(hours=2)
    offering.open_share(stage.deps, person(OLA), share_id)
    with stage.deps.database.read() as tx:
        [receipt] = tx.receipts.of_shares([share_id])
    assert (receipt.document_id, receipt.first_at, receipt.last_at) == (None, first, stage.clock.now())


@pytest.mark.parametrize("code", [POST_ARKIV, "resource:deldokument-taushetsbelagt"])
def test_opening_is_written_down_with_what_gave_the_right(stage: Stage, code: str) -> None:
    rule = AccessRule(confidential=frozenset({code}), ordinary=frozenset({code}))
    stage.deps = replace(stage.deps, config=replace(stage.deps.config, access=rule))
    stage.rights.held[PER] = (OrganizationGrant(FJELL, "FJELL AS", frozenset({"dagl", code})),)
    share_id = stage.publish(OLA, FJELL)
    for reader in (OLA, PER):
        offering.open_share(stage.deps, person(reader), share_id)
    with stage.deps.database.read() as tx:
        events = [event for _, event in tx.audit.events(share_id=share_id)]
    grounds = [(event.details or {})["ground"] for event in events if event.kind is EventKind.SHARE_OPENED]
    assert grounds == ["named", code]


def test_a_response_under_way_lives_on_old_rights_for_fifteen_minutes(stage: Stage) -> None:
    share_id = stage.publish(FJELL)
    access = downloads_access.authorize(stage.deps, person(PER), share_id)
    stage.rights.down = True
    stage.clock.advance(minutes=14, seconds=59)
    assert system_access.may_continue(stage.deps, access)
    stage.clock.advance(seconds=1)
    assert not system_access.may_continue(stage.deps, access)


def test_a_response_that_goes_on_while_altinn_is_silent_records_no_refusal_and_its_end_does(stage: Stage) -> None:
    access = downloads_access.authorize(stage.deps, person(PER), stage.publish(FJELL))
    stage.rights.down = True
    for _ in range(3):
        stage.clock.advance(seconds=5)
        assert system_access.may_continue(stage.deps, access)
    assert denials(stage) == []
    stage.clock.advance(minutes=15)
    assert not system_access.may_continue(stage.deps, access)
    assert len(denials(stage)) == 1


def test_while_altinn_is_silent_a_response_ends_with_the_recipient_that_it_was_for(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    access = downloads_access.authorize(stage.deps, person(PER), share_id)
    stage.rights.down = True
    assert system_access.may_continue(stage.deps, access)
    [fjell] = access.recipient_ids
    changes.remove_recipient(stage.deps, person(KARI), share_id, fjell)
    assert not system_access.may_continue(stage.deps, access)


def test_while_altinn_is_silent_a_right_to_ordinary_mail_keeps_no_confidential_response_alive(stage: Stage) -> None:
    access = downloads_access.authorize(stage.deps, person(PER), stage.publish(FJELL))
    stage.rights.down = True
    rule = AccessRule(confidential=frozenset({CONFIDENTIAL_MAIL}), ordinary=frozenset({POST_ARKIV, ORDINARY_MAIL}))
    deps = replace(stage.deps, config=replace(stage.deps.config, access=rule))
    assert not system_access.may_continue(deps, access)


def test_a_response_under_way_goes_on_while_the_keyring_is_silent(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    access = downloads_access.authorize(stage.deps, person(OLA), share_id)

    def silence() -> None:
        raise Unavailable("keyring")

    deps = replace(stage.deps, keyring=FaultyKeyring(stage.deps.keyring, {AUDIT_PREFIX: silence}))
    assert system_access.may_continue(deps, access)


def test_a_node_with_a_wrong_clock_sends_no_more_of_a_response_and_lists_nothing(stage: Stage) -> None:
    access = downloads_access.authorize(stage.deps, person(OLA), stage.publish(OLA, title="Vedtak"))
    stage.clock.off = timedelta(seconds=3)
    assert not system_access.may_continue(stage.deps, access)
    with pytest.raises(Unavailable, match="clock_untrusted"):
        offering.list_offers(stage.deps, person(OLA))


def test_a_response_under_way_ends_with_the_share_whether_altinn_answers_or_not(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    for reader, down in ((OLA, False), (PER, False), (PER, True)):
        access = downloads_access.authorize(stage.deps, person(reader), share_id)
        now = stage.clock.instant
        stage.clock.advance(days=10)
        stage.rights.down = down
        assert not system_access.may_continue(stage.deps, access)
        stage.rights.down, stage.clock.instant = False, now
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    assert not system_access.may_continue(stage.deps, access)


def test_all_that_is_shared_with_me_is_listed_those_that_end_first_first(stage: Stage) -> None:
    later, soon = stage.publish(OLA), stage.clock.now() + timedelta(days=2)
    sooner = stage.publish(OLA, SIV, FJELL, title="Vedtak om skolebytte", expires_at=soon)
    stage.publish(SIV)
    stage.draft()
    withdrawn = stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), withdrawn)
    listed = offering.list_offers(stage.deps, person(OLA))
    offers, complete = listed.offers, listed.complete
    assert ([offer.id for offer in offers], complete) == ([sooner, later], True)
    first = offers[0]
    assert (first.title, first.account.name, first.expires_at) == ("Vedtak om skolebytte", "Byggesak", soon)
    stage.clock.advance(days=2)
    assert [offer.id for offer in offering.list_offers(stage.deps, person(OLA)).offers] == [later]


def test_shares_with_my_organisations_are_listed_as_far_as_my_rights_reach(stage: Stage) -> None:
    confidential = stage.publish(FJELL, PER)
    ordinary = stage.publish(FJELL, confidential=False)
    offers = offering.list_offers(stage.deps, person(PER)).offers
    assert {offer.id for offer in offers} == {confidential, ordinary}
    assert all(offer.acting_for == ("FJELL AS (312 824 450)",) for offer in offers)
    assert [offer.id for offer in offering.list_offers(stage.deps, person(LISE)).offers] == [ordinary]
    assert offering.list_offers(stage.deps, person(SIV)) == offering.OfferList()


def test_with_altinn_down_the_list_says_that_it_may_not_be_all(stage: Stage) -> None:
    own = stage.publish(PER)
    stage.publish(FJELL)
    stage.rights.down = True
    listed = offering.list_offers(stage.deps, person(PER))
    offers, complete = listed.offers, listed.complete
    assert ([offer.id for offer in offers], complete) == ([own], False)


def test_the_list_shows_my_downloads_and_does_not_count_as_opening(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV, content=b"innhold")
    [document_id] = stage.document_ids(share_id)
    offering.list_offers(stage.deps, person(OLA))
    with stage.deps.database.read() as tx:
        assert tx.receipts.of_shares([share_id]) == []
    content = downloads_content.open_document(stage.deps, person(OLA), share_id, document_id)
    delivery.record_delivery(stage.deps, content, 0, 7)
    for reader, sent in ((OLA, 1), (SIV, 0)):
        [offer] = offering.list_offers(stage.deps, person(reader)).offers
        assert (offer.documents, offer.sent, offer.confirmed) == (1, sent, 0)


def test_the_hash_that_a_refusal_stores_makes_nobody_a_recipient(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    with pytest.raises(NotFound):
        offering.open_share(stage.deps, person(SIV), share_id)
    with stage.deps.database.read() as tx:
        [refused] = [event.subject_id for _, event in tx.audit.events() if event.kind is EventKind.SHARE_DENIED]
        [subject] = tx.subjects.by_ids([existing(refused)])
    inserted = Recipient("inserted", share_id, "person", subject.lookup_hash, b"", confirmed=True, position=9)
    with recording(stage.deps.database) as tx:
        tx.shares.add_recipient(inserted)
    for opens in (offering.open_share, downloads_access.authorize):
        with pytest.raises(NotFound):
            opens(stage.deps, person(SIV), share_id)
    assert offering.list_offers(stage.deps, person(SIV)) == offering.OfferList()


def test_a_grant_for_another_organisation_opens_nothing(stage: Stage) -> None:
    other = registration.parse_organization("310240001").value
    stage.rights.held[SIV] = (OrganizationGrant(other, "ANDRE", frozenset({POST_ARKIV, CONFIDENTIAL_MAIL})),)
    with pytest.raises(NotFound):
        offering.open_share(stage.deps, person(SIV), stage.publish(FJELL))


def test_a_row_that_must_be_there_and_is_not_is_damage() -> None:
    assert existing(0) == 0
    with pytest.raises(Broken):
        existing(None)


def test_a_page_that_renews_itself_is_one_opening(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    for _ in range(3):
        offering.open_share(stage.deps, person(OLA), share_id)
        stage.clock.advance(minutes=1)
    stage.clock.advance(minutes=10)
    offering.open_share(stage.deps, person(OLA), share_id)
    with stage.deps.database.read() as tx:
        kinds = [event.kind for _, event in tx.audit.events(share_id=share_id)]
    assert kinds.count(EventKind.SHARE_OPENED) == 2


def overtaken(stage: Stage, reader: str, share_id: str, *, with_rights: bool = True) -> Dependencies:
    """In which the reader opens the share by another request, decided later, before this one's is recorded."""

    def elsewhere() -> None:
        stage.rights.down = not with_rights
        stage.clock.advance(seconds=1)
        offering.open_share(stage.deps, person(reader), share_id)

    return replace(stage.deps, database=FaultyDatabase(stage.deps.database, before=[elsewhere]))


def test_two_requests_at_once_are_one_opening(stage: Stage) -> None:
    share_id, began = stage.publish(OLA), stage.clock.now()
    assert offering.open_share(overtaken(stage, OLA, share_id), person(OLA), share_id).id == share_id
    with stage.deps.database.read() as tx:
        [receipt] = tx.receipts.of_shares([share_id])
        kinds = [event.kind for _, event in tx.audit.events(share_id=share_id)]
    assert receipt.first_at == receipt.last_at == began + timedelta(seconds=1)
    assert kinds.count(EventKind.SHARE_OPENED) == 1


def test_an_opening_that_is_recorded_late_takes_nothing_from_a_later_one(stage: Stage) -> None:
    share_id, began = stage.publish(PER, FJELL), stage.clock.now()
    offering.open_share(overtaken(stage, PER, share_id, with_rights=False), person(PER), share_id)
    with stage.deps.database.read() as tx:
        times = [(receipt.first_at, receipt.last_at) for receipt in tx.receipts.of_shares([share_id])]
    later = began + timedelta(seconds=1)
    assert sorted(times) == [(began, began), (later, later)]


def test_a_response_under_way_ends_when_the_share_is_frozen_while_altinn_is_silent(stage: Stage) -> None:
    access = downloads_access.authorize(stage.deps, person(PER), stage.publish(FJELL))
    stage.rights.down = True
    stage.change_account(stage.byggesak, frozen_at=stage.clock.now())
    assert not system_access.may_continue(stage.deps, access)


@pytest.mark.parametrize("frozen", ["the account", "the share"])
def test_a_frozen_share_is_not_listed_and_its_recipient_learns_that_it_is_stopped(stage: Stage, frozen: str) -> None:
    share_id = stage.publish(OLA)
    if frozen == "the share":
        freezing.set_share_freeze(stage.deps, share_id, None, FreezeReason.SECURITY)
    else:
        stage.change_account(stage.byggesak, frozen_at=stage.clock.now())
    assert offering.list_offers(stage.deps, person(OLA)) == offering.OfferList()
    with pytest.raises(Frozen) as caught:
        downloads_access.authorize(stage.deps, person(OLA), share_id)
    assert (caught.value.code, caught.value.params["tenant"]) == ("share_stopped", "Eksempel kommune")


def test_the_refusal_that_ends_a_response_names_the_person(stage: Stage) -> None:
    share_id = stage.publish(FJELL)
    access = downloads_access.authorize(stage.deps, person(PER), share_id)
    stage.rights.held.clear()
    assert not system_access.may_continue(stage.deps, access)
    [event] = denials(stage)
    with stage.deps.database.read() as tx:
        [subject] = tx.subjects.by_ids([existing(event.subject_id)])
    key = existing_key(stage.deps.keyring, subject.audit_key_id)
    assert subject.lookup_hash == subject_hash(key, person(PER))


def test_opening_is_written_down_with_the_person_who_opened(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    offering.open_share(stage.deps, person(OLA), share_id)
    with stage.deps.database.read() as tx:
        [opened] = [e for _, e in tx.audit.events(share_id=share_id) if e.kind is EventKind.SHARE_OPENED]
        [receipt] = tx.receipts.of_shares([share_id])
    assert opened.subject_id == receipt.subject_id


@pytest.mark.parametrize(("minutes", "events"), [(0, 1), (9, 1), (10, 2)])
def test_a_share_that_is_looked_at_again_within_ten_minutes_is_opened_once(
    stage: Stage, minutes: int, events: int
) -> None:
    share_id = stage.publish(OLA)
    offering.open_share(stage.deps, person(OLA), share_id)
    stage.clock.advance(minutes=minutes)
    [document] = offering.open_share(stage.deps, person(OLA), share_id).documents
    with stage.deps.database.read() as tx:
        opened = [e for _, e in tx.audit.events(share_id=share_id) if e.kind is EventKind.SHARE_OPENED]
    assert len(opened) == events
    assert document.id == stage.document_ids(share_id)[0]


def test_the_list_asks_for_rights_no_older_than_five_minutes(stage: Stage) -> None:
    rights = WatchedRights(stage)
    offering.list_offers(replace(stage.deps, rights=rights), person(PER))
    assert rights.asked == [MAX_RIGHTS_AGE]


def test_each_organisation_that_lacks_a_right_is_named_by_number_if_it_has_no_name(stage: Stage) -> None:
    stage.rights.held[LISE] += (OrganizationGrant(BANKRUPT, "NEDLAGT FISK AS", frozenset({ORDINARY_MAIL})),)
    stage.register.known[BANKRUPT] = RegisteredOrganization(BANKRUPT, "", "AS", "active")
    share_id = stage.publish(FJELL, BANKRUPT)
    with pytest.raises(RightMissing) as caught:
        downloads_access.authorize(stage.deps, person(LISE), share_id)
    assert caught.value.params["organizations"] == "FJELL AS, 313 017 001"
