"""Receiving the documents of one share for a recipient, who approves it in a browser.

    with Receiver(link) as receiver:
        receiver.approve(show)
        for one in receiver.save(receiver.offer(), Path("mottatt")):
            print(one.path, one.outcome)

Guarantees:
- A document is confirmed only after its checksum matches the one that the service states.
- An interrupted call resumes when it is repeated: complete files stay, parts grow.
- The token is in memory only, and is sent to the link's host alone.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import httpx

from deldokument.client.approval import Approval
from deldokument.client.errors import NotConfigured, Refused, Unreachable
from deldokument.client.offers import Offer, OfferApi, OfferedDocument, ProgramToken
from deldokument.client.saved_files import PartFile, already_here, file_errors, target_of
from deldokument.client.settings import is_safe
from deldokument.client.transport import (
    TRIES,
    HttpOwner,
    RetryPolicy,
    Transport,
    check_answer,
    is_worth_another_try,
    retry_after,
)

_BATCH: Final = 50
"""Documents that are confirmed at once."""

Progress = Callable[[OfferedDocument, int], None]
"""Called with a document and the number of its bytes that are here."""
Show = Callable[[str, str], None]
"""Called with the address that the person opens, and the check code."""


class Outcome(StrEnum):
    """The result for a document: received, or why it was not."""

    RECEIVED = "received"
    ALREADY_HERE = "already_here"
    MISMATCH = "checksum_mismatch"
    WARNED = "warned"
    WAITING = "waiting"
    HELD = "held"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Received:
    """A document with its outcome, its file, and whether its receipt is confirmed."""

    document: OfferedDocument
    outcome: Outcome
    path: Path | None = None
    confirmed: bool = False

    @property
    def is_here(self) -> bool:
        """Whether the file is on this machine, with the right checksum."""
        return self.path is not None


class Receiver(HttpOwner):
    """Receives one share. Close it, or use it as a context manager."""

    def __init__(self, link: str, *, http: httpx.Client | None = None) -> None:
        """Create a receiver for the share with this link. Raises: NotConfigured if that is no such link.

        ``http``: an HTTP client of your own; it is closed with the receiver.
        """
        self._link = link.rstrip("/")
        url, _, self._share_id = self._link.rpartition("/d/")
        if not (url and is_safe(url) and self._share_id and "/" not in self._share_id + urlsplit(url).path):
            raise NotConfigured("that is not the link of a share: it begins with https:// and has /d/ in it")
        self._url = url
        super().__init__(http)
        self._patience, self._token = RetryPolicy(), ProgramToken()
        self._api = OfferApi(Transport(url, self._token, self._http, self._patience), self._share_id)

    def stop(self) -> None:
        """Abort all calls, also later ones: they raise Interrupted. May be called from a signal handler."""
        self._patience.stop()

    def approve(self, show: Show) -> None:
        """Ask the person to log in and approve in a browser, and wait for the approval.

        Raises: Refused, Unreachable or Interrupted.
        """
        with Approval() as approval:
            show(approval.address(self._link), approval.check_code)
            code = approval.code(self._patience)
        self._token.replace(self._api.token(code, approval.verifier))

    def offer(self) -> Offer:
        """Return the share. Raises: Refused, Unreachable or Interrupted."""
        return self._api.get()

    def save(
        self, offer: Offer, to: Path, *, accepted: Collection[str] = (), progress: Progress | None = None
    ) -> list[Received]:
        """Write the documents below a folder, and confirm those whose checksum matches; return the outcomes.

        ``accepted``: ids of documents whose warning the person has accepted; others with a warning are left out.

        Raises: NotConfigured, Refused, Unreachable or Interrupted. Repeat the call to resume.
        """
        results: list[Received] = []
        waiting: list[int] = []
        for document in offer.documents:
            results.append(self._receive(document, to, document.id in accepted, progress or _silent))
            if results[-1].is_here and _may_be_confirmed(results[-1]):
                waiting.append(len(results) - 1)
            if len(waiting) == _BATCH:
                self._confirm(results, waiting)
        self._confirm(results, waiting)
        return results

    def _receive(self, document: OfferedDocument, to: Path, accepted: bool, progress: Progress) -> Received:
        is_released = document.handling == "released" or (document.handling == "warned" and accepted)
        if not is_released:
            return Received(document, Outcome(document.handling))
        with file_errors():
            target = target_of(to, document.name)
            if found := already_here(target, document):
                return Received(document, Outcome.ALREADY_HERE, found, document.state == "received")
            if document.handling == "warned":
                self._api.confirm(warnings=[document.id])
            part = PartFile(target, document)
            try:
                self._fetch(document, part, progress)
                if part.is_exactly(document):
                    return Received(document, Outcome.RECEIVED, part.keep())
                part.discard()
            finally:
                part.close()
        return Received(document, Outcome.MISMATCH)

    def _fetch(self, document: OfferedDocument, part: PartFile, progress: Progress) -> None:
        """Download the missing bytes. Gives up after several attempts that bring no new byte."""
        if part.length > document.length:
            part.restart()
        if part.length and part.length == document.length:
            return
        failures = 0
        while True:
            before, asked_for = part.length, None
            try:
                asked_for = self._fetch_once(document, part, progress)
                if part.length >= document.length:
                    return
            except httpx.TransportError as error:
                reason = f"the connection broke ({type(error).__name__})"
            else:
                reason = "the service does not send the rest of the document"
            failures = 0 if part.length > before else failures + 1
            if failures == TRIES:
                raise Unreachable(reason)
            self._patience.wait(failures, asked_for)

    def _fetch_once(self, document: OfferedDocument, part: PartFile, progress: Progress) -> float | None:
        """Append the bytes of one response; return the seconds that the service asks to wait, if any."""
        self._patience.check()
        headers = {"Authorization": f"Bearer {self._token.token()}", "Accept-Encoding": "identity"}
        if part.length:
            headers |= {"Range": f"bytes={part.length}-", "If-Range": f'"{document.etag}"'}
        url = f"{self._url}/d/{quote(self._share_id, safe='')}/dokument/{quote(document.id, safe='')}"
        with self._http.stream("GET", url, headers=headers) as answer:
            if answer.status_code >= 400:
                answer.read()
                if is_worth_another_try(answer):
                    return retry_after(answer)
                check_answer(answer)
            if answer.status_code == 200:
                part.restart()
            elif not answer.headers.get("content-range", "").startswith(f"bytes {part.length}-"):
                raise Unreachable(f"invalid response: status {answer.status_code}")
            for piece in answer.iter_raw():
                self._patience.check()
                part.write(piece)
                progress(document, part.length)
                if part.length > document.length:
                    break
        return None

    def _confirm(self, results: list[Received], waiting: list[int]) -> None:
        """Confirm these results, and empty the list. Retries, because the service records sent bytes a moment later."""
        ids = [results[number].document.id for number in waiting]
        for attempt in range(TRIES if ids else 0):
            try:
                self._api.confirm(documents=ids)
                break
            except Refused as refused:
                if refused.code != "not_sent_yet" or attempt + 1 == TRIES:
                    raise
                self._patience.wait(attempt)
        for number in waiting:
            results[number] = replace(results[number], confirmed=True)
        waiting.clear()


def receive(
    link: str,
    to: str | Path,
    *,
    show: Show,
    accept_warnings: bool = False,
    progress: Progress | None = None,
) -> list[Received]:
    """Receive the documents of a share below a folder; return the outcomes.

    - ``show``: gets the address to open in a browser, and the check code that the page there shows
    - ``accept_warnings``: also receive documents that could not be checked for malware

    Raises: NotConfigured, Refused, Unreachable or Interrupted. Repeat the call to resume.
    """
    with Receiver(link) as receiver:
        receiver.approve(show)
        offer = receiver.offer()
        accepted = {one.id for one in offer.documents} if accept_warnings else ()
        return receiver.save(offer, Path(to), accepted=accepted, progress=progress)


def _may_be_confirmed(one: Received) -> bool:
    """Return whether bytes were sent to the person, and the receipt is not confirmed yet."""
    return not one.confirmed and (one.outcome is Outcome.RECEIVED or one.document.state is not None)


def _silent(_: OfferedDocument, __: int) -> None:
    pass
