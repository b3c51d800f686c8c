"""Uploads with tus 1.0.0: resumable, and in several streams for a large document if the service offers it.

    one stream       HEAD offset ── PATCH from there ──> … ──> complete
    several streams  POST partial ×n ── each like one stream ──> POST final: the document in that order

Guarantees:
- The upload fails if the file has changed since its sharing began.
- A lost connection costs only the bytes that were not acknowledged.
- A stream is reported as unreachable only after several attempts without progress.

Source: tus resumable upload protocol 1.0.0 with the extensions creation and concatenation.
"""

import base64
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

from deldokument.client.errors import Refused, Unreachable
from deldokument.client.files import LocalFile
from deldokument.client.models import Ticket
from deldokument.client.settings import is_safe
from deldokument.client.state import Ledger, Partial
from deldokument.client.transport import TRIES, RetryPolicy, retry_after

Progress = Callable[[LocalFile, int], None]
"""Called with a file and the number of its bytes that are sent or acknowledged, from several threads."""

STREAM: Final = 64 * 2**20
"""Minimum number of bytes for each stream of a document."""
_TYPE: Final = "application/offset+octet-stream"
_NO_PASS: Final = frozenset({401, 403, 404, 410})
_AGAIN: Final = frozenset({408, 409, 423, 425, 429, 460})


class _Gone(Exception):
    """Error: the upload does not exist, or its token is not valid for it."""


class _Broken(Exception):
    """Error: another stream of the same document has failed, and raises the reason."""


class UploadAttempt:
    """State that a document's streams share: the upload token, the progress, and whether a stream has failed.

    An expired token is renewed once for all streams.
    """

    def __init__(self, file: LocalFile, ticket: Ticket, renew: Callable[[], Ticket], progress: Progress) -> None:
        self.file = file
        self.ticket = ticket
        self.broken = threading.Event()
        self._renew = renew
        self._renewing = threading.Lock()
        self._progress = progress
        self._counting = threading.Lock()
        self._done: dict[int, int] = {}

    def headers(self) -> dict[str, str]:
        return {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {self.ticket.token}"}

    def renew(self, stale: str) -> None:
        with self._renewing:
            if self.ticket.token == stale:
                self.ticket = self._renew()

    def set_progress(self, done: dict[int, int]) -> None:
        """Set the progress of the streams with these start offsets."""
        with self._counting:
            self._done |= done
            self._progress(self.file, sum(self._done.values()))

    def reached_as_one(self, done: int) -> None:
        """Set the progress of the whole file, when one stream replaces the partial uploads."""
        with self._counting:
            self._done = {0: done}
            self._progress(self.file, done)


class Uploads:
    """Uploads of one share."""

    def __init__(self, http: httpx.Client, patience: RetryPolicy, ledger: Ledger, progress: Progress) -> None:
        self._http = http
        self._patience = patience
        self._ledger = ledger
        self._progress = progress

    def upload(self, file: LocalFile, ticket: Ticket, renew: Callable[[], Ticket], streams: int) -> None:
        """Upload the missing bytes of ``file``; ``renew`` returns a ticket with a new token.

        Raises: FileChanged, Refused, Unreachable or Interrupted.
        """
        attempt = UploadAttempt(file, ticket, renew, self._progress)
        try:
            self._send(attempt, streams)
        except _Gone:
            raise Refused(404, "", f"{file.name} is no longer accepted") from None
        file.check_unchanged()
        attempt.reached_as_one(file.length)

    def _send(self, attempt: UploadAttempt, streams: int) -> None:
        if attempt.file.length == 0:
            self._post(attempt, {"Upload-Length": "0"})
        elif streams > 1 or self._ledger.partials(attempt.file.name):
            self._in_streams(attempt, streams)
        else:
            self._whole(attempt, attempt.ticket.offset)

    def _whole(self, attempt: UploadAttempt, known: int) -> None:
        """Upload the document in one stream; the service has the first ``known`` bytes."""
        self._stream(attempt, lambda: attempt.ticket.url, 0, attempt.file.length, known)

    def offers_streams(self, creation_url: str) -> bool:
        """Return whether the service supports concatenation of partial uploads."""
        try:
            answer = self._http.options(creation_url, headers={"Tus-Resumable": "1.0.0"})
        except httpx.TransportError:
            return False
        return "concatenation" in answer.headers.get("tus-extension", "").replace(" ", "").split(",")

    def _in_streams(self, attempt: UploadAttempt, streams: int) -> None:
        name = attempt.file.name
        try:
            there = {p: self._offset(attempt, p.url, 0) for p in self._ledger.partials(name)}
            partials = self._partials(attempt, streams)
            # Report the sum first: a resumed document starts at the sum of all streams.
            attempt.set_progress({p.start: there.get(p, 0) for p in partials})
            with ThreadPoolExecutor(max(streams, 1)) as pool:
                sent = [pool.submit(self._partial, attempt, p, there.get(p, 0)) for p in partials]
            errors = [error for future in sent if (error := future.exception())]
            for error in sorted(errors, key=lambda error: isinstance(error, _Broken)):
                raise error
            self._join(attempt, partials)
        except _Gone:
            # The partial uploads can no longer be used: fall back to the document's own upload, in one stream.
            attempt.broken.clear()
            known = self._offset(attempt, attempt.ticket.url, 0)
            attempt.reached_as_one(known)
            self._whole(attempt, known)
        self._ledger.keep_partials(name, [])

    def _partials(self, attempt: UploadAttempt, streams: int) -> list[Partial]:
        """Return the partial uploads created earlier, and new ones for the rest of the file."""
        begun = self._ledger.partials(attempt.file.name)
        covered = sum(partial.length for partial in begun)
        for start, length in _stretches(covered, attempt.file.length, max(streams - len(begun), 1)):
            try:
                answer = self._post(attempt, _partial_headers(start, length))
            except Refused:
                raise _Gone from None
            begun.append(Partial(_location(attempt, answer), start, length))
            self._ledger.keep_partials(attempt.file.name, begun)
        return begun

    def _partial(self, attempt: UploadAttempt, partial: Partial, known: int) -> None:
        try:
            self._stream(attempt, lambda: partial.url, partial.start, partial.length, known)
        except BaseException:
            attempt.broken.set()
            raise

    def _join(self, attempt: UploadAttempt, partials: list[Partial]) -> None:
        paths = " ".join(urlsplit(partial.url).path for partial in partials)
        try:
            self._post(attempt, {"Upload-Concat": f"final;{paths}"})
        except Refused as refused:
            # The partial uploads do not match, or are gone: their bytes cannot be used.
            raise _Gone from refused

    def _stream(self, attempt: UploadAttempt, url: Callable[[], str], start: int, length: int, known: int) -> None:
        """Upload ``length`` bytes from ``start``; the service has the first ``known`` of them."""
        offset, vain = known, 0
        while offset < length:
            attempt.set_progress({start: offset})
            reached, wait_seconds = self._patch(attempt, url(), start, offset, length)
            if reached is None:
                self._patience.wait(vain, wait_seconds)
                reached = self._offset(attempt, url(), vain)
            vain = 0 if reached > offset else vain + 1
            if vain >= TRIES:
                raise Unreachable(f"{attempt.file.name}: no progress in {TRIES} attempts")
            offset = reached
        attempt.set_progress({start: length})

    def _patch(
        self, attempt: UploadAttempt, url: str, start: int, offset: int, length: int
    ) -> tuple[int | None, float | None]:
        """Send a piece. Return the acknowledged offset; or None, and the seconds that the service asks to wait."""
        headers = attempt.headers() | {
            "Upload-Offset": str(offset),
            "Content-Type": _TYPE,
            "Content-Length": str(length - offset),
        }
        try:
            answer = self._http.patch(url, headers=headers, content=self._pieces(attempt, start, offset, length))
        except httpx.TransportError:
            return None, None
        if answer.status_code == 204:
            return _number(answer, "upload-offset"), None
        if answer.status_code not in _NO_PASS:
            _check_temporary(answer)
        return None, retry_after(answer)

    def _pieces(self, attempt: UploadAttempt, start: int, offset: int, length: int) -> Iterator[bytes]:
        for piece in attempt.file.pieces(start + offset, start + length):
            self._patience.check()
            if attempt.broken.is_set():
                raise _Broken
            yield piece
            offset += len(piece)
            attempt.set_progress({start: offset})

    def _offset(self, attempt: UploadAttempt, url: str, vain: int) -> int:
        """Return an upload's offset. Raises: _Gone if a new token does not find it either."""
        for answer in self._patience.attempts(lambda: self._head(attempt, url), vain):
            if answer.is_success:
                return _number(answer, "upload-offset")
            _check_temporary(answer)
        raise Unreachable("the service does not return an upload's offset")

    def _head(self, attempt: UploadAttempt, url: str) -> httpx.Response:
        token = attempt.ticket.token
        answer = self._http.head(url, headers=attempt.headers())
        if answer.status_code in _NO_PASS:
            attempt.renew(token)
            answer = self._http.head(url, headers=attempt.headers())
            if answer.status_code in _NO_PASS:
                raise _Gone
        return answer

    def _post(self, attempt: UploadAttempt, headers: dict[str, str]) -> httpx.Response:
        """Create an upload. A retry after a lost response returns the same upload."""
        url = attempt.ticket.creation_url
        for answer in self._patience.attempts(lambda: self._http.post(url, headers=attempt.headers() | headers)):
            if answer.is_success:
                return answer
            _check_temporary(answer, _AGAIN - {409})
        raise Unreachable("the service does not answer an upload's creation")


def _stretches(start: int, stop: int, count: int) -> list[tuple[int, int]]:
    """Split a range into at most ``count`` non-empty parts of similar length; return their starts and lengths."""
    step = max(-(-(stop - start) // count), 1)
    return [(at, min(step, stop - at)) for at in range(start, stop, step)]


def _partial_headers(start: int, length: int) -> dict[str, str]:
    """Return the headers of a partial upload. The start identifies it, so that the service creates it only once."""
    where = base64.b64encode(str(start).encode()).decode()
    return {"Upload-Concat": "partial", "Upload-Length": str(length), "Upload-Metadata": f"start {where}"}


def _location(attempt: UploadAttempt, answer: httpx.Response) -> str:
    found: str | None = answer.headers.get("location")
    if not found:
        raise Unreachable("an upload was created without an address")
    url = urljoin(attempt.ticket.creation_url, found)
    if not is_safe(url):
        raise Unreachable("an upload has an address with no TLS")
    return url


def _number(answer: httpx.Response, name: str) -> int:
    text = answer.headers.get(name, "")
    if not (text.isascii() and text.isdigit()):
        raise Unreachable(f"an answer without {name}")
    return int(text)


def _check_temporary(answer: httpx.Response, again: frozenset[int] = _AGAIN) -> None:
    """Raise Refused unless a retry may resolve the error."""
    if answer.status_code < 500 and answer.status_code not in again:
        raise Refused(answer.status_code, "", answer.text.strip() or f"status {answer.status_code}")
