"""People at work while something breaks: Kari shares and withdraws, Ola downloads and looks, Siv sees nothing.

    with Load(cluster) as load:
        ...                    # something breaks; uploads and downloads are slow, so that it hits them under way
        load.wait_for_progress()
    load.ledger                # promises and answers

Every client tries again as a person or a program would, for minutes if need be, and goes on where it was broken off.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Set
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx

from tests.chaos.cluster import Cluster
from tests.chaos.ledger import Ledger, Promise, Unanswered
from tests.chaos.programs import wait_until
from tests.support.deployment.deployment import KARI, OFFSET_TYPE, OLA, OLA_NUMBER, SIV, Ticket, form_settings

PIECE = 128 * 1024
PATIENCE = 300.0
_PAUSE = 0.3
_JUST = 0.5
"""Seconds after which proxy and kernel may have the rest of a download, so that no node's death breaks it off."""
_USUAL, _LARGE, _SMALL = 12_000_000, 6_000_000, 20_000
_CHUNK = 4_000_000
NAME = "vedtak.pdf"
_NO_ACCESS = "Du har ikke tilgang til dette, eller så finnes det ikke"
_GONE = "Avsenderen trakk dokumentene tilbake"


class Load:
    """Two who upload, one who withdraws what she shared, one who downloads, one who looks at pages."""

    def __init__(self, cluster: Cluster, ledger: Ledger | None = None) -> None:
        self.cluster = cluster
        self.ledger = ledger or Ledger()
        self.failures: list[str] = []
        self._over = threading.Event()
        self._calm = threading.Event()
        self._progress = {name: 0 for name in ("upload 1", "upload 2", "withdrawal", "download", "pages")}
        self._begun: dict[str, float] = {}
        self._earlier_share: Promise
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        kari, odd, ender, ola = (Client(self, name) for name in (KARI, KARI, KARI, OLA))
        looking, siv = Client(self, OLA), Client(self, SIV)
        self._earlier_share = kari.shared(_USUAL)
        self.wait_until_inspected(self._earlier_share)
        works: dict[str, Callable[[], None]] = {
            "upload 1": lambda: self._upload(kari),
            "upload 2": lambda: self._upload(odd),
            "withdrawal": lambda: self._withdraw(ender),
            "download": lambda: ola.downloads(self._earlier_share),
            "pages": lambda: self._look(looking, siv),
        }
        self._threads = [threading.Thread(target=self._run, args=work, name=work[0]) for work in works.items()]
        for thread in self._threads:
            thread.start()
        try:
            self.wait_for_progress()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._over.set()
        self._calm.set()
        for thread in self._threads:
            thread.join()

    @property
    def earlier_share(self) -> Promise:
        """What was shared before anything broke."""
        return self._earlier_share

    def wait_for_progress(self) -> None:
        """Until every client has come a step further than it is now: the service works again for all of them."""
        self._calm.set()
        before = dict(self._progress)
        wait_until(
            lambda: bool(self.failures) or all(self._progress[name] > before[name] for name in before),
            lambda: f"the clients do not come further: {before} {self._progress} {self.ledger.answers}",
            PATIENCE,
        )
        self._calm.clear()
        assert not self.failures, self.failures

    def wait_until_begun(self, kinds: Set[str]) -> None:
        """Until an upload or a download, whichever is among ``kinds``, has just begun to move."""

        def has_begun() -> bool:
            since = max(self._begun.get(kind, 0.0) for kind in kinds)
            return time.monotonic() - since < _JUST

        wait_until(has_begun, lambda: f"no client begins: {self.ledger.answers}", PATIENCE)

    def moves(self, what: str, *, first: bool) -> None:
        """A piece of an upload or a download has moved, the ``first`` of its request or another.

        Slow while things break, so that it hits them under way.
        """
        if first:
            self._begun[what] = time.monotonic()
        if not self._calm.is_set():
            self._calm.wait(0.05)

    def wait_until_inspected(self, promise: Promise) -> None:
        """Until Ola can have it."""

        def is_inspected() -> bool:
            with self.cluster.node.deps.database.read() as tx:
                document = tx.shares.document(promise.document_id)
            return document is not None and document.inspected_at is not None

        wait_until(is_inspected, "a document was not inspected", PATIENCE)

    def _run(self, name: str, work: Callable[[], None]) -> None:
        try:
            while not self._over.is_set():
                work()
                self._progress[name] += 1
        except Exception as error:
            self.failures.append(f"{name}: {error!r}")

    def _upload(self, kari: Client) -> None:
        kari.shared(_LARGE)
        time.sleep(_PAUSE)

    def _withdraw(self, kari: Client) -> None:
        promise = kari.shared(_SMALL)
        kari.withdraws(promise)

    def _look(self, ola: Client, siv: Client) -> None:
        with suppress(Unanswered):
            ola.sees("Ola's page", f"/d/{self._earlier_share.share_id}", 200, NAME)
            ola.sees("Ola's list", "/mine", 200, self._earlier_share.share_id)
            siv.sees("Siv, a stranger", f"/d/{self._earlier_share.share_id}", 404, _NO_ACCESS)
            siv.sees("Siv, the bytes", self._earlier_share.path, 404, _NO_ACCESS)
            withdrawn = [promise for promise in self.ledger.promises if promise.withdrawn]
            for promise in withdrawn[-2:]:
                ola.sees("Ola, withdrawn", f"/d/{promise.share_id}", 410, _GONE)
                ola.sees("Ola, withdrawn bytes", promise.path, 410, _GONE)
        time.sleep(_PAUSE)


class Client:
    """A person at a browser or a program that does not give up. One thread's."""

    def __init__(self, load: Load, name: str) -> None:
        self._load = load
        self._ledger = load.ledger
        self._http = load.cluster.session(name, fresh=True)
        self._count = itertools.count()

    def sees(self, what: str, path: str, status: int, words: str) -> None:
        """A page that says so. Raises Unanswered."""
        answer = self._ask(what, "GET", path, {status})
        if words not in answer.text:
            self._ledger.say_untrue(f"{what}: {status} without «{words}»: {answer.text!r}")

    def shared(self, length: int) -> Promise:
        """A document of so many random bytes, shared with Ola."""
        content = os.urandom(length)
        while True:
            draft_id, ticket = self._until_answered(lambda: self._drafted(length))
            promise = Promise(draft_id, ticket.document_id, length, hashlib.sha256(content).hexdigest())
            self._ledger.promise(promise)
            self._uploads(promise, ticket, content)
            self._publishes(promise)
            return promise

    def withdraws(self, promise: Promise) -> None:
        """From then on nobody gets a byte of it."""
        origin = {"Origin": self._load.cluster.url}
        path = f"/delinger/{promise.share_id}/tilbaketrekking"
        self._until_answered(lambda: self._ask("withdrawal", "POST", path, {303}, headers=origin))
        promise.withdrawn = True

    def downloads(self, promise: Promise) -> None:
        """All of it, from where it was broken off; compared with what was sent."""
        digest, got, tag = hashlib.sha256(), 0, ""
        deadline = time.monotonic() + PATIENCE
        while got < promise.length:
            assert time.monotonic() < deadline, f"a download does not end: {self._ledger.answers}"
            ranged = {"Range": f"bytes={got}-", "If-Range": tag} if got else {}
            try:
                with self._http.stream("GET", promise.path, headers=ranged) as answer:
                    if answer.status_code not in {200, 206}:
                        answer.read()
                    self._ledger.answered("download", answer, {206} if got else {200})
                    tag = answer.headers["etag"]
                    for number, piece in enumerate(answer.iter_raw(PIECE)):
                        digest.update(piece)
                        got += len(piece)
                        self._load.moves("download", first=number == 0)
            except (httpx.TransportError, Unanswered) as error:
                self._broken_off("download", error, begun=got > 0)
        if digest.hexdigest() != promise.digest:
            self._ledger.lost.append(f"a download of {promise.length} bytes is not what was uploaded")

    def _drafted(self, length: int) -> tuple[str, Ticket]:
        """A draft to Ola with a document announced. Raises Unanswered when nobody said whether it was announced."""
        settings = form_settings(self._tried("form", "GET", "/del", {200}).text)
        account = settings["accounts"][0]
        created = self._tried("draft", "POST", "/del/utkast", {200, 201}, json={"account_id": account["id"]}).json()
        draft = f"/del/utkast/{created['draft']['id']}"
        form = {"account_id": account["id"], "title": "", "message": "", "reference": "", "confidential": True}
        form |= {"archived": True, "expires_at": account["default_expires_at"]}
        self._tried("draft", "PUT", draft, {200}, json=form)
        answer = self._tried("draft", "POST", f"{draft}/mottakere", {200, 201}, json={"text": OLA_NUMBER}).json()
        for recipient in answer["draft"]["recipients"]:
            self._tried("draft", "PUT", f"{draft}/mottakere/{recipient['id']}", {200}, json={"confirmed": True})
        document = {"name": NAME, "length": length, "modified_at": None}
        created = self._ask("draft", "POST", f"{draft}/dokumenter", {200, 201}, json=document).json()
        share_id = draft.rpartition("/")[2]
        return share_id, Ticket(share_id, created["document"]["id"], length, created["upload"]["token"])

    def _tried(self, *question: Any, **more: Any) -> httpx.Response:
        """What may be asked again without harm, until it is answered."""
        answer: httpx.Response = self._until_answered(lambda: self._ask(*question, **more))
        return answer

    def _uploads(self, promise: Promise, ticket: Ticket, content: bytes) -> None:
        given = ticket.headers | {"Upload-Length": str(promise.length)}
        created = self._until_answered(lambda: self._ask("upload", "POST", "/uploads", {201}, headers=given))
        path, offset = created.headers["location"], 0
        deadline = time.monotonic() + PATIENCE
        while offset < promise.length:
            assert time.monotonic() < deadline, f"an upload does not end: {self._ledger.answers}"
            try:
                answer = self._patch(path, ticket, offset, content[offset : offset + _CHUNK])
                offset = self._ledger.acknowledge(promise, int(answer.headers["upload-offset"]), by="PATCH")
            except Unanswered as error:
                self._broken_off("upload", error)
                answer = self._until_answered(lambda: self._ask("offset", "HEAD", path, {200}, headers=ticket.headers))
                offset = self._ledger.acknowledge(promise, int(answer.headers["upload-offset"]), by="HEAD")

    def _patch(self, path: str, ticket: Ticket, offset: int, content: bytes) -> httpx.Response:
        headers = {"Upload-Offset": str(offset), "Content-Type": OFFSET_TYPE, "Content-Length": str(len(content))}
        answer = self._ask("upload", "PATCH", path, {204, 409}, headers=ticket.headers | headers, content=self._pieces(content))  # fmt: skip  # noqa: E501
        if answer.status_code == 409:
            # The request that was broken off still lives where it was: its bytes come first.
            raise Unanswered
        return answer

    def _pieces(self, content: bytes) -> Iterator[bytes]:
        for start in range(0, len(content), PIECE):
            yield content[start : start + PIECE]
            self._load.moves("upload", first=start == 0)

    def _publishes(self, promise: Promise) -> None:
        path = f"/del/utkast/{promise.share_id}/publisering"
        self._until_answered(lambda: self._ask("publication", "POST", path, {200}, json={}))
        promise.published = True

    def _ask(self, what: str, method: str, path: str, expected: set[int], **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.TransportError as error:
            self._ledger.note(what, "broken off")
            raise Unanswered(repr(error)) from None
        return self._ledger.answered(what, answer, expected)

    def _until_answered(self, ask: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except Unanswered:
                assert time.monotonic() < deadline, f"nobody answers: {self._ledger.answers}"
                time.sleep(_PAUSE)

    def _broken_off(self, what: str, error: Exception, *, begun: bool = True) -> None:
        """Note it; what had not begun is begun anew and not resumed."""
        if isinstance(error, httpx.TransportError):
            self._ledger.note(what, "broken off")
        if begun:
            self._ledger.resume(what)
        time.sleep(_PAUSE)
