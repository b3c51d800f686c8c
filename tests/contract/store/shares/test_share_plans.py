"""What people ask for about shares is answered from indexes, of 20 000 shares among 357 tenants.

PostgreSQL plans with the figures of what is there, SQLite without any.
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from deldokument.domain.shares.share import ShareState
from deldokument.store.database import Database
from deldokument.store.shares.shares import ShareFilter
from deldokument.store.transaction import Transaction
from tests.fakes.integrity import tagging
from tests.support.bulk.shares import PUBLISHED, BulkShares, fill_shares, make_homes, share_id
from tests.support.query_plans import filled_once, plans, statements

SHARES, TENANTS = 20_000, 357
NOW, LATER = PUBLISHED + timedelta(days=1), PUBLISHED + timedelta(days=9)
# The other tables are small. SQLite also calls it a scan to read an index from end to end. The index of recipients who
# wait for an answer has few.
_WHOLE_TABLE = re.compile(
    r"Seq Scan on (share|recipient|document)\b"
    r"|^SCAN (share|recipient|document|named|near)\b(?! USING INDEX ix_recipient_asking)",
    re.M,
)


def account_ids(count: int) -> tuple[str, ...]:
    return tuple(f"account{number:015}" for number in range(count))


def hash_of(number: int) -> bytes:
    return number.to_bytes(32, "big")


def listed(count: int, **bounds: object) -> Callable[[Transaction], object]:
    states = (ShareState.DRAFT, ShareState.AVAILABLE, ShareState.ENDED, ShareState.WITHDRAWN)
    return lambda tx: tx.shares.find(ShareFilter(account_ids(count), states, NOW, limit=26, **bounds))  # type: ignore[arg-type]


QUESTIONS: dict[str, Callable[[Transaction], object]] = {
    "a link": lambda tx: tx.share_lookup.share_at_or_after(share_id(7)),
    "a link to nothing": lambda tx: tx.share_lookup.share_at_or_after("z"),
    "«Delt med meg»": lambda tx: tx.share_lookup.open_for([hash_of(place * TENANTS) for place in range(TENANTS)], NOW),
    "documents to count": lambda tx: tx.share_lookup.document_ids([share_id(place) for place in range(20)]),
    "«Delinger» of one account": listed(1),
    "«Delinger» of three accounts": listed(3),
    "«Delinger» of nine accounts": listed(9),
    "more of «Delinger»": listed(3, before=(NOW, share_id(9))),
    "a case number": listed(3, reference_hashes=(b"case",)),
    "what awaits a member": lambda tx: tx.shares.needing(account_ids(1), NOW, LATER, 50),
    "what awaits a member of three accounts": lambda tx: tx.shares.needing(account_ids(3), NOW, LATER, 50),
    "drafts that answer requests": lambda tx: tx.share_lookup.answering([share_id(place) for place in range(20)]),
    "«Nylig brukt»": lambda tx: tx.share_lookup.shared_lately("member" + "0" * 16, account_ids(1)[0], 50, 10),
    "recipients": lambda tx: tx.shares.recipients([share_id(place) for place in range(20)]),
    "documents": lambda tx: tx.shares.documents([share_id(place) for place in range(20)]),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def crowded_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with very many shares, to be read only."""
    with filled_once(request, tmp_path_factory.mktemp("crowded"), crowd) as url:
        yield url


def crowd(url: str) -> None:
    database = tagging(Database(url))
    homes = make_homes(database, TENANTS)
    database.close()
    fill_shares(url, BulkShares(homes, SHARES, lambda _: LATER, documents=1, recipient_hash=hash_of))


@pytest.fixture
def crowded(crowded_url: str) -> Iterator[Database]:
    opened = tagging(Database(crowded_url))
    yield opened
    opened.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_of_people_reads_a_whole_table(crowded: Database, crowded_url: str, question: str) -> None:
    with statements() as asked, crowded.read() as tx:
        QUESTIONS[question](tx)
    assert asked
    assert not _WHOLE_TABLE.search(found := plans(crowded_url, asked)), found


def test_a_plan_that_reads_a_whole_table_is_found(crowded_url: str) -> None:
    assert _WHOLE_TABLE.search(plans(crowded_url, [("SELECT * FROM share WHERE sealed_audit_texts = 'x'", ())]))
