"""A whole share, or documents added to one: draft, parallel uploads, publication; resumed after an interruption.

    nothing ──> draft ──> documents announced, in order ──> uploaded in parallel ──> published ──> state deleted
        └──────────── the ledger knows the progress; the service knows the rest ────────────┘

Guarantees:
- The same call resumes, instead of starting again, as long as the service keeps the draft.
- A share is published only when every byte is uploaded, from files that have not changed.
- Of two identical calls at the same time on this machine, the second raises NotConfigured.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from deldokument.client.api import Api
from deldokument.client.errors import Interrupted, Refused
from deldokument.client.files import LocalFile
from deldokument.client.models import Share, Ticket, To, format_instant
from deldokument.client.state import Ledger
from deldokument.client.transport import RetryPolicy
from deldokument.client.uploads import STREAM, Progress, Uploads

MAX_STREAMS: Final = 8
MAX_SCAN_WAITS: Final = 20
"""How often to ask whether added documents are scanned, with growing pauses: about a quarter of an hour."""
_LISTEN_SECONDS: Final = 1.0
"""How often the main thread looks for a signal, which the kernel may deliver to another thread."""


@dataclass(frozen=True, slots=True)
class ShareRequest:
    """Fields of a new share. None means the account's rule."""

    account_id: str
    recipients: tuple[To, ...]
    until: datetime
    title: str = ""
    message: str = ""
    reference: str = ""
    confidential: bool | None = None
    archived: bool = False
    notify: bool | None = None

    def body(self) -> dict[str, Any]:
        """Return the request's body."""
        given: dict[str, Any] = {
            "account_id": self.account_id,
            "title": self.title,
            "message": self.message,
            "reference": self.reference,
            "expires_at": format_instant(self.until),
            "recipients": [to.body() for to in self.recipients],
        }
        # Absent instead of false: an administrator may have confirmed archiving for the whole system.
        archived = True if self.archived else None
        optional = {"archived": archived, "confidential": self.confidential, "notify": self.notify}
        return given | {name: value for name, value in optional.items() if value is not None}


def identity(url: str, client_id: str, wish: Mapping[str, Any], files: Sequence[LocalFile]) -> dict[str, Any]:
    """Return the values that identify a call. Two calls with equal values are the same call."""
    facts = [[file.name, str(file.path.resolve()), file.length, file.modified_ns] for file in files]
    return {"url": url, "client": client_id, "wish": wish, "files": facts}


class Sharing:
    """One call of `Client.share` or `Client.add_documents`, from the first file to the share's publication."""

    def __init__(
        self, api: Api, http: httpx.Client, patience: RetryPolicy, ledger: Ledger, parallel: int, progress: Progress
    ) -> None:
        self._api = api
        self._patience = patience
        self._ledger = ledger
        self._parallel = parallel
        self._progress = progress
        self._uploads = Uploads(http, patience, ledger, progress)

    def run(self, wish: ShareRequest, files: Sequence[LocalFile]) -> Share:
        """Return the share, published, or proposed if its account requires approval."""
        share = self._draft(wish)
        if share.state == "draft" and not share.proposed:
            self._upload(share, files)
            share = self._api.publish(share.id, self._ledger.idempotency_key("publication"))
        self._ledger.close()
        return share

    def add(self, share_id: str, files: Sequence[LocalFile]) -> Share:
        """Add the files as further documents to a published share, or propose that; return the share."""
        self._ledger.began(share_id)
        self._upload(self._api.get(share_id), files)
        found = (self._ledger.document(file.name) for file in files)
        share = self._add_documents(share_id, [one for one in found if one is not None])
        self._ledger.close()
        return share

    def _add_documents(self, share_id: str, document_ids: Sequence[str]) -> Share:
        """Add the uploaded documents as soon as they are inspected."""
        attempt = 0
        while True:
            try:
                return self._api.add_pending(share_id, document_ids)
            except Refused as refused:
                attempt += 1
                if attempt == MAX_SCAN_WAITS or [fault.code for fault in refused.faults] != ["files_unscanned"]:
                    raise
            self._patience.wait(attempt)

    def _draft(self, wish: ShareRequest) -> Share:
        if (known := self._find_earlier()) is not None:
            return known
        # Save the idempotency key before the request: if the response is lost, no second draft is created.
        self._ledger.save()
        try:
            share = self._api.create_draft(wish.body(), self._ledger.idempotency_key("draft"))
        except Refused:
            self._ledger.close()
            raise
        self._ledger.began(share.id)
        return share

    def _find_earlier(self) -> Share | None:
        """Return the share that an earlier call began; None if it has ended or no longer exists."""
        if self._ledger.share_id is None:
            return None
        try:
            share = self._api.get(self._ledger.share_id)
        except Refused as refused:
            if refused.status not in (404, 410):
                raise
        else:
            if share.state in ("draft", "available"):
                return share
        self._ledger.begin_anew()
        return None

    def _upload(self, share: Share, files: Sequence[LocalFile]) -> None:
        known = (*share.documents, *share.pending_documents)
        complete = {document.id for document in known if document.complete}
        missing = [file for file in files if self._ledger.document(file.name) not in complete]
        for file in files:
            if file not in missing:
                self._progress(file, file.length)
        pool, running = ThreadPoolExecutor(self._parallel), list[Future[None]]()
        try:
            for file in missing:
                ticket = self._announce(share, file)
                running.append(pool.submit(self._one, share, file, ticket, self._streams(file, ticket, len(missing))))
                _raise_first(running)
            while wait(running, timeout=_LISTEN_SECONDS, return_when=FIRST_EXCEPTION).not_done:
                _raise_first(running)
            _raise_first(running)
        except BaseException:
            self._patience.stop()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _streams(self, file: LocalFile, ticket: Ticket, files: int) -> int:
        """Return the number of streams for this file, if ``files`` files upload at once."""
        most = min(self._parallel // min(files, self._parallel), file.length // STREAM, MAX_STREAMS)
        if most < 2 or ticket.offset > 0 or not self._uploads.offers_streams(ticket.creation_url):
            return 1
        return most

    def _one(self, share: Share, file: LocalFile, ticket: Ticket, streams: int) -> None:
        self._uploads.upload(file, ticket, lambda: self._announce(share, file), streams)

    def _announce(self, share: Share, file: LocalFile) -> Ticket:
        modified = datetime.fromtimestamp(file.modified_at / 1000, UTC)
        ticket = self._api.announce(share.id, name=file.name, length=file.length, modified_at=format_instant(modified))
        self._ledger.keep_document(file.name, ticket.document_id)
        return ticket


def _raise_first(running: Sequence[Future[None]]) -> None:
    """Raise the error of a failed task; the original error rather than an Interrupted that followed from it."""
    errors = [error for future in running if future.done() and (error := future.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, Interrupted)):
        raise error
