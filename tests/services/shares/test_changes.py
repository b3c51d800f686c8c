"""A published share is changed: a recipient removed at once, texts corrected, the content marked as confidential."""

from __future__ import annotations

from itertools import permutations

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Frozen, InvalidInput, NotFound, RightMissing
from deldokument.domain.tenancy import IntegrationRights
from deldokument.services.downloads import access, offers, system_access
from deldokument.services.shares import changes, publishing, queries
from deldokument.services.shares.changes import Correction
from deldokument.services.shares.receipts import list_receipts
from deldokument.services.shares.views import ShareView
from deldokument.services.tenants.freezing import FreezeReason, freeze_share
from tests.services.shares.test_receipts import download
from tests.support.accounts import events_of, set_rules
from tests.support.systems import SYSTEM, integrate
from tests.support.world import FJELL, KARI, LISE, OLA, PER, SIV, VIGDIS, Stage, person, run_all

REMOVED, CORRECTED, MARKED = (
    EventKind.RECIPIENT_REMOVED,
    EventKind.SHARE_CORRECTED,
    EventKind.CONFIDENTIALITY_CHANGED,
)


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


def correct(stage: Stage, share_id: str, **values: object) -> None:
    changes.correct_share(stage.deps, person(KARI), share_id, Correction(**values))  # type: ignore[arg-type]


def told(stage: Stage, share_id: str, *kinds: EventKind) -> list[tuple[EventKind, dict[str, str | int]]]:
    """The events of these kinds, without the revision."""
    found = [event for event in events_of(stage, share_id) if event.kind in kinds]
    return [(one.kind, {k: v for k, v in (one.details or {}).items() if k != "revision"}) for one in found]


# --- removal ---------------------------------------------------------------------------------------------------------


def test_a_removed_recipient_is_a_stranger_and_the_others_notice_nothing(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV, title="Vedtak")
    offers.open_share(stage.deps, person(OLA), share_id)
    recipient_id = remove(stage, share_id)
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(OLA), share_id)
    assert offers.list_offers(stage.deps, person(OLA)).offers == ()
    assert offers.open_share(stage.deps, person(SIV), share_id).title == "Vedtak"
    assert told(stage, share_id, REMOVED) == [(REMOVED, {"recipient": recipient_id})]
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
        assert tx.shares.removed_recipients([share_id]) == []


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


def test_a_stopped_share_loses_recipients_but_is_not_corrected(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    freeze_share(stage.deps, share_id, None, FreezeReason.SECURITY)
    remove(stage, share_id)
    with pytest.raises(Frozen):
        correct(stage, share_id, title="Nytt")


def test_four_eyes_do_not_delay_a_removal_and_a_copy_leaves_the_removed_one_out(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    set_rules(stage, stage.byggesak, four_eyes=True)
    remove(stage, share_id)
    copied = publishing.copy_share(stage.deps, person(KARI), share_id)
    assert [one.display for one in shown(stage, copied.id).recipients] == ["148391 *****"]


# --- corrections -----------------------------------------------------------------------------------------------------


def test_texts_are_corrected_and_the_recipient_sees_them(stage: Stage) -> None:
    share_id = stage.publish(OLA, title="Vedtk", message="Hei", reference="26/1")
    recipient_id = id_of(stage, share_id, OLA[:6])
    labels = {recipient_id: "søker"}
    correct(stage, share_id, title=" Vedtak ", message="Hei Ola", reference="26/2", labels=labels)
    offer = offers.open_share(stage.deps, person(OLA), share_id)
    assert (offer.title, offer.message) == ("Vedtak", "Hei Ola")
    view = shown(stage, share_id)
    assert (view.reference, view.recipients[0].label) == ("26/2", "søker")
    [found] = queries.list_shares(stage.deps, person(KARI), reference="26/2").shares
    assert found.share.id == share_id
    assert told(stage, share_id, CORRECTED) == [(CORRECTED, {"changed": "title,message,reference,label"})]


def test_a_correction_that_changes_nothing_is_no_event(stage: Stage) -> None:
    share_id = stage.publish(OLA, title="Vedtak", message="Hei", reference="26/1")
    recipient_id = id_of(stage, share_id, OLA[:6])
    correct(
        stage, share_id, title="Vedtak", message="Hei", reference="26/1", confidential=True, labels={recipient_id: ""}
    )
    correct(stage, share_id)
    assert told(stage, share_id, CORRECTED, MARKED) == []


def test_what_is_more_confidential_is_so_at_once_and_less_lets_more_in(stage: Stage) -> None:
    share_id = stage.publish(FJELL, confidential=False)
    running = access.authorize(stage.deps, person(LISE), share_id)
    correct(stage, share_id, confidential=True)
    assert not system_access.may_continue(stage.deps, running)
    stage.rights.down = True
    assert not system_access.may_continue(stage.deps, running)
    stage.rights.down = False
    correct(stage, share_id, confidential=False)
    assert access.authorize(stage.deps, person(LISE), share_id)
    assert told(stage, share_id, MARKED) == [(MARKED, {"now": "confidential"}), (MARKED, {"now": "ordinary"})]


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
    assert shown(stage, share_id).title == "Vedtak"


@pytest.mark.parametrize("values", [{"title": "Nytt"}, {"message": "Nytt"}, {"confidential": False}])
def test_with_four_eyes_nobody_alone_changes_what_recipients_see(stage: Stage, values: dict[str, object]) -> None:
    share_id = stage.publish(OLA)
    set_rules(stage, stage.byggesak, four_eyes=True)
    with pytest.raises(Conflict, match="change_needs_approval"):
        correct(stage, share_id, **values)
    correct(stage, share_id, reference="26/2")
    assert shown(stage, share_id).reference == "26/2"


def test_with_four_eyes_one_person_marks_the_content_as_confidential(stage: Stage) -> None:
    share_id = stage.publish(OLA, confidential=False)
    set_rules(stage, stage.byggesak, four_eyes=True)
    correct(stage, share_id, confidential=True)
    assert shown(stage, share_id).share.confidential
