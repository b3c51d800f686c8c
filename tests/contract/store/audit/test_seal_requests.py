"""Requests to the seal: each is answered once, by one worker, and is gone when it has been fetched."""

from dataclasses import replace
from datetime import timedelta

from deldokument.store.audit.seal_requests import SealKind, SealRequest, SealStatus
from deldokument.store.database import Database
from tests.contract.records import NOW

FIRST = SealRequest("1", SealKind.PDF, "Signert", "https://del.example", NOW, b"sealed pdf")
SECOND = SealRequest("2", SealKind.EXPORT, "", "", NOW + timedelta(seconds=1), b"sealed statement")


def test_the_status_is_what_was_stored_last(database: Database) -> None:
    with database.write() as tx:
        assert tx.seal_requests.status() is None
        tx.seal_requests.note_status(SealStatus(b"first", ""))
        tx.seal_requests.note_status(SealStatus(b"second", "seal_expired"))
    with database.read() as tx:
        assert tx.seal_requests.status() == SealStatus(b"second", "seal_expired")


def test_requests_wait_in_order_until_they_have_a_result(database: Database) -> None:
    with database.write() as tx:
        tx.seal_requests.add(SECOND)
        tx.seal_requests.add(FIRST)
        assert tx.seal_requests.open_requests(1) == [FIRST]
        assert tx.seal_requests.open_requests(9) == [FIRST, SECOND]
        tx.seal_requests.answer("1", b"sealed result", "")
        assert tx.seal_requests.open_requests(9) == [SECOND]
        tx.seal_requests.answer("2", None, "seal_expired")
        assert tx.seal_requests.open_requests(9) == []
    with database.write() as tx:
        assert tx.seal_requests.get("1") == replace(FIRST, sealed_answer=b"sealed result")
        assert tx.seal_requests.get("2") == replace(SECOND, fault="seal_expired")
        tx.seal_requests.remove("1")
        tx.seal_requests.remove("1")
        assert tx.seal_requests.get("1") is None


def test_requests_of_processes_that_died_are_forgotten(database: Database) -> None:
    with database.write() as tx:
        tx.seal_requests.add(FIRST)
        tx.seal_requests.add(SECOND)
        assert tx.seal_requests.forget(SECOND.at) == 1
        assert tx.seal_requests.open_requests(9) == [SECOND]
