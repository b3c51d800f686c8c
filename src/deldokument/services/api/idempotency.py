"""Requests that their caller has named (Idempotency-Key): done once, and answered again as they were.

    begin     the request is noted, with the id of what it is to make; or its answer is there already
    renew     it is still being done
    finish    what it came to is kept for a day; what was refused has changed nothing, and is forgotten

Promises that two requests of one name do not run at once, as long as whoever does the first says so in time; that a
repeated one gets the first one's answer, and another one of the same name none; and that a crash between the work and
its answer makes nothing twice, because the work done again makes the same id. An answer is sealed under a key that
needs the caller's own name for the request, so that nobody opens it who does not ask for it. Deliberately does not know
what a request is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deldokument.crypto.fields import lookup_hash
from deldokument.domain.errors import Conflict, InvalidInput, NotFound
from deldokument.domain.identifiers import Consumer
from deldokument.domain.share import new_id
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.idempotency import IdempotencyRecord
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.accounts.members import memberships_in
from deldokument.services.encryption import EncryptedColumn, open_file, seal_file
from deldokument.services.people import directory_key

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)
"""How long nothing is heard of a request before a crash is taken to have ended it."""
KEY_LENGTH = 255
FIELD = "Idempotency-Key"
_BATCH = 500


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """What a request came to."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request that is to be done now; ``new_id`` is the id of what it makes.

    Until ``leased_until`` nobody else does it.
    """

    id: bytes
    key: bytes
    new_id: str
    leased_until: datetime


def begin_request(
    deps: Dependencies, consumer: Consumer, name: str, digest: bytes
) -> IdempotentRequest | StoredResponse:
    """Take the request on, or tell what it came to before. ``digest`` is the SHA-256 of all that it asks.

    Raises InvalidInput for a name that cannot be one, or that was given to another request, Conflict while the first is
    being done, and NotFound when the answer was given to rights that the consumer has no longer.
    """
    if not (name.isascii() and name.isprintable() and " " not in name and 1 <= len(name) <= KEY_LENGTH):
        raise InvalidInput(FIELD, "idempotency_key_malformed")
    directory, whose = directory_key(deps), f"{consumer.organization.value} {name}"
    request_id, key = lookup_hash(directory, "request", whose), lookup_hash(directory, "answer", whose)
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
            return _opened(key, known, _rights(deps, tx, consumer))
        elif known.leased_until > now:
            raise Conflict("request_under_way")
        tx.idempotency.save(replace(known, leased_until=now + LEASE))
    return IdempotentRequest(request_id, key, known.new_id, now + LEASE)


def renew_request(deps: Dependencies, request: IdempotentRequest) -> IdempotentRequest:
    """The same request, leased from now on; as it was where somebody else has come to do it. Raises Unavailable."""
    with deps.database.write() as tx:
        known = tx.idempotency.lock(request.id)
        if known is None or not _is_held(known, request):
            return request
        until = deps.clock.now() + LEASE
        tx.idempotency.save(replace(known, leased_until=until))
    return replace(request, leased_until=until)


def finish_request(deps: Dependencies, consumer: Consumer, request: IdempotentRequest, answer: StoredResponse) -> None:
    """Keep what the request came to; let go of it when that was nothing, so that it may be tried again.

    What has been made has been made, whoever does the request by now; that nothing was is for its holder alone to say.
    """
    with deps.database.write() as tx:
        known = tx.idempotency.lock(request.id)
        if known is None or known.new_id != request.new_id or known.sealed_answer:
            return
        if answer.status < 300:
            sealed = _sealed(request.key, request.id, answer, _rights(deps, tx, consumer))
            tx.idempotency.save(replace(known, sealed_answer=sealed))
        elif not _is_held(known, request):
            return
        elif answer.status < 500:
            tx.idempotency.remove(request.id)
        else:
            # It may have come halfway: whoever tries again goes on with the same id.
            tx.idempotency.save(replace(known, leased_until=deps.clock.now()))


def _is_held(known: IdempotencyRecord, request: IdempotentRequest) -> bool:
    return (known.new_id, known.leased_until) == (request.new_id, request.leased_until)


def forget_answers(deps: Dependencies) -> int:
    """Remove the requests that are older than a day."""
    with deps.database.write() as tx:
        return tx.idempotency.forget(deps.clock.now() - KEPT, _BATCH)


def _rights(deps: Dependencies, tx: Transaction, consumer: Consumer) -> list[str]:
    """The consumer's integrations: an answer is told again only as long as all of them stand that it was given to."""
    return sorted(membership.id for membership in memberships_in(deps, tx, consumer))


def _sealed(key: bytes, request_id: bytes, answer: StoredResponse, rights: list[str]) -> bytes:
    body = base64.b64encode(answer.body).decode()
    kept = {"status": answer.status, "headers": dict(answer.headers), "body": body, "rights": rights}
    return seal_file(key, json.dumps(kept).encode(), EncryptedColumn.ANSWER, request_id.hex())


def _opened(key: bytes, known: IdempotencyRecord, rights: list[str]) -> StoredResponse:
    kept = json.loads(open_file(key, known.sealed_answer, EncryptedColumn.ANSWER, known.id.hex()))
    if not set(kept["rights"]) <= set(rights):
        raise NotFound("rights that the answer was given to are gone")
    return StoredResponse(kept["status"], kept["headers"], base64.b64decode(kept["body"]))
