"""An account with 1 000 members; tests/large does the same with a hundred times as many."""

from collections.abc import Iterator

import pytest

from tests.support.bulk.members import BulkMembers, check_pages, check_plans, crowd
from tests.support.deployment.stack import DATABASES
from tests.support.query_plans import EVERYTHING_READ, plans
from tests.support.servers.postgres import postgres_server  # noqa: F401

COUNT = 1000


@pytest.fixture(scope="module", params=DATABASES)
def many(request: pytest.FixtureRequest) -> Iterator[BulkMembers]:
    """The members, on each database; only to be looked at."""
    if request.param == "sqlite":
        with crowd(None, COUNT) as new:
            yield new
    else:
        with request.getfixturevalue("postgres_server").database() as url, crowd(url, COUNT) as new:
            yield new


def test_the_pages_of_many_members_answer(many: BulkMembers) -> None:
    """How soon they begin is asked where there are a hundred times as many."""
    assert check_pages(many)


def test_every_question_about_many_members_is_answered_from_its_index(many: BulkMembers) -> None:
    check_plans(many)


def test_a_plan_that_reads_every_member_is_found(many: BulkMembers) -> None:
    assert EVERYTHING_READ.search(plans(many.url, [("SELECT * FROM member WHERE sealed_name = lookup_hash", ())]))
