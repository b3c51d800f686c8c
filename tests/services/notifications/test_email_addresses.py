"""«Varsler til meg»: an address is used when the person has shown that letters to it are read by the person."""

import re
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, NotFound, ServiceError
from deldokument.domain.messages.email_addresses import (
    CODE_LIFETIME,
    CODE_TRIES,
    CODES_A_DAY,
    Language,
    NoticeAddress,
    NoticeChoices,
)
from deldokument.domain.messages.outbox import SENT, Result, again, refuse
from deldokument.services.encryption import identifier_hash
from deldokument.services.notifications import email_addresses
from deldokument.services.notifications.email_addresses import AddressView
from deldokument.services.people import directory_key
from deldokument.services.tenants import administrators
from tests.support.stage.confirmed import add_administrator, add_member
from tests.support.stage.emails import deliver, mailed_code, settle
from tests.support.stage.stage import KARI, ODD, OLA, SIV, VIGDIS, Stage, person
from tests.support.stored_data import everything

AT_WORK, AT_HOME = "kari.lunde@eksempel.example", "kari@hjemme.example"


def view(stage: Stage, number: str = KARI) -> AddressView:
    return email_addresses.show_address(stage.deps, person(number))


def kept(stage: Stage, number: str = KARI) -> NoticeAddress | None:
    with stage.deps.database.read() as tx:
        return tx.notification_addresses.of_person(identifier_hash(directory_key(stage.deps), person(number)))


def logged(stage: Stage) -> list[tuple[str | None, EventKind]]:
    """What the log says of addresses."""
    of_addresses = {EventKind.ADDRESS_CONFIRMED, EventKind.ADDRESS_REMOVED}
    return [(who, event.kind) for who, event in stage.trail() if event.kind in of_addresses]


def refusal(act: object) -> str:
    with pytest.raises(ServiceError) as error:
        act()  # type: ignore[operator]
    return error.value.code


def test_a_person_who_has_entered_nothing_has_no_address(stage: Stage) -> None:
    assert view(stage) == AddressView("", "", NoticeChoices())


def test_an_address_is_used_when_its_code_has_been_typed(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    assert view(stage) == AddressView("", AT_WORK, NoticeChoices())
    assert deliver(stage) == [Result.SENT]
    assert stage.mail.letters[-1].to == AT_WORK
    email_addresses.confirm_address(stage.deps, person(KARI), mailed_code(stage))
    assert view(stage) == AddressView(AT_WORK, "", NoticeChoices())
    assert logged(stage) == [(KARI, EventKind.ADDRESS_CONFIRMED)]


def test_a_code_may_be_typed_with_spaces(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    deliver(stage)
    code = mailed_code(stage)
    email_addresses.confirm_address(stage.deps, person(KARI), f" {code[:4]} {code[4:]}\n")
    assert view(stage).address == AT_WORK


def test_the_letter_with_the_code_leads_nobody_in(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    deliver(stage)
    letter = stage.mail.letters[-1]
    assert re.findall(r"https?://\S+", letter.text) == ["https://del.example/varsler"]
    assert mailed_code(stage) not in letter.subject


def test_an_address_is_stored_sealed(stage: Stage) -> None:
    settle(stage, KARI, AT_WORK)
    email_addresses.enter_address(stage.deps, person(KARI), AT_HOME)
    stored = everything(stage)
    assert b"kari.lunde@" not in stored
    assert b"hjemme" not in stored


def test_guessing_a_code_ends_after_few_tries(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    deliver(stage)
    right = mailed_code(stage)
    wrong = f"{(int(right) + 1) % 10**8:08d}"
    for left in range(CODE_TRIES - 1, 0, -1):
        with pytest.raises(InvalidInput) as error:
            email_addresses.confirm_address(stage.deps, person(KARI), wrong)
        assert (error.value.code, error.value.params) == ("code_wrong", {"left": left})
    assert refusal(lambda: email_addresses.confirm_address(stage.deps, person(KARI), wrong)) == "code_expired"
    assert refusal(lambda: email_addresses.confirm_address(stage.deps, person(KARI), right)) == "code_expired"
    assert view(stage) == AddressView("", "", NoticeChoices())


@pytest.mark.parametrize("typed", ["", "12345678 9", "１２３４５６７８", "æ", "\0"])
def test_an_invalid_code_is_a_wrong_one(stage: Stage, typed: str) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    assert refusal(lambda: email_addresses.confirm_address(stage.deps, person(KARI), typed)) == "code_wrong"


def test_a_code_runs_out(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    deliver(stage)
    stage.clock.advance(minutes=30)
    act = lambda: email_addresses.confirm_address(stage.deps, person(KARI), mailed_code(stage))  # noqa: E731
    assert refusal(act) == "code_expired"
    assert view(stage).unconfirmed == ""


def test_a_code_of_another_address_confirms_nothing(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    deliver(stage)
    first = mailed_code(stage)
    email_addresses.enter_address(stage.deps, person(KARI), AT_HOME)
    assert refusal(lambda: email_addresses.confirm_address(stage.deps, person(KARI), first)) == "code_wrong"


def test_a_code_of_another_person_confirms_nothing(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    deliver(stage)
    email_addresses.enter_address(stage.deps, person(ODD), AT_WORK)
    assert refusal(lambda: email_addresses.confirm_address(stage.deps, person(ODD), mailed_code(stage))) == "code_wrong"


def test_without_a_code_nothing_is_confirmed(stage: Stage) -> None:
    assert refusal(lambda: email_addresses.confirm_address(stage.deps, person(KARI), "00000000")) == "code_expired"


def test_a_code_is_good_once(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    deliver(stage)
    email_addresses.confirm_address(stage.deps, person(KARI), mailed_code(stage))
    act = lambda: email_addresses.confirm_address(stage.deps, person(KARI), mailed_code(stage))  # noqa: E731
    assert refusal(act) == "code_expired"


def test_nobody_fills_a_strangers_mailbox_with_codes(stage: Stage) -> None:
    for number in range(CODES_A_DAY):
        email_addresses.enter_address(stage.deps, person(KARI), f"fremmed{number}@eksempel.example")
        email_addresses.remove_address(stage.deps, person(KARI))
    with pytest.raises(Conflict) as error:
        email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    assert (error.value.code, error.value.params) == ("codes_spent", {"most": CODES_A_DAY})
    stage.clock.advance(hours=24)
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)


def test_only_the_last_code_is_mailed(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    email_addresses.enter_address(stage.deps, person(KARI), AT_HOME)
    assert sorted(deliver(stage)) == [Result.MOOT, Result.SENT]
    assert [letter.to for letter in stage.mail.letters] == [AT_HOME]


def test_a_code_that_has_run_out_is_not_mailed(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    stage.clock.instant += CODE_LIFETIME
    assert deliver(stage) == [Result.MOOT]


def test_a_code_for_somebody_who_has_been_forgotten_is_not_mailed(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(ODD), AT_WORK)
    stage.remove("odd")
    email_addresses.forget_addresses(stage.deps)
    assert deliver(stage) == [Result.MOOT]


def test_a_code_is_mailed_again_when_the_server_would_not_take_it(stage: Stage) -> None:
    stage.mail.outcome = again("smtp_450")
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    assert deliver(stage) == [Result.AGAIN]
    stage.mail.outcome = SENT
    stage.clock.advance(minutes=2)
    assert deliver(stage) == [Result.SENT]
    email_addresses.confirm_address(stage.deps, person(KARI), mailed_code(stage))


def test_an_address_that_the_server_refuses_is_shown_to_be_refused(stage: Stage) -> None:
    stage.mail.outcome = refuse("smtp_recipient_550")
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    assert not view(stage).refused
    deliver(stage)
    assert view(stage).refused
    stage.mail.outcome = SENT
    email_addresses.enter_address(stage.deps, person(KARI), AT_HOME)
    assert not view(stage).refused
    deliver(stage)
    assert not view(stage).refused


def test_a_refusal_of_long_ago_is_not_shown(stage: Stage) -> None:
    stage.mail.outcome = refuse("smtp_recipient_550")
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    deliver(stage)
    email_addresses.remove_address(stage.deps, person(KARI))
    assert view(stage) == AddressView("", "", NoticeChoices())


def test_the_confirmed_address_is_used_until_another_is_confirmed(stage: Stage) -> None:
    settle(stage, KARI, AT_WORK)
    email_addresses.enter_address(stage.deps, person(KARI), AT_HOME)
    assert view(stage) == AddressView(AT_WORK, AT_HOME, NoticeChoices())
    deliver(stage)
    email_addresses.confirm_address(stage.deps, person(KARI), mailed_code(stage))
    assert view(stage) == AddressView(AT_HOME, "", NoticeChoices())


def test_entering_what_is_used_already_asks_for_nothing(stage: Stage) -> None:
    settle(stage, KARI, AT_WORK)
    email_addresses.enter_address(stage.deps, person(KARI), AT_HOME)
    email_addresses.enter_address(stage.deps, person(KARI), f" {AT_WORK} ")
    assert view(stage) == AddressView(AT_WORK, "", NoticeChoices())
    assert deliver(stage) == [Result.MOOT]


def test_two_persons_may_have_one_address(stage: Stage) -> None:
    settle(stage, KARI, "post@eksempel.example")
    settle(stage, ODD, "post@eksempel.example")
    assert view(stage, KARI).address == view(stage, ODD).address


def test_a_malformed_address_is_refused_before_anything_is_kept(stage: Stage) -> None:
    assert refusal(lambda: email_addresses.enter_address(stage.deps, person(KARI), "kari")) == "email_malformed"
    assert kept(stage) is None


def test_choices_are_kept_with_or_without_an_address(stage: Stage) -> None:
    choices = NoticeChoices(downloaded=False, ending=True, approval=False, language=Language.NYNORSK)
    email_addresses.choose_notices(stage.deps, person(KARI), choices)
    settle(stage, KARI, AT_WORK)
    assert view(stage) == AddressView(AT_WORK, "", choices)


def test_a_removed_address_is_gone(stage: Stage) -> None:
    settle(stage, KARI, AT_WORK)
    email_addresses.remove_address(stage.deps, person(KARI))
    assert view(stage) == AddressView("", "", NoticeChoices())
    email_addresses.remove_address(stage.deps, person(KARI))
    email_addresses.remove_address(stage.deps, person(ODD))
    assert logged(stage) == [(KARI, EventKind.ADDRESS_CONFIRMED), (KARI, EventKind.ADDRESS_REMOVED)]


def test_an_administrator_has_an_address_too(stage: Stage) -> None:
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")
    settle(stage, SIV, AT_WORK)
    assert view(stage, SIV).address == AT_WORK


@pytest.mark.parametrize("stranger", [OLA, SIV])
def test_a_person_who_neither_shares_nor_administers_has_no_address(stage: Stage, stranger: str) -> None:
    who = person(stranger)
    acts = (
        lambda: email_addresses.show_address(stage.deps, who),
        lambda: email_addresses.enter_address(stage.deps, who, AT_WORK),
        lambda: email_addresses.confirm_address(stage.deps, who, "12345678"),
        lambda: email_addresses.choose_notices(stage.deps, who, NoticeChoices()),
        lambda: email_addresses.remove_address(stage.deps, who),
    )
    for act in acts:
        with pytest.raises(NotFound):
            act()
    assert kept(stage, stranger) is None


def test_an_address_is_forgotten_when_the_person_works_for_nobody_any_more(stage: Stage) -> None:
    settle(stage, KARI, AT_WORK)
    settle(stage, VIGDIS, "vigdis@prove.example")
    stage.remove("kari")
    assert email_addresses.forget_addresses(stage.deps) == 0
    stage.remove("kari-avtaler")
    assert email_addresses.forget_addresses(stage.deps) == 1
    assert kept(stage) is None
    assert kept(stage, VIGDIS) is not None


def test_an_administrators_address_is_kept_as_long_as_the_office(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id}
    first = add_administrator(stage.deps, **where, number=SIV, name="Siv Holm")
    add_administrator(stage.deps, **where, number=KARI, name="Kari Lunde")
    settle(stage, SIV, AT_WORK)
    assert email_addresses.forget_addresses(stage.deps) == 0
    administrators.remove_administrator(stage.deps, **where, administrator_id=first.id)
    assert email_addresses.forget_addresses(stage.deps) == 1


def test_an_address_that_nobody_confirmed_is_forgotten(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), AT_WORK)
    assert email_addresses.forget_addresses(stage.deps) == 0
    stage.clock.instant += CODE_LIFETIME + timedelta(seconds=1)
    assert email_addresses.forget_addresses(stage.deps) == 1
    assert email_addresses.forget_addresses(stage.deps) == 0
    left = kept(stage)
    assert left is not None
    assert (left.sealed_unconfirmed, left.challenge_id, left.codes) == (b"", "", 1)


def test_a_person_who_is_registered_again_starts_without_an_address(stage: Stage) -> None:
    settle(stage, ODD, AT_WORK)
    stage.remove("odd")
    email_addresses.forget_addresses(stage.deps)
    add_member(stage.deps, tenant_id=stage.tenant.id, account_id=stage.avtaler.id, number=ODD, name="Odd Bakken")
    assert view(stage, ODD) == AddressView("", "", NoticeChoices())
