"""Organisations that Enhetsregisteret could not be asked about: what the sharer confirms, and what is asked again."""

from dataclasses import replace

import pytest

from deldokument.domain.errors import InvalidFields, InvalidInput, NotFound, RightMissing
from deldokument.domain.identifiers import OrganizationNumber
from deldokument.domain.shares.share import Share, ShareState
from deldokument.ports.registers import RegisteredOrganization
from deldokument.services.downloads import access, offers
from deldokument.services.shares.display.views import RecipientView, share_view
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import add_recipient_inputs
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients import organization_names
from deldokument.services.shares.recipients.recipients import RecipientInput
from tests.support.stage.accounts import set_rules
from tests.support.stage.stage import BANKRUPT, DELETED, FJELL, KARI, LISE, ODD, OLA, PER, Stage, person


@pytest.fixture
def share(stage: Stage) -> Share:
    """A draft that lacks recipients only, while the register is silent."""
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words())
    stage.upload(draft.id, "vedtak.pdf", b"innhold")
    stage.register.down = True
    return draft


def add(stage: Stage, share: Share, number: str = FJELL) -> None:
    assert drafts.add_recipients(stage.deps, person(KARI), share.id, number).refused == []


def shown(stage: Stage, share: Share) -> tuple[RecipientView, ...]:
    with stage.deps.database.read() as tx:
        return share_view(stage.deps, tx, tx.shares.get(share.id)).recipients  # type: ignore[arg-type]


def confirm(stage: Stage, share: Share, *, confirmed: bool = True) -> None:
    [recipient] = shown(stage, share)
    drafts.change_recipient(stage.deps, person(KARI), share.id, recipient.id, confirmed=confirmed)


def publish(stage: Stage, share: Share) -> ShareState:
    return publishing.publish_share(stage.deps, person(KARI), share.id).state


def refusals(stage: Stage, share: Share) -> list[str]:
    with pytest.raises(InvalidFields) as caught:
        publishing.publish_share(stage.deps, person(KARI), share.id)
    assert {error.field for error in caught.value.errors} == {"recipients"}
    return [error.code for error in caught.value.errors]


def test_while_the_register_is_silent_an_organisation_is_added_without_name_or_confirmation(
    stage: Stage, share: Share
) -> None:
    add(stage, share)
    assert [(r.kind, r.display, r.name, r.confirmed) for r in shown(stage, share)] == [
        ("organization", "312 824 450", "", False)
    ]


def test_a_number_that_cannot_be_one_is_refused_whether_or_not_the_register_answers(stage: Stage, share: Share) -> None:
    [refused] = drafts.add_recipients(stage.deps, person(KARI), share.id, "312824451").refused
    assert refused.error.code == "organization_number_unknown"
    assert shown(stage, share) == ()


def test_without_the_sharers_confirmation_nothing_is_shared_with_a_number_nobody_has_checked(
    stage: Stage, share: Share
) -> None:
    add(stage, share)
    assert refusals(stage, share) == ["recipients_unconfirmed"]
    confirm(stage, share)
    confirm(stage, share, confirmed=False)
    assert refusals(stage, share) == ["recipients_unconfirmed"]


def test_with_it_the_share_goes_out_and_is_opened_by_the_number(stage: Stage, share: Share) -> None:
    add(stage, share)
    confirm(stage, share)
    assert publish(stage, share) is ShareState.AVAILABLE
    assert offers.open_share(stage.deps, person(PER), share.id).acting_for == ("312 824 450",)


def test_the_register_is_asked_again_when_it_is_shared_and_gives_the_name(stage: Stage, share: Share) -> None:
    add(stage, share)
    stage.register.down = False
    assert publish(stage, share) is ShareState.AVAILABLE
    assert [(r.name, r.confirmed) for r in shown(stage, share)] == [("FJELL AS", True)]
    assert offers.open_share(stage.deps, person(PER), share.id).acting_for == ("FJELL AS (312 824 450)",)


@pytest.mark.parametrize(("number", "code"), [(DELETED, "organization_deleted"), (BANKRUPT, "organization_bankrupt")])
def test_a_confirmation_does_not_override_what_the_register_says_then(
    stage: Stage, share: Share, number: str, code: str
) -> None:
    add(stage, share, number)
    confirm(stage, share)
    stage.register.down = False
    assert refusals(stage, share) == [code]
    drafts.remove_recipient(stage.deps, person(KARI), share.id, shown(stage, share)[0].id)
    add(stage, share)
    assert publish(stage, share) is ShareState.AVAILABLE


def test_nor_against_its_having_no_such_organisation(stage: Stage, share: Share) -> None:
    add(stage, share)
    confirm(stage, share)
    stage.register.down = False
    del stage.register.known[FJELL]
    assert refusals(stage, share) == ["organization_unknown"]


def test_where_two_must_look_the_register_is_asked_at_both(stage: Stage, share: Share) -> None:
    set_rules(stage, stage.byggesak, four_eyes=True)
    stage.add(PER, "Per Fjellstad", stage.byggesak)
    add(stage, share)
    confirm(stage, share)
    proposed = publishing.publish_share(stage.deps, person(KARI), share.id)
    assert proposed.state is ShareState.DRAFT
    assert [r.name for r in shown(stage, share)] == [""]
    stage.register.down = False
    publishing.approve_share(stage.deps, person(PER), share.id, seen=proposed.changed_at.isoformat())
    assert [r.name for r in shown(stage, share)] == ["FJELL AS"]


def test_a_published_share_does_not_ask_the_register_again(stage: Stage, share: Share) -> None:
    add(stage, share)
    confirm(stage, share)
    publish(stage, share)
    stage.register.down = False
    assert publish(stage, share) is ShareState.AVAILABLE
    assert [r.name for r in shown(stage, share)] == [""]


def now(stage: Stage, status: str) -> None:
    """Fjell's state in the register from now on."""
    stage.register.down = False
    stage.register.known[FJELL] = replace(stage.register.known[FJELL], status=status)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["deleted", "bankrupt"])
def test_a_draft_of_yesterday_does_not_go_to_an_organization_that_is_bankrupt_since(
    stage: Stage, share: Share, status: str
) -> None:
    stage.register.down = False
    add(stage, share)
    stage.clock.advance(days=1, seconds=1)
    now(stage, status)
    assert refusals(stage, share) == [f"organization_{status}"]
    now(stage, "winding_up")
    assert publish(stage, share) is ShareState.AVAILABLE


def test_a_draft_of_today_relies_on_the_answer_of_today(stage: Stage, share: Share) -> None:
    stage.register.down = False
    add(stage, share)
    stage.clock.advance(days=1)
    now(stage, "bankrupt")
    assert publish(stage, share) is ShareState.AVAILABLE


def test_asking_about_a_draft_of_yesterday_renames_nobody_and_does_not_need_an_answer(
    stage: Stage, share: Share
) -> None:
    stage.register.down = False
    add(stage, share)
    stage.clock.advance(days=2)
    stage.register.known[FJELL] = replace(stage.register.known[FJELL], name="ANOTHER AS")
    assert organization_names.refresh_names(stage.deps, person(KARI), share.id) == {}
    stage.register.down = True
    assert publish(stage, share) is ShareState.AVAILABLE
    assert [r.name for r in shown(stage, share)] == ["FJELL AS"]


def slow_register(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The register answers from now on, each time after six seconds; what it is asked about."""
    asked: list[str] = []

    def slow(number: OrganizationNumber) -> RegisteredOrganization | None:
        asked.append(number.value)
        stage.clock.advance(seconds=6)
        return stage.register.known.get(number.value)

    monkeypatch.setattr(stage.register, "find", slow)
    return asked


def test_a_slow_register_is_not_waited_for_longer_however_many_there_are(
    stage: Stage, share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(stage, share, f"{FJELL} {BANKRUPT} {DELETED}")
    asked = slow_register(stage, monkeypatch)
    assert len(organization_names.refresh_names(stage.deps, person(KARI), share.id)) == len(asked) == 2


def test_nor_when_they_are_added_and_those_it_has_not_come_to_wait_for_a_confirmation(
    stage: Stage, share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = slow_register(stage, monkeypatch)
    pasted = f"{FJELL} {BANKRUPT} {DELETED}"
    [refused] = drafts.add_recipients(stage.deps, person(KARI), share.id, pasted).refused
    assert (refused.text, asked) == (BANKRUPT, [FJELL, BANKRUPT])
    assert [(r.name, r.confirmed) for r in shown(stage, share)] == [("FJELL AS", True), ("", False)]
    assert refusals(stage, share) == ["organization_deleted", "recipients_unconfirmed"]


def test_nor_when_a_system_hands_them_in(stage: Stage, share: Share, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = slow_register(stage, monkeypatch)
    inputs = [RecipientInput(FJELL), RecipientInput(OLA), RecipientInput(FJELL), RecipientInput(DELETED)]
    add_recipient_inputs(stage.deps, person(KARI), share.id, inputs)
    assert asked == [FJELL, FJELL]
    assert [(r.name, r.confirmed) for r in shown(stage, share)] == [("FJELL AS", True), ("", True), ("", False)]


def test_nobody_has_the_register_asked_about_a_share_of_others(stage: Stage, share: Share) -> None:
    with pytest.raises(NotFound):
        organization_names.refresh_names(stage.deps, person(ODD), share.id)


def test_a_recipient_that_was_removed_meanwhile_is_neither_named_nor_an_obstacle(stage: Stage, share: Share) -> None:
    with stage.deps.database.write() as tx:
        answers = {"gone": "FJELL AS", "other": InvalidInput("recipients", "organization_unknown")}
        assert organization_names.take_answers(stage.deps, tx, share, answers) == []


def test_a_copy_of_a_share_asks_for_the_confirmation_anew(stage: Stage, share: Share) -> None:
    add(stage, share, f"{FJELL} {OLA}")
    for recipient in shown(stage, share):
        drafts.change_recipient(stage.deps, person(KARI), share.id, recipient.id, confirmed=True)
    publish(stage, share)
    copy = publishing.copy_share(stage.deps, person(KARI), share.id)
    assert [(r.kind, r.name, r.confirmed) for r in shown(stage, copy)] == [
        ("organization", "", False),
        ("person", "", False),
    ]


def test_a_person_without_the_right_sees_the_number_where_there_is_no_name(stage: Stage, share: Share) -> None:
    add(stage, share)
    confirm(stage, share)
    publish(stage, share)
    with pytest.raises(RightMissing) as caught:
        access.authorize(stage.deps, person(LISE), share.id)
    assert caught.value.params["organizations"] == "312 824 450"
