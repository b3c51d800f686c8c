"""A process without the seal's key has the worker sign, and only what it is for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from deldokument.adapters.documents.signing import LIFETIME, MissingSeal, verify_signature
from deldokument.domain.chain import Checkpoint
from deldokument.domain.errors import Broken, NotReady, ServiceError, Unavailable
from deldokument.ports.documents import DocumentSigner, RenderedDocument
from deldokument.services.audit.export import END_LABEL
from deldokument.services.encryption import DIRECTORY, EncryptedColumn, existing_key, seal_file
from deldokument.services.maintenance.retention import record_heartbeat
from deldokument.services.maintenance.seal_requests import MAX_WAITING, WorkerSigner, answer_seal_requests
from deldokument.store.audit.seal_requests import SealKind, SealRequest
from deldokument.store.database import Database
from tests.support.deployment.deployment import wait_until
from tests.support.stage.stage import NOON, Stage
from tests.support.stored_data import contents, do_as_owner

STATEMENT = END_LABEL + b"ab" * 32


@pytest.fixture
def signer(stage: Stage) -> WorkerSigner:
    """What a server process has in the place of the seal."""
    return WorkerSigner(stage.deps.database, stage.deps.keyring, stage.deps.clock)


@pytest.fixture
def pdf(stage: Stage) -> bytes:
    """An agreement as it is rendered."""
    return stage.deps.renderer.pdf(RenderedDocument("# Avtale", "Avtale", "1.0", NOON))


@contextmanager
def working(stage: Stage) -> Iterator[None]:
    """A worker with the seal runs."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            answer_seal_requests(stage.deps)
            stop.wait(0.01)

    answer_seal_requests(stage.deps)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_the_worker_signs_a_pdf_and_the_end_of_an_export(stage: Stage, signer: WorkerSigner, pdf: bytes) -> None:
    with working(stage):
        signer.check(NOON)
        assert signer.certificate() == stage.deps.signer.certificate()
        sealed = signer.seal(pdf, reason="Signert", location="https://del.example", at=NOON)
        signature = signer.sign(STATEMENT)
    assert sealed.startswith(b"%PDF-")
    assert b"ETSI.CAdES.detached" in sealed
    assert verify_signature(signer.certificate(), STATEMENT, signature)


@dataclass(frozen=True)
class WritingSigner:
    """The seal, which somebody else writes to the database while it signs."""

    inner: DocumentSigner
    database: Database

    def certificate(self) -> bytes:
        return self.inner.certificate()

    def check(self, at: datetime, /) -> None:
        self.inner.check(at)

    def seal(self, pdf: bytes, *, reason: str, location: str, at: datetime) -> bytes:
        return self.inner.seal(pdf, reason=reason, location=location, at=at)

    def sign(self, data: bytes, /) -> bytes:
        with self.database.write() as tx:
            tx.seal_requests.remove("another")
        return self.inner.sign(data)


def test_others_write_to_the_database_while_the_worker_signs(stage: Stage, signer: WorkerSigner) -> None:
    stage.deps = replace(stage.deps, signer=WritingSigner(stage.deps.signer, stage.deps.database))
    with working(stage):
        assert verify_signature(signer.certificate(), STATEMENT, signer.sign(STATEMENT))


def test_nothing_of_a_request_is_left_or_was_ever_in_the_clear(stage: Stage, signer: WorkerSigner, pdf: bytes) -> None:
    answer_seal_requests(stage.deps)
    results = list[bytes]()
    asking = threading.Thread(target=lambda: results.append(signer.seal(pdf, reason="Signert", location="", at=NOON)))
    asking.start()
    wait_until(lambda: answer_seal_requests(stage.deps) == 1, 10, "nothing was asked")
    # The answer may have been fetched already; what the database file holds of it is encrypted in any case.
    asking.join()
    assert len(results) == 1
    assert pdf not in b"".join(path.read_bytes() for path in stage.folder.rglob("*") if path.is_file())
    with stage.deps.database.read() as tx:
        assert tx.seal_requests.open_requests(9) == []


def test_a_checkpoint_of_an_event_chain_is_never_signed_on_request(stage: Stage, signer: WorkerSigner) -> None:
    forged = Checkpoint(stage.tenant.id, 7, bytes(32), NOON, "").statement()
    with working(stage), pytest.raises(Broken):
        signer.sign(forged)


def test_a_request_without_a_pdf_or_with_damage_is_refused_and_the_others_are_signed(
    stage: Stage, signer: WorkerSigner
) -> None:
    key = existing_key(stage.deps.keyring, DIRECTORY)
    moved = seal_file(key, STATEMENT, EncryptedColumn.SEAL_CONTENT, "another")
    with stage.deps.database.write() as tx:
        tx.seal_requests.add(SealRequest("damaged", SealKind.EXPORT, "", "", NOON, moved))
    with working(stage):
        with pytest.raises(Broken):
            signer.seal(b"not a PDF", reason="", location="", at=NOON)
        assert signer.sign(STATEMENT)
    with stage.deps.database.read() as tx:
        damaged = tx.seal_requests.get("damaged")
    assert damaged is not None
    assert (damaged.fault, damaged.sealed_answer) == ("broken", None)


@pytest.mark.parametrize("change", ["reason = id", "location = 'Oslo'", "at = at + 1", "kind = 'export'"])
def test_nothing_is_sealed_with_a_reason_a_place_or_a_time_that_was_written_to_the_row(
    stage: Stage, signer: WorkerSigner, pdf: bytes, change: str
) -> None:
    answer_seal_requests(stage.deps)
    refused = list[ServiceError]()

    def ask() -> None:
        try:
            signer.seal(pdf, reason="Signert", location="https://del.example", at=NOON)
        except ServiceError as error:
            refused.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: is_asked(stage), 10, "nothing was asked")
    do_as_owner(stage.database_url, f"UPDATE seal_request SET {change}")
    answer_seal_requests(stage.deps)
    asking.join()
    assert [error.code for error in refused] == ["broken"]


def is_asked(stage: Stage) -> bool:
    with stage.deps.database.read() as tx:
        return bool(tx.seal_requests.open_requests(9))


def test_without_a_worker_nothing_is_sealed_and_the_request_is_withdrawn(
    stage: Stage, signer: WorkerSigner, pdf: bytes
) -> None:
    answer_seal_requests(stage.deps)
    before = contents(stage)
    with pytest.raises(Unavailable, match="seal_unanswered"):
        replace(signer, looks=2).seal(pdf, reason="", location="", at=NOON)
    assert contents(stage) == before


def test_nobody_waits_for_a_worker_that_has_stopped(stage: Stage, signer: WorkerSigner, pdf: bytes) -> None:
    record_heartbeat(stage.deps)
    answer_seal_requests(stage.deps)
    stage.clock.advance(seconds=61)
    before = contents(stage)
    for ask in (
        lambda: signer.check(NOON),
        lambda: signer.seal(pdf, reason="", location="", at=NOON),
        lambda: signer.sign(STATEMENT),
    ):
        with pytest.raises(Unavailable, match="no worker runs"):
            ask()
    assert contents(stage) == before
    assert signer.certificate()
    record_heartbeat(stage.deps)
    with working(stage):
        assert signer.sign(STATEMENT)


def test_a_worker_with_halted_destruction_signs_although_its_heartbeat_is_old(
    stage: Stage, signer: WorkerSigner
) -> None:
    record_heartbeat(stage.deps)
    stage.clock.advance(hours=2)
    assert not record_heartbeat(stage.deps)
    with working(stage):
        assert signer.sign(STATEMENT)


def test_a_request_that_finds_all_places_taken_is_refused_and_the_places_are_given_back(
    stage: Stage, signer: WorkerSigner
) -> None:
    answer_seal_requests(stage.deps)
    impatient = replace(signer, looks=1)
    taken = [signer.places.acquire(blocking=False) for _ in range(MAX_WAITING)]
    assert all(taken)
    with pytest.raises(NotReady, match="seal_busy"):
        impatient.sign(STATEMENT)
    signer.places.release(MAX_WAITING)
    for _ in range(MAX_WAITING + 1):
        with pytest.raises(Unavailable, match="seal_unanswered"):
            impatient.sign(STATEMENT)


def test_before_a_worker_has_stored_a_seal_there_is_none(stage: Stage, signer: WorkerSigner) -> None:
    for ask in (lambda: signer.check(NOON), signer.certificate, lambda: signer.sign(STATEMENT)):
        with pytest.raises(Unavailable, match="seal_missing"):
            ask()
    answer_seal_requests(replace(stage.deps, signer=MissingSeal()))
    with pytest.raises(Unavailable, match="seal_missing"):
        signer.certificate()


def test_an_expired_seal_is_reported_before_anybody_asks_and_still_signs_exports(
    stage: Stage, signer: WorkerSigner, pdf: bytes
) -> None:
    answer_seal_requests(stage.deps)
    stage.clock.advance(days=LIFETIME.days + 1)
    with working(stage):
        with pytest.raises(Unavailable, match="seal_expired"):
            signer.check(NOON)
        with pytest.raises(Unavailable, match="seal_expired"):
            signer.seal(pdf, reason="", location="", at=NOON)
        assert signer.sign(STATEMENT)


def test_a_seal_that_expires_while_a_request_waits_fails_that_request(
    stage: Stage, signer: WorkerSigner, pdf: bytes
) -> None:
    with working(stage), pytest.raises(Unavailable, match="seal_expired"):
        signer.seal(pdf, reason="", location="", at=NOON + LIFETIME + timedelta(days=1))


def test_a_round_without_requests_changes_nothing(stage: Stage) -> None:
    answer_seal_requests(stage.deps)
    before = contents(stage)
    assert answer_seal_requests(stage.deps) == 0
    assert contents(stage) == before
