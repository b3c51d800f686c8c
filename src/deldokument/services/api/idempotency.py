"""Idempotency keys of API requests: a request runs once, and a repetition gets the stored response.

    begin     stores and leases the request, with the id of the record it creates; or returns its response
    renew     renews the lease of a running request
    finish    stores a success for a day; forgets a refused request, which has changed nothing

Guarantees:
- Two requests with one key do not run at once, as long as the first one's lease is renewed in time.
- A repeated request gets the first one's response. A different request with the same key is refused.
- A crash between the work and its response creates nothing twice: the repeated work uses the same id.
- A response is sealed under a key derived from the idempotency key, so only a request with that key opens it.

Does not know what a request does.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deldokument.crypto.fields import lookup_hash
from deldokument.domain.errors import Conflict, InvalidInput, NotFound
from deldokument.domain.identifiers import Consumer
from deldokument.domain.shares.share import new_id
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import memberships_in
from deldokument.services.encryption import EncryptedColumn, open_file, seal_file
from deldokument.services.people import directory_key
from deldokument.store.auth.idempotency import IdempotencyRecord
from deldokument.store.transaction import Transaction

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)
"""Time without renewal after which a request is assumed to have crashed."""
KEY_LENGTH = 255
FIELD = "Idempotency-Key"
_BATCH = 500


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response of a completed request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request to run now; ``new_id`` is the id of the record that it creates.

    It is leased: no other process runs it before ``leased_until``.
    """

    id: bytes
    key: bytes
    new_id: str
    leased_until: datetime


def begin_request(
    deps: Dependencies, consumer: Consumer, name: str, digest: bytes
) -> IdempotentRequest | StoredResponse:
    """Lease the request, or return its stored response.

    ``name`` is the idempotency key, ``digest`` the SHA-256 of everything in the request.

    Raises:
    - InvalidInput for a malformed key, or one used for another request
    - Conflict while the first request runs
    - NotFound if the response was given under rights that the consumer has lost
    """
    if not (name.isascii() and name.isprintable() and " " not in name and 1 <= len(name) <= KEY_LENGTH):
        raise InvalidInput(FIELD, "idempotency_key_malformed")
    directory, owner = directory_key(deps), f"{consumer.organization.value} {name}"
    request_id, key = lookup_hash(directory, "request", owner), lookup_hash(directory, "answer", owner)
    fingerprint = lookup_hash(directory, "asked", digest.hex())
    now = deps.clock.now()
    with deps.database.write() as tx:
        known = tx.idempotency.lock(request_id)
        if known is not None and known.created_at + KEPT <= now:
            known = None
        if known is None:
            known = IdempotencyRecord(request_id, fingerprint, new_id(), now, now)
        elif known.fingerprint != fingerprint:
            raise InvalidInput(FIELD, "idempotency_key_reused")
        elif known.sealed_answer:
            return _open_response(key, known, _rights(deps, tx, consumer))
        elif known.leased_until > now:
            raise Conflict("request_under_way")
        tx.idempotency.save(replace(known, leased_until=now + LEASE))
    return IdempotentRequest(request_id, key, known.new_id, now + LEASE)


def renew_request(deps: Dependencies, request: IdempotentRequest) -> IdempotentRequest:
    """Return the request with its lease renewed; unchanged if the lease is lost. Raises: Unavailable."""
    with deps.database.write() as tx:
        known = tx.idempotency.lock(request.id)
        if known is None or not _is_held(known, request):
            return request
        until = deps.clock.now() + LEASE
        tx.idempotency.save(replace(known, leased_until=until))
    return replace(request, leased_until=until)


def finish_request(deps: Dependencies, consumer: Consumer, request: IdempotentRequest, answer: StoredResponse) -> None:
    """Store a success; after a failure, free the key so that the request may be repeated.

    A success is stored even if the lease was lost. Only the lease holder may record a failure.
    """
    with deps.database.write() as tx:
        known = tx.idempotency.lock(request.id)
        if known is None or known.new_id != request.new_id or known.sealed_answer:
            return
        if answer.status < 300:
            sealed = _seal_response(request.key, request.id, answer, _rights(deps, tx, consumer))
            tx.idempotency.save(replace(known, sealed_answer=sealed))
        elif not _is_held(known, request):
            return
        elif answer.status < 500:
            tx.idempotency.remove(request.id)
        else:
            # The work may be half done, so a repeated request continues with the same id.
            tx.idempotency.save(replace(known, leased_until=deps.clock.now()))


def _is_held(known: IdempotencyRecord, request: IdempotentRequest) -> bool:
    return (known.new_id, known.leased_until) == (request.new_id, request.leased_until)


def forget_answers(deps: Dependencies) -> int:
    """Remove requests older than a day; return how many. One round of retention."""
    with deps.database.write() as tx:
        return tx.idempotency.forget(deps.clock.now() - KEPT, _BATCH)


def _rights(deps: Dependencies, tx: Transaction, consumer: Consumer) -> list[str]:
    """Return the ids of the consumer's integrations.

    A response is replayed only while the consumer has all the integrations that it had when the response was stored.
    """
    return sorted(membership.id for membership in memberships_in(deps, tx, consumer))


def _seal_response(key: bytes, request_id: bytes, answer: StoredResponse, rights: list[str]) -> bytes:
    body = base64.b64encode(answer.body).decode()
    kept = {"status": answer.status, "headers": dict(answer.headers), "body": body, "rights": rights}
    return seal_file(key, json.dumps(kept).encode(), EncryptedColumn.ANSWER, request_id.hex())


def _open_response(key: bytes, known: IdempotencyRecord, rights: list[str]) -> StoredResponse:
    kept = json.loads(open_file(key, known.sealed_answer, EncryptedColumn.ANSWER, known.id.hex()))
    if not set(kept["rights"]) <= set(rights):
        raise NotFound("rights that the answer was given to are gone")
    return StoredResponse(kept["status"], kept["headers"], base64.b64decode(kept["body"]))
