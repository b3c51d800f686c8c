"""An account with 100 000 members on each database: pages that begin at once, from an index. -s shows the numbers."""

import sys
from collections.abc import Iterator

import pytest

from tests.support.bulk.members import FIRST_BYTE, BulkMembers, check_pages, check_plans, crowd
from tests.support.servers.postgres import postgres_server  # noqa: F401

pytestmark = [pytest.mark.large, pytest.mark.timeout(600)]
COUNT = 100_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def many(request: pytest.FixtureRequest) -> Iterator[BulkMembers]:
    """The members; only to be looked at."""
    if request.param == "sqlite":
        with crowd(None, COUNT) as new:
            yield new
    else:
        with request.getfixturevalue("postgres_server").database() as url, crowd(url, COUNT) as new:
            yield new


def test_the_pages_of_100_000_members_begin_within_a_fifth_of_a_second(many: BulkMembers) -> None:
    taken = check_pages(many)
    figures = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in taken.items())
    sys.stdout.write(f"\n{COUNT} members: {figures}\n")
    assert max(taken.values()) < FIRST_BYTE


def test_every_question_about_100_000_members_is_answered_from_its_index(many: BulkMembers) -> None:
    check_plans(many)
