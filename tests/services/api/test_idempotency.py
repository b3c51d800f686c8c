"""A request that its caller has named is done once, and answered again as it was."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import Conflict, InvalidInput, NotFound
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.services.accounts.integrations import add_integration, remove_integration
from deldokument.services.api.idempotency import (
    KEPT,
    LEASE,
    IdempotentRequest,
    StoredResponse,
    begin_request,
    finish_request,
    forget_answers,
    renew_request,
)
from tests.support.stage.stage import Stage, run_all
from tests.support.stored_data import as_owner, contents

FJELL, OTHER = Consumer(OrganizationNumber("312824450")), Consumer(OrganizationNumber("314758625"))
ASKED, ELSE = b"a" * 32, b"b" * 32
ANSWER = StoredResponse(201, {"location": "/api/v1/shares/a"}, b'{"title": "Hemmelig vedtak"}')


def begun(stage: Stage, name: str = "first", digest: bytes = ASKED, consumer: Consumer = FJELL) -> IdempotentRequest:
    request = begin_request(stage.deps, consumer, name, digest)
    assert isinstance(request, IdempotentRequest)
    return request


def test_a_repeated_request_is_answered_as_the_first_was(stage: Stage) -> None:
    finish_request(stage.deps, FJELL, begun(stage), ANSWER)
    stage.clock.advance(hours=23)
    assert begin_request(stage.deps, FJELL, "first", ASKED) == ANSWER


def test_another_request_of_the_same_name_is_refused(stage: Stage) -> None:
    request = begun(stage)
    for _ in range(2):
        with pytest.raises(InvalidInput) as caught:
            begin_request(stage.deps, FJELL, "first", ELSE)
        assert caught.value.code == "idempotency_key_reused"
        finish_request(stage.deps, FJELL, request, ANSWER)


def test_two_at_once_are_one_and_the_other_waits(stage: Stage) -> None:
    begun(stage)
    with pytest.raises(Conflict) as caught:
        begin_request(stage.deps, FJELL, "first", ASKED)
    assert caught.value.code == "request_under_way"


def test_after_a_crash_the_work_is_done_again_under_the_same_id(stage: Stage) -> None:
    crashed = begun(stage)
    stage.clock.advance(seconds=LEASE.total_seconds())
    again = begun(stage)
    assert again.new_id == crashed.new_id
    finish_request(stage.deps, FJELL, again, ANSWER)
    assert begin_request(stage.deps, FJELL, "first", ASKED) == ANSWER


def test_what_takes_long_and_says_so_in_time_is_nobody_elses(stage: Stage) -> None:
    request = begun(stage)
    for _ in range(3):
        stage.clock.advance(seconds=LEASE.total_seconds() - 1)
        request = renew_request(stage.deps, request)
    stage.clock.advance(seconds=LEASE.total_seconds() - 1)
    with pytest.raises(Conflict, match="request_under_way"):
        begin_request(stage.deps, FJELL, "first", ASKED)
    finish_request(stage.deps, FJELL, request, ANSWER)
    assert begin_request(stage.deps, FJELL, "first", ASKED) == ANSWER


def taken_over(stage: Stage) -> tuple[IdempotentRequest, IdempotentRequest]:
    """One that was taken to have ended, and the one that does it now."""
    first = begun(stage)
    stage.clock.advance(seconds=LEASE.total_seconds())
    return first, begun(stage)


def test_a_request_that_lost_its_lease_does_not_disturb_its_successor(stage: Stage) -> None:
    first, second = taken_over(stage)
    stage.clock.advance(seconds=1)
    assert renew_request(stage.deps, first) == first
    for status in (409, 503):
        finish_request(stage.deps, FJELL, first, StoredResponse(status, {}, b"{}"))
        with pytest.raises(Conflict, match="request_under_way"):
            begin_request(stage.deps, FJELL, "first", ASKED)
    finish_request(stage.deps, FJELL, second, ANSWER)
    finish_request(stage.deps, FJELL, first, StoredResponse(409, {}, b"{}"))
    assert begin_request(stage.deps, FJELL, "first", ASKED) == ANSWER


def test_a_success_is_stored_also_after_the_lease_was_lost(stage: Stage) -> None:
    first, second = taken_over(stage)
    finish_request(stage.deps, FJELL, first, ANSWER)
    finish_request(stage.deps, FJELL, second, StoredResponse(409, {}, b"{}"))
    assert begin_request(stage.deps, FJELL, "first", ASKED) == ANSWER


def test_what_was_refused_changed_nothing_and_may_be_tried_again_corrected(stage: Stage) -> None:
    finish_request(stage.deps, FJELL, begun(stage), StoredResponse(422, {}, b"{}"))
    begun(stage, digest=ELSE)


def test_what_failed_on_our_side_goes_on_at_once_under_the_same_id(stage: Stage) -> None:
    failed = begun(stage)
    finish_request(stage.deps, FJELL, failed, StoredResponse(503, {}, b"{}"))
    assert begun(stage).new_id == failed.new_id
    with pytest.raises(InvalidInput):
        begin_request(stage.deps, FJELL, "first", ELSE)


def test_names_are_each_consumers_own(stage: Stage) -> None:
    finish_request(stage.deps, FJELL, begun(stage), ANSWER)
    begun(stage, digest=ELSE, consumer=OTHER)


def test_a_supplier_repeats_what_its_consumer_asked(stage: Stage) -> None:
    finish_request(stage.deps, FJELL, begun(stage), ANSWER)
    supplied = Consumer(FJELL.organization, OTHER.organization)
    assert begin_request(stage.deps, supplied, "first", ASKED) == ANSWER


def test_a_stored_response_is_refused_when_the_rights_to_it_are_gone(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    kept = add_integration(stage.deps, **where, organization_number="312824450")
    finish_request(stage.deps, FJELL, begun(stage), ANSWER)
    where |= {"account_id": stage.avtaler.id}
    add_integration(stage.deps, **where, organization_number="312824450")
    assert begin_request(stage.deps, FJELL, "first", ASKED) == ANSWER
    where |= {"account_id": stage.byggesak.id}
    remove_integration(stage.deps, **where, integration_id=kept.id)
    with pytest.raises(NotFound):
        begin_request(stage.deps, FJELL, "first", ASKED)


@pytest.mark.parametrize("name", ["", "a b", "æ", "a\n", "\x7f", "x" * 256, "a\0"])
def test_a_name_is_visible_ascii_of_a_bounded_length(stage: Stage, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        begin_request(stage.deps, FJELL, name, ASKED)
    assert caught.value.code == "idempotency_key_malformed"


def test_the_longest_name_is_taken(stage: Stage) -> None:
    begun(stage, "~" * 255)


def test_after_a_day_a_name_is_free_again_whether_or_not_a_worker_has_been_there(stage: Stage) -> None:
    first = begun(stage)
    finish_request(stage.deps, FJELL, first, ANSWER)
    stage.clock.advance(seconds=KEPT.total_seconds())
    assert begun(stage, digest=ELSE).new_id != first.new_id


def test_the_worker_removes_answers_after_a_day(stage: Stage) -> None:
    finish_request(stage.deps, FJELL, begun(stage), ANSWER)
    assert forget_answers(stage.deps) == 0
    stage.clock.advance(seconds=(KEPT + timedelta(seconds=1)).total_seconds())
    assert run_all(stage.deps) >= 1
    assert not [line for line in contents(stage) if line.startswith('INSERT INTO "answered_request"')]


def test_a_request_that_finishes_too_late_disturbs_nobody(stage: Stage) -> None:
    late = begun(stage)
    stage.clock.advance(seconds=KEPT.total_seconds())
    begun(stage, digest=ELSE)
    finish_request(stage.deps, FJELL, late, ANSWER)
    with pytest.raises(Conflict):
        begin_request(stage.deps, FJELL, "first", ELSE)
    stage.clock.advance(seconds=KEPT.total_seconds() + 1)
    forget_answers(stage.deps)
    finish_request(stage.deps, FJELL, late, ANSWER)
    begun(stage)


def test_nothing_of_a_request_or_its_answer_can_be_read_in_the_database(stage: Stage) -> None:
    finish_request(stage.deps, FJELL, begun(stage, "sak-21879498012"), ANSWER)
    dump = "\n".join(contents(stage))
    for word in ("sak-", "21879498012", ANSWER.body.hex().upper(), "Hemmelig"):
        assert word not in dump


def test_an_answer_moved_to_another_request_does_not_open(stage: Stage) -> None:
    finish_request(stage.deps, FJELL, begun(stage), ANSWER)
    finish_request(stage.deps, FJELL, begun(stage, "second"), ANSWER)
    with as_owner(stage.database_url) as connection:
        rows = connection.execute(text("select id, sealed_answer from answered_request")).all()
        for (request_id, _), (_, answer) in zip(rows, reversed(rows), strict=True):
            moved = {"answer": answer, "id": request_id}
            connection.execute(text("update answered_request set sealed_answer = :answer where id = :id"), moved)
    with pytest.raises(IntegrityError):
        begin_request(stage.deps, FJELL, "first", ASKED)


def test_a_name_that_has_been_forgotten_is_not_renewed(stage: Stage) -> None:
    request = begun(stage)
    stage.clock.advance(seconds=KEPT.total_seconds() + 1)
    run_all(stage.deps)
    assert renew_request(stage.deps, request) == request
