"""Requests to the worker, which alone has the seal's key, to sign for other processes. They go through the database.

    WorkerSigner            in server processes and commands: stores a request, and waits for the result
    answer_seal_requests    in the worker: publishes the certificate, and signs the requests

Guarantees:
- A server process can have PDFs, exports and reports signed while the worker runs. It can neither read the key nor sign
  a checkpoint of an event chain.
- Request and result are encrypted in the database, and deleted once the requesting process has the result.
- A signature states the reason, place and time of the request, even if the database was changed.
- At most ``MAX_WAITING`` threads of a process wait for the worker, so that pages do not. Without a worker none waits.
"""

import json
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.audit import instant_text
from deldokument.domain.errors import Broken, NotReady, ServiceError, Unavailable
from deldokument.domain.shares.report import REPORT_LABEL
from deldokument.domain.shares.share import new_id
from deldokument.ports.clock import Clock
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.keyring import Keyring
from deldokument.services.audit.export import END_LABEL
from deldokument.services.encryption import DIRECTORY, EncryptedColumn, existing_key, open_file, seal_file
from deldokument.services.maintenance.health import HEARTBEAT_LIMIT
from deldokument.store.audit.seal_requests import SealKind, SealRequest, SealStatus
from deldokument.store.database import Database

MAX_WAITING = 8
"""Of a process's 40 threads. A running worker answers within a second."""
MISSING = "seal_missing"
_BROKEN = Broken("").code
_LOOK_SECONDS = 0.1
_BATCH = 20
_KEPT = timedelta(minutes=10)
"""How long a request is kept whose process has died. Its waiting ends long before."""


@dataclass(frozen=True, slots=True)
class WorkerSigner:
    """The port `DocumentSigner` in a process that does not have the key. ``looks``: how often it polls for a result."""

    database: Database
    keyring: Keyring
    clock: Clock
    looks: int = 150
    places: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_WAITING))

    def check(self, _at: datetime, /) -> None:
        """Raise Unavailable if the worker cannot seal now, by the worker's own clock."""
        if fault := self._status().fault:
            raise Unavailable(fault)
        self._check_worker()

    def seal(self, pdf: bytes, *, reason: str, location: str, at: datetime) -> bytes:
        """Return the PDF with the worker's signature.

        Raises: Unavailable, also if no worker answers; NotReady if too many threads wait; Broken.
        """
        self.check(at)
        return self._ask(SealKind.PDF, pdf, reason, location, at)

    def sign(self, data: bytes, /) -> bytes:
        """Return a signature over the end of an export or a report; the worker refuses everything else."""
        self.certificate()
        self._check_worker()
        return self._ask(SealKind.EXPORT, data, "", "", self.clock.now())

    def certificate(self) -> bytes:
        """Return the certificate that a worker has stored."""
        certificate = self._status().certificate
        if not certificate:
            raise Unavailable(MISSING)
        return certificate

    def _status(self) -> SealStatus:
        with self.database.read() as tx:
            return tx.seal_requests.status() or SealStatus(b"", MISSING)

    def _check_worker(self) -> None:
        """Raise Unavailable if no worker runs. While destruction is halted, a running worker writes no heartbeat."""
        with self.database.read() as tx:
            deployment = tx.deployment.get()
        beat = deployment.heartbeat_at
        if beat is not None and deployment.halted_at is None and self.clock.now() - beat > HEARTBEAT_LIMIT:
            raise Unavailable("seal_unanswered", detail="no worker runs")

    def _ask(self, kind: SealKind, content: bytes, reason: str, location: str, at: datetime) -> bytes:
        if not self.places.acquire(blocking=False):
            raise NotReady("seal_busy", detail="too many wait for the worker")
        try:
            return self._answer_to(kind, content, reason, location, at)
        finally:
            self.places.release()

    def _answer_to(self, kind: SealKind, content: bytes, reason: str, location: str, at: datetime) -> bytes:
        key, request_id = existing_key(self.keyring, DIRECTORY), new_id()
        request = SealRequest(request_id, kind, reason, location, at, b"")
        sealed = seal_file(key, content, EncryptedColumn.SEAL_CONTENT, _place(request))
        with self.database.write() as tx:
            tx.seal_requests.add(replace(request, sealed_content=sealed))
        try:
            answered = self._await_answer(request_id)
        finally:
            with self.database.write() as tx:
                tx.seal_requests.remove(request_id)
        if answered.sealed_answer is None:
            raise Broken("seal") if answered.fault == _BROKEN else Unavailable(answered.fault)
        return open_file(key, answered.sealed_answer, EncryptedColumn.SEAL_ANSWER, request_id)

    def _await_answer(self, request_id: str) -> SealRequest:
        pause = threading.Event()
        for _ in range(self.looks):
            with self.database.read() as tx:
                request = tx.seal_requests.get(request_id)
            if request is not None and (request.fault or request.sealed_answer is not None):
                return request
            pause.wait(_LOOK_SECONDS)
        raise Unavailable("seal_unanswered", detail="no worker has answered")


def answer_seal_requests(deps: Dependencies) -> int:
    """Do one round: publish the seal's status if it has changed, and answer requests. Return their number."""
    now, status = deps.clock.now(), _status(deps)
    with deps.database.read() as tx:
        is_known = tx.seal_requests.status() == status
        requests = tx.seal_requests.open_requests(_BATCH)
    if is_known and not requests:
        return 0
    key = existing_key(deps.keyring, DIRECTORY)
    # Outside a transaction, because signing takes long and would block other writers to SQLite. Two workers may sign
    # the same request; either result is valid.
    answers = {request.id: _answer(deps, key, request) for request in requests}
    with deps.database.write() as tx:
        tx.seal_requests.note_status(status)
        tx.seal_requests.forget(now - _KEPT)
        for request_id, answer in answers.items():
            tx.seal_requests.answer(request_id, *answer)
    return len(requests)


def _status(deps: Dependencies) -> SealStatus:
    try:
        certificate = deps.signer.certificate()
    except Unavailable as error:
        return SealStatus(b"", error.code)
    try:
        deps.signer.check(deps.clock.now())
    except Unavailable as error:
        return SealStatus(certificate, error.code)
    return SealStatus(certificate, "")


def _answer(deps: Dependencies, key: bytes, request: SealRequest) -> tuple[bytes | None, str]:
    """Return the encrypted result, or the code of the error."""
    try:
        content = open_file(key, request.sealed_content, EncryptedColumn.SEAL_CONTENT, _place(request))
        answer = _sign(deps, request, content)
    except ServiceError as error:
        return None, error.code
    except IntegrityError:
        return None, _BROKEN
    return seal_file(key, answer, EncryptedColumn.SEAL_ANSWER, request.id), ""


def _place(request: SealRequest) -> str:
    """Return the place for which the content is encrypted: this request, with all that the signature states."""
    return json.dumps([request.id, request.kind, request.reason, request.location, instant_text(request.at)])


def _sign(deps: Dependencies, request: SealRequest, content: bytes) -> bytes:
    if request.kind is SealKind.PDF:
        return deps.signer.seal(content, reason=request.reason, location=request.location, at=request.at)
    # Otherwise a server process could get a checkpoint signed for a chain that it has rewritten.
    if not content.startswith((END_LABEL, REPORT_LABEL)):
        raise Broken("a statement that is neither the end of an export nor a report")
    return deps.signer.sign(content)
