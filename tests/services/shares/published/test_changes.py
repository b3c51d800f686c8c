"""A published share is changed: a recipient or document removed at once, texts corrected, more or less confidential."""

from datetime import timedelta
from itertools import permutations

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Frozen, InvalidFields, InvalidInput, NotFound, RightMissing, existing
from deldokument.domain.shares.share import Progress
from deldokument.domain.shares.text_fields import ShareTexts
from deldokument.domain.tenants.tenancy import IntegrationRights
from deldokument.services.downloads import access, offers, system_access
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads.delivery import record_delivery
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.proposal_views import ProposalView
from deldokument.services.shares.display.receipts import list_receipts
from deldokument.services.shares.display.report import share_report
from deldokument.services.shares.display.views import ShareView
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.tenants.freezing import FreezeReason, set_share_freeze
from tests.services.shares.display.test_receipts import download
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.accounts import events_of, set_rules
from tests.support.stage.changes import change_of
from tests.support.stage.stage import DELETED, FJELL, KARI, LISE, ODD, OLA, PER, SIV, VIGDIS, Stage, person, run_all
from tests.support.stored_data import names

ADDED, REMOVED, CORRECTED, MARKED = (
    EventKind.RECIPIENT_ADDED,
    EventKind.RECIPIENT_REMOVED,
    EventKind.SHARE_CORRECTED,
    EventKind.CONFIDENTIALITY_CHANGED,
)
PROPOSED, APPROVED, RETURNED = EventKind.CHANGE_PROPOSED, EventKind.CHANGE_APPROVED, EventKind.CHANGE_RETURNED


def shown(stage: Stage, share_id: str) -> ShareView:
    return queries.view_share(stage.deps, person(KARI), share_id)


def id_of(stage: Stage, share_id: str, start: str) -> str:
    """The recipient whose number is shown with that beginning."""
    [found] = [one.id for one in shown(stage, share_id).recipients if one.display.startswith(start)]
    return found


def remove(stage: Stage, share_id: str, start: str = OLA[:6], who: str = KARI) -> str:
    recipient_id = id_of(stage, share_id, start)
    changes.remove_recipient(stage.deps, person(who), share_id, recipient_id)
    return recipient_id


def correct(stage: Stage, share_id: str, **values: object) -> bool:
    return changes.change_share(stage.deps, person(KARI), share_id, change_of(**values))


def events_without_versions(
    stage: Stage, share_id: str, *kinds: EventKind
) -> list[tuple[EventKind, dict[str, str | int]]]:
    """The events of these kinds, without revision and versions."""
    found = [event for event in events_of(stage, share_id) if event.kind in kinds]
    return [
        (one.kind, {k: v for k, v in (one.details or {}).items() if k not in {"revision", "versions"}}) for one in found
    ]


def test_a_removed_recipient_is_a_stranger_and_the_others_notice_nothing(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV, title="Vedtak")
    offers.open_share(stage.deps, person(OLA), share_id)
    recipient_id = remove(stage, share_id)
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(OLA), share_id)
    assert offers.list_offers(stage.deps, person(OLA)).offers == ()
    assert offers.open_share(stage.deps, person(SIV), share_id).texts.title == "Vedtak"
    with stage.deps.database.read() as tx:
        [tombstone] = [one for one in tx.shares.all_recipients([share_id]) if one.removed_at]
    assert (tombstone.sealed_grant, tombstone.sealed_audit_grant) == (b"", b"")
    assert events_without_versions(stage, share_id, REMOVED) == [(REMOVED, {"recipient": recipient_id})]
    assert stage.deps.damage.is_empty


def test_the_receipts_of_a_removed_recipient_stay_until_the_share_is_erased(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    download(stage, share_id, OLA)
    stage.clock.advance(minutes=1)
    recipient_id = remove(stage, share_id)
    [removed] = shown(stage, share_id).removed_recipients
    assert (removed.id, removed.display, removed.removed_at) == (recipient_id, "218794 *****", stage.clock.now())
    assert [one.document_name for one in removed.downloads] == ["vedtak.pdf"]
    assert [one.display for one in shown(stage, share_id).recipients] == ["148391 *****"]
    receipts = list_receipts(stage.deps, person(KARI), share_id).receipts
    assert {one.recipient for one in receipts} == {"218794 *****"}
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    stage.clock.advance(days=400)
    run_all(stage.deps)
    with stage.deps.database.read() as tx:
        assert tx.shares.all_recipients([share_id]) == []


def test_in_every_order_of_removals_a_response_runs_on_as_long_as_a_recipient_of_the_reader_is_left(
    stage: Stage,
) -> None:
    """Per reads for himself and for Fjell. It makes no difference whether Altinn answers."""
    starts = {OLA: OLA[:6], PER: PER[:6], FJELL: "312"}
    grounds = {OLA: {OLA}, PER: {PER, FJELL}}
    for order in permutations(starts, 2):
        share_id = stage.publish(*starts)
        running = {reader: access.authorize(stage.deps, person(reader), share_id) for reader in grounds}
        left = set(starts)
        for removed in order:
            remove(stage, share_id, starts[removed])
            left.discard(removed)
            for stage.rights.down in (True, False):
                may = {reader for reader, one in running.items() if system_access.may_continue(stage.deps, one)}
                assert may == {reader for reader, needed in grounds.items() if needed & left}, (order, removed)


def test_the_last_recipient_stays(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    remove(stage, share_id)
    with pytest.raises(Conflict, match="last_recipient"):
        remove(stage, share_id, SIV[:6])
    assert offers.open_share(stage.deps, person(SIV), share_id)


def test_nobody_else_removes_and_nobody_twice(stage: Stage) -> None:
    integrate(stage, rights=IntegrationRights.READ)
    share_id = stage.publish(OLA, SIV)
    recipient_id = id_of(stage, share_id, OLA[:6])
    with pytest.raises(NotFound):
        changes.remove_recipient(stage.deps, person(VIGDIS), share_id, recipient_id)
    with pytest.raises(RightMissing):
        changes.remove_recipient(stage.deps, SYSTEM, share_id, recipient_id)
    remove(stage, share_id)
    with pytest.raises(NotFound):
        changes.remove_recipient(stage.deps, person(KARI), share_id, recipient_id)


@pytest.mark.parametrize("state", ["draft", "withdrawn", "ended"])
def test_only_an_open_share_is_changed(stage: Stage, state: str) -> None:
    share_id = stage.draft().id if state == "draft" else stage.publish(OLA, SIV)
    recipient_id = "" if state == "draft" else id_of(stage, share_id, OLA[:6])
    if state == "withdrawn":
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
    if state == "ended":
        stage.clock.advance(days=10)
    with pytest.raises(Conflict, match="share_over"):
        changes.remove_recipient(stage.deps, person(KARI), share_id, recipient_id)
    with pytest.raises(Conflict, match="share_over"):
        correct(stage, share_id, title="Nytt")
    with pytest.raises(Conflict, match="share_over"):
        add(stage, share_id, "no number")


def test_a_stopped_share_loses_recipients_but_is_not_corrected(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    set_share_freeze(stage.deps, share_id, None, FreezeReason.SECURITY)
    remove(stage, share_id)
    with pytest.raises(Frozen):
        correct(stage, share_id, title="Nytt")


def test_four_eyes_do_not_delay_a_removal_and_a_copy_leaves_the_removed_one_out(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    set_rules(stage, stage.byggesak, four_eyes=True)
    remove(stage, share_id)
    copied = publishing.copy_share(stage.deps, person(KARI), share_id)
    assert [one.display for one in shown(stage, copied.id).recipients] == ["148391 *****"]


@pytest.fixture
def pair(stage: Stage) -> str:
    """A share for Ola with two documents, «vedtak.pdf» and «kart.pdf», both sent to him."""
    share_id = stage.publish(OLA, also=["kart.pdf"])
    for document_id in stage.document_ids(share_id):
        content = downloads_content.open_document(stage.deps, person(OLA), share_id, document_id)
        record_delivery(stage.deps, content, 0, content.length)
    return share_id


def remove_document(stage: Stage, share_id: str, place: int = 0, who: str = KARI) -> str:
    document_id = stage.document_ids(share_id)[place]
    changes.remove_document(stage.deps, person(who), share_id, document_id)
    return document_id


def test_a_removed_document_is_sent_to_nobody_and_its_bytes_are_deleted(stage: Stage, pair: str) -> None:
    blobs = names(stage.deps.blobs, stage.folder)
    whole = downloads_content.open_archive(stage.deps, person(OLA), pair)
    removed, kept = stage.document_ids(pair)
    running = {one: downloads_content.open_document(stage.deps, person(OLA), pair, one) for one in (removed, kept)}
    remove_document(stage, pair)
    with pytest.raises(NotFound):
        downloads_content.open_document(stage.deps, person(OLA), pair, removed)
    assert [one.id for one in offers.open_share(stage.deps, person(OLA), pair).documents] == [kept]
    left = downloads_content.open_archive(stage.deps, person(OLA), pair)
    assert (left.sources.ids(), left.length < whole.length, left.etag != whole.etag) == ([kept], True, True)
    assert [downloads_content.may_send_on(stage.deps, one) for one in (*running.values(), whole, left)] == [
        *(False, True, False, True),
    ]
    with stage.deps.database.read() as tx:
        assert tx.accounts.stored_bytes(stage.byggesak.id) == len(b"innhold")
    run_all(stage.deps)
    assert len(names(stage.deps.blobs, stage.folder)) == len(blobs) - 1
    assert events_without_versions(stage, pair, EventKind.DOCUMENT_REMOVED) == [
        (EventKind.DOCUMENT_REMOVED, {"document": removed})
    ]
    assert stage.deps.damage.is_empty


def test_receipts_and_report_name_a_removed_document_until_the_share_is_erased(stage: Stage, pair: str) -> None:
    stage.clock.advance(minutes=1)
    removed = remove_document(stage, pair)
    view = shown(stage, pair)
    [tombstone] = view.removed_documents
    assert (tombstone.id, tombstone.name, tombstone.removed_at) == (removed, "vedtak.pdf", stage.clock.now())
    [ola] = view.recipients
    assert (ola.progress, ola.sent, len(ola.downloads)) == (Progress.SENT, 1, 2)
    receipts = list_receipts(stage.deps, person(KARI), pair).receipts
    assert {one.document_name for one in receipts} == {"vedtak.pdf", "kart.pdf"}
    report = share_report(stage.deps, person(KARI), pair)
    assert [(one.name, one.removed_at is None, one.verdict) for one in report.documents] == [
        ("kart.pdf", True, "not_scanned"),
        ("vedtak.pdf", False, "not_scanned"),
    ]
    publishing.withdraw_share(stage.deps, person(KARI), pair)
    stage.clock.advance(days=400)
    run_all(stage.deps)
    with stage.deps.database.read() as tx:
        assert tx.shares.removed_documents([pair]) == []


def test_the_last_document_stays_and_nobody_else_removes_one(stage: Stage, pair: str) -> None:
    integrate(stage, rights=IntegrationRights.READ)
    other = stage.publish(OLA)
    for sharer in (person(VIGDIS), person(OLA)):
        with pytest.raises(NotFound):
            changes.remove_document(stage.deps, sharer, pair, stage.document_ids(pair)[0])
    with pytest.raises(RightMissing):
        changes.remove_document(stage.deps, SYSTEM, pair, stage.document_ids(pair)[0])
    with pytest.raises(NotFound):
        changes.remove_document(stage.deps, person(KARI), pair, stage.document_ids(other)[0])
    remove_document(stage, pair)
    with pytest.raises(Conflict, match="last_document"):
        remove_document(stage, pair)


def test_a_document_is_removed_with_one_pair_of_eyes_and_also_from_a_stopped_share(stage: Stage, pair: str) -> None:
    set_rules(stage, stage.byggesak, four_eyes=True)
    set_share_freeze(stage.deps, pair, None, FreezeReason.SECURITY)
    remove_document(stage, pair)
    publishing.withdraw_share(stage.deps, person(KARI), pair)
    with pytest.raises(Conflict, match="share_over"):
        remove_document(stage, pair)


def test_in_every_order_of_removals_exactly_the_downloads_without_a_removed_document_go_on(stage: Stage) -> None:
    for order in permutations(range(3), 2):
        share_id = stage.publish(OLA, also=["a.pdf", "b.pdf"])
        ids = stage.document_ids(share_id)
        contents = [downloads_content.open_document(stage.deps, person(OLA), share_id, one) for one in ids]
        removed = set[str]()
        for place in order:
            contents.append(downloads_content.open_archive(stage.deps, person(OLA), share_id))
            changes.remove_document(stage.deps, person(KARI), share_id, ids[place])
            removed.add(ids[place])
            for content in contents:
                may = removed.isdisjoint(content.sources.ids())
                assert downloads_content.may_send_on(stage.deps, content) is may, (order, place)


def test_texts_are_corrected_and_the_recipient_sees_them(stage: Stage) -> None:
    share_id = stage.publish(OLA, title="Vedtk", message="Hei", reference="26/1")
    recipient_id = id_of(stage, share_id, OLA[:6])
    labels = {recipient_id: "søker"}
    correct(stage, share_id, title=" Vedtak ", message="Hei Ola", reference="26/2", labels=labels)
    offer = offers.open_share(stage.deps, person(OLA), share_id)
    assert (offer.texts.title, offer.texts.message) == ("Vedtak", "Hei Ola")
    view = shown(stage, share_id)
    assert (view.texts.reference, view.recipients[0].label) == ("26/2", "søker")
    [found] = queries.list_shares(stage.deps, person(KARI), reference="26/2").shares
    assert found.share.id == share_id
    assert events_without_versions(stage, share_id, CORRECTED) == [
        (CORRECTED, {"changed": "title,message,reference,label"})
    ]


def test_a_correction_that_changes_nothing_is_no_event(stage: Stage) -> None:
    share_id = stage.publish(OLA, title="Vedtak", message="Hei", reference="26/1")
    recipient_id = id_of(stage, share_id, OLA[:6])
    correct(
        stage, share_id, title="Vedtak", message="Hei", reference="26/1", confidential=True, labels={recipient_id: ""}
    )
    correct(stage, share_id)
    assert events_without_versions(stage, share_id, CORRECTED, MARKED) == []


def test_a_share_becomes_confidential_at_once_and_less_confidential_opens_it_to_more(stage: Stage) -> None:
    share_id = stage.publish(FJELL, confidential=False)
    running = access.authorize(stage.deps, person(LISE), share_id)
    correct(stage, share_id, confidential=True)
    assert not system_access.may_continue(stage.deps, running)
    stage.rights.down = True
    assert not system_access.may_continue(stage.deps, running)
    stage.rights.down = False
    correct(stage, share_id, confidential=False)
    assert access.authorize(stage.deps, person(LISE), share_id)
    assert events_without_versions(stage, share_id, MARKED) == [
        (MARKED, {"now": "confidential"}),
        (MARKED, {"now": "ordinary"}),
    ]


@pytest.mark.parametrize(
    ("values", "field"),
    [({"title": "x" * 201}, "title"), ({"message": "\0"}, "message"), ({"reference": "x" * 101}, "reference")],
)
def test_a_wrong_text_changes_nothing(stage: Stage, values: dict[str, str], field: str) -> None:
    share_id = stage.publish(OLA, title="Vedtak")
    with pytest.raises(InvalidInput) as refused:
        correct(stage, share_id, **{"confidential": False} | values)
    assert refused.value.field == field
    assert shown(stage, share_id).share.confidential


def test_a_label_of_a_recipient_of_another_share_is_not_found(stage: Stage) -> None:
    share_id, other = stage.publish(OLA, title="Vedtak"), stage.publish(SIV)
    with pytest.raises(NotFound):
        correct(stage, share_id, title="Nytt", labels={id_of(stage, other, SIV[:6]): "nabo"})
    assert shown(stage, share_id).texts.title == "Vedtak"


def add(stage: Stage, share_id: str, *numbers: str, confirmed: bool | None = None) -> bool:
    inputs = [RecipientInput(number, "nabo", confirmed) for number in numbers]
    return changes.add_recipients(stage.deps, person(KARI), share_id, inputs)


def test_a_recipient_is_added_and_another_again_after_a_removal(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    assert not add(stage, share_id, SIV, OLA, FJELL)
    assert [one.label for one in shown(stage, share_id).recipients] == ["", "nabo", "nabo"]
    for reader in (OLA, SIV, PER):
        assert offers.open_share(stage.deps, person(reader), share_id)
    remove(stage, share_id)
    add(stage, share_id, OLA)
    assert offers.open_share(stage.deps, person(OLA), share_id)
    view = shown(stage, share_id)
    assert (len(view.recipients), len(view.removed_recipients)) == (3, 1)
    assert [kind for kind, _ in events_without_versions(stage, share_id, ADDED, REMOVED)] == [
        ADDED,
        ADDED,
        REMOVED,
        ADDED,
    ]


@pytest.mark.parametrize(
    ("number", "code"),
    [("21879498013", "person_number_unknown"), (DELETED, "organization_deleted"), (SIV, "recipients_unconfirmed")],
)
def test_a_wrong_or_unchecked_number_is_not_added(stage: Stage, number: str, code: str) -> None:
    share_id = stage.publish(OLA)
    with pytest.raises(InvalidFields) as refused:
        add(stage, share_id, number, confirmed=False)
    assert [error.code for error in refused.value.errors] == [code]
    assert len(shown(stage, share_id).recipients) == 1


def test_strangers_add_nobody_and_learn_nothing_of_the_share(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    for asked in (share_id, "AAAAAAAAAAAAAAAAAAAAAA"):
        with pytest.raises(NotFound):
            changes.add_recipients(stage.deps, person(VIGDIS), asked, [RecipientInput(SIV)])


@pytest.fixture
def watched(stage: Stage) -> str:
    """A share for Ola from Byggesak, which requires four eyes; Odd is a member too."""
    share_id = stage.publish(OLA, title="Vedtk")
    stage.members["odd-byggesak"] = stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, four_eyes=True)
    return share_id


def waiting(stage: Stage, share_id: str) -> ProposalView:
    return existing(shown(stage, share_id).proposal)


def approve(stage: Stage, share_id: str, who: str = ODD, seen: str = "") -> None:
    seen = seen or waiting(stage, share_id).seen
    changes.approve_change(stage.deps, person(who), share_id, seen=seen)


def test_what_recipients_see_waits_for_another_member(stage: Stage, watched: str) -> None:
    given = {"title": "Vedtak", "message": "Hei", "reference": "26/2", "confidential": False}
    assert correct(stage, watched, **given)
    view = shown(stage, watched)
    assert view.texts == ShareTexts("Vedtk", "", "26/2")
    assert view.share.confidential is True
    change = existing(view.proposal)
    assert (change.proposer.id, change.name, change.has_no_approver) == (
        stage.members["kari"],
        "Kari Lunde",
        False,
    )
    approve(stage, watched)
    view = shown(stage, watched)
    assert (view.texts.title, view.texts.message, view.share.confidential, view.change) == (
        "Vedtak",
        "Hei",
        False,
        None,
    )
    kinds = [kind for kind, _ in events_without_versions(stage, watched, PROPOSED, APPROVED, CORRECTED, MARKED)]
    assert kinds == [CORRECTED, PROPOSED, APPROVED, CORRECTED, MARKED]


def test_a_new_recipient_opens_nothing_before_another_member_approves(stage: Stage, watched: str) -> None:
    assert add(stage, watched, SIV, FJELL)
    assert waiting(stage, watched).added == ("148391 *****", "FJELL AS 312 824 450")
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(SIV), watched)
    approve(stage, watched)
    assert offers.open_share(stage.deps, person(SIV), watched)
    assert stage.deps.damage.is_empty


def test_nobody_approves_what_is_their_own_or_what_they_have_not_seen(stage: Stage, watched: str) -> None:
    with pytest.raises(Conflict, match="not_proposed"):
        approve(stage, watched, seen="anything")
    add(stage, watched, SIV)
    seen = waiting(stage, watched).seen
    with pytest.raises(Conflict, match="own_proposal"):
        approve(stage, watched, who=KARI)
    stage.clock.advance(minutes=1)
    add(stage, watched, FJELL)
    with pytest.raises(Conflict, match="proposal_changed"):
        approve(stage, watched, seen=seen)
    assert len(shown(stage, watched).recipients) == 1


@pytest.mark.parametrize(("who", "cause"), [(ODD, "returned"), (KARI, "retracted")])
def test_a_proposed_change_is_refused_or_taken_back(stage: Stage, watched: str, who: str, cause: str) -> None:
    correct(stage, watched, title="Vedtak")
    for _ in range(2):
        proposals.return_proposal(stage.deps, person(who), watched)
    assert shown(stage, watched).change is None
    assert events_without_versions(stage, watched, RETURNED) == [(RETURNED, {"cause": cause})]


def test_the_author_reads_why_a_change_was_refused_until_the_next_one(stage: Stage, watched: str) -> None:
    for who, reason, stored in ((ODD, "Ny tittel trengs ikke", True), (KARI, "Min egen", False)):
        correct(stage, watched, title="Vedtak")
        proposals.return_proposal(stage.deps, person(who), watched, reason)
        note = shown(stage, watched).return_note
        assert (note and (note.name, note.reason)) == (("Odd Bakken", reason) if stored else None)
    correct(stage, watched, title="Vedtak")
    proposals.return_proposal(stage.deps, person(ODD), watched, "Nei")
    correct(stage, watched, title="Vedtak")
    assert shown(stage, watched).return_note is None


def test_a_proposal_lapses_with_its_proposer_and_with_the_rule(stage: Stage, watched: str) -> None:
    correct(stage, watched, title="Vedtak")
    [needing] = queries.list_shares(stage.deps, person(ODD), soon=timedelta(days=1)).needing
    assert needing.share.id == watched
    set_rules(stage, stage.byggesak, four_eyes=False)
    assert shown(stage, watched).change is None
    set_rules(stage, stage.byggesak, four_eyes=True)
    stage.remove("kari")
    assert queries.view_share(stage.deps, person(ODD), watched).change is None


def test_what_narrows_needs_one_person(stage: Stage) -> None:
    share_id = stage.publish(OLA, confidential=False)
    set_rules(stage, stage.byggesak, four_eyes=True)
    assert not correct(stage, share_id, confidential=True)
    assert shown(stage, share_id).share.confidential
