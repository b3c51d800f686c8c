"""A recipient approves a program: nobody else can, and not without limit."""

from dataclasses import replace

import pytest

from deldokument.domain.errors import Gone, NotFound, RateLimited, RightMissing
from deldokument.services.auth.programs import redeem_code
from deldokument.services.downloads.program_access import approve_program
from deldokument.services.shares.published import publishing
from tests.services.auth.test_own_sessions import log_in
from tests.services.auth.test_programs import CHALLENGE, VERIFIER
from tests.support.stage.stage import FJELL, KARI, LISE, OLA, PER, SIV, Stage, person


def test_a_recipient_and_one_who_acts_for_a_recipient_approve(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    for who in (OLA, PER):
        code = approve_program(stage.deps, log_in(stage, who)[1], share_id, CHALLENGE)
        assert redeem_code(stage.deps, share_id, code, VERIFIER).token


def test_a_stranger_one_without_the_right_and_a_latecomer_approve_nothing(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    for who, error in ((SIV, NotFound), (KARI, NotFound), (LISE, RightMissing)):
        with pytest.raises(error):
            approve_program(stage.deps, log_in(stage, who)[1], share_id, CHALLENGE)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    with pytest.raises(Gone):
        approve_program(stage.deps, log_in(stage, OLA)[1], share_id, CHALLENGE)


def test_a_person_approves_a_limited_number_of_programs_in_an_hour(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    _, session = log_in(stage, OLA)
    deps = replace(stage.deps, config=replace(stage.deps.config, logins_per_hour=2))
    for _ in range(2):
        approve_program(deps, session, share_id, CHALLENGE)
    with pytest.raises(RateLimited, match=r"^program_limit"):
        approve_program(deps, session, share_id, CHALLENGE)
