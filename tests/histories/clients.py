"""Clients that record what they asked of two nodes, when, and what was answered.

Uploads: writers send a few bytes at the offset that they believe in, or ask for it. Shares: two sharers publish, move
the end and withdraw, while a system proposes a second recipient, whom the sharer approves, and all look. Every request
goes to either node.
"""

import itertools
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx

from deldokument.web.api.models import utc_text
from tests.histories.linearizability import UNKNOWN, Operation
from tests.histories.nodes import TwoNodes
from tests.histories.specifications import CONFLICT, Patch, Refused
from tests.support.deployment.deployment import EWA, EWA_NUMBER, KARI, OFFSET_TYPE, OLA, OLA_NUMBER, Deployment
from tests.support.servers.ports import NO_TLS

LENGTH = 150
"""Bytes of an upload: some forty requests fill it."""
_MOST_BYTES = 6
_AT_ONCE = 3
"""Uploads that the writers fill at the same time: few, so that they meet."""
_ACTS = 40
"""What is done with each share."""
_SEEN = re.compile(r'name="seen" value="([^"]+)"')
_TOKEN_SECONDS = 60.0
_TIMEOUT_SECONDS = 60.0
_PATIENCE_SECONDS = 300.0
_TRY_AGAIN = frozenset({502, 503, 504, 507})


@dataclass
class Recorder:
    """The history. Each operation takes an instant before its request is sent, and one after the answer has come."""

    operations: list[Operation] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    _grown: threading.Condition = field(default_factory=threading.Condition)

    def record(
        self,
        key: str,
        name: str,
        value: Any,
        ask: Callable[[], httpx.Response],
        read: Callable[[httpx.Response], Any],
        *,
        changes: bool,
    ) -> Any:
        """Send a request and add the operation; return its output.

        An operation that never reached a node is left out, and so is one that only reads and got no answer.
        """
        called = time.monotonic_ns()
        try:
            answer = ask()
            output = UNKNOWN if answer.status_code in _TRY_AGAIN else read(answer)
            result = str(answer.status_code)
        except httpx.ConnectError:
            self._count("not sent")
            return UNKNOWN
        except httpx.TransportError as error:
            output, result = UNKNOWN, type(error).__name__
        self._count(f"{name} {result}")
        if changes or output != UNKNOWN:
            self.add(Operation(key, name, value, output, called, time.monotonic_ns()))
        return output

    def add(self, operation: Operation) -> None:
        """Add an operation."""
        with self._grown:
            self.operations.append(operation)
            self._grown.notify_all()

    def wait_until(self, enough: Callable[[], bool]) -> None:
        """Wait for more operations until there are enough: as long as some come, however slow the machine is."""
        with self._grown:
            while not enough():
                assert self._grown.wait(_PATIENCE_SECONDS), "the clients come no further"

    def _count(self, result: str) -> None:
        with self._grown:
            self.answers[result] = self.answers.get(result, 0) + 1


@dataclass(frozen=True, slots=True)
class Target:
    """An upload under way."""

    key: str
    path: str
    headers: dict[str, str] = field(repr=False)
    offsets: dict[int, int] = field(default_factory=dict)
    """What each writer believes."""


class Uploads:
    """Writers of uploads in one draft; a new upload follows each that is full."""

    def __init__(self, nodes: TwoNodes, recorder: Recorder) -> None:
        self._nodes, self._recorder = nodes, recorder
        self._draft = nodes.retried(nodes.deployment.draft)
        self._lock = threading.Lock()
        self.documents: dict[str, str] = {}
        self._targets = [self._announced() for _ in range(_AT_ONCE)]

    def _announced(self) -> Target:
        deployment = self._nodes.deployment
        name = f"{len(self.documents)}.bin"
        ticket = self._nodes.retried(lambda: deployment.announce(self._draft, name, LENGTH))
        path = self._nodes.retried(lambda: deployment.create_upload(ticket))
        self.documents[path] = ticket.document_id
        return Target(path, path, ticket.headers)

    def act(self, writer: int, random: Random, http: httpx.Client) -> None:
        """Ask for the offset of an upload, or send bytes."""
        place = random.randrange(len(self._targets))
        target = self._targets[place]
        url = random.choice(self._nodes.urls) + target.path
        if random.random() < 0.25 or writer not in target.offsets:
            offset = self._recorder.record(
                target.key, "head", None, lambda: http.head(url, headers=target.headers), _offset, changes=False
            )
        else:
            offset = self._send(target, target.offsets[writer], random, http, url)
        if isinstance(offset, Refused):
            offset = offset.offset
        if offset == LENGTH:
            self._replace(place, target)
        elif offset != UNKNOWN:
            target.offsets[writer] = offset

    def _send(self, target: Target, offset: int, random: Random, http: httpx.Client, url: str) -> Any:
        content = os.urandom(min(random.randint(1, _MOST_BYTES), LENGTH - offset))
        headers = target.headers | {"Upload-Offset": str(offset), "Content-Type": OFFSET_TYPE}
        return self._recorder.record(
            target.key,
            "patch",
            Patch(offset, content),
            lambda: http.patch(url, headers=headers, content=content),
            _offset,
            changes=True,
        )

    def _replace(self, place: int, target: Target) -> None:
        with self._lock:
            if self._targets[place] is target:
                self._targets[place] = self._announced()

    def read_back(self, content_of: Callable[[str], bytes]) -> None:
        """Add what is stored of every upload, after all other operations."""
        for path in self.documents:
            now = time.monotonic_ns()
            self._recorder.add(Operation(path, "content", None, content_of(path), now, now))


def _offset(answer: httpx.Response) -> Any:
    """Return the offset that an answer names."""
    if answer.status_code in (200, 204):
        return int(answer.headers["upload-offset"])
    assert answer.status_code == 409, (answer.status_code, answer.text)
    return Refused(int(answer.headers.get("upload-offset", LENGTH)))


@dataclass(frozen=True, slots=True)
class _Act:
    """A share, the end of its draft, and the node to ask."""

    share: str
    end: str
    url: str
    http: httpx.Client


class Shares:
    """Sharers, a recipient and a system at one share after the other."""

    def __init__(self, nodes: TwoNodes, recorder: Recorder) -> None:
        self._nodes, self._recorder = nodes, recorder
        deployment = nodes.deployment
        self._kari = {**deployment.session(KARI).headers, **_cookie(deployment, KARI)}
        self._kari["origin"] = deployment.url
        self._ola, self._ewa = _cookie(deployment, OLA), _cookie(deployment, EWA)
        self._token = (-_TOKEN_SECONDS, "")
        self._lock = threading.Lock()
        self._seconds = itertools.count()
        """Each end is another one."""
        self._left = 0
        self._share, self._end = "", ""

    def act(self, random: Random, http: httpx.Client) -> None:
        """Do one thing with the present share; after so many, another follows."""
        with self._lock:
            if not self._left:
                self._share, self._end = self._nodes.retried(self._drafted)
                self._left = _ACTS
            self._left -= 1
            share, end, left = self._share, self._end, self._left
        # Withdrawn late, so that there is something to see before it.
        changes = ["publish", "move_end", "move_end"] if left > _ACTS // 3 else ["publish", "move_end", "withdraw"]
        name = random.choice(["look", "look", "see", "see", "propose", "approve", "peek", *changes])
        url = random.choice(self._nodes.urls)
        getattr(self, f"_{name}")(_Act(share, end, url, http))

    def _drafted(self) -> tuple[str, str]:
        """Return a draft that can be published, and its end."""
        deployment = self._nodes.deployment
        share = deployment.draft()
        deployment.add_recipients(share, [OLA_NUMBER])
        deployment.upload(share, "vedtak.pdf", b"innhold")
        seen = httpx.get(f"{deployment.url}/api/v1/shares/{share}", headers=self._authorization(), **NO_TLS)
        assert seen.status_code == 200, seen.text
        return share, seen.json()["expires_at"]

    def _publish(self, act: _Act) -> None:
        path = f"{act.url}/del/utkast/{act.share}/publisering"
        self._record(act, "publish", act.end, lambda: act.http.post(path, json={}, headers=self._kari), _done)

    def _withdraw(self, act: _Act) -> None:
        path = f"{act.url}/delinger/{act.share}/tilbaketrekking"
        self._record(act, "withdraw", None, lambda: act.http.post(path, headers=self._kari), _done)

    def _move_end(self, act: _Act) -> None:
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5, seconds=next(self._seconds))
        end, path = utc_text(until), f"{act.url}/api/v1/shares/{act.share}/expiry"
        body = {"expires_at": end}
        self._record(act, "move_end", end, lambda: act.http.put(path, json=body, headers=self._bearer()), _done)

    def _propose(self, act: _Act) -> None:
        path, body = f"{act.url}/api/v1/shares/{act.share}/recipients", {"recipients": [{"number": EWA_NUMBER}]}
        self._record(act, "propose", None, lambda: act.http.post(path, json=body, headers=self._bearer()), _done)

    def _approve(self, act: _Act) -> None:
        page = f"{act.url}/delinger/{act.share}"
        try:
            waiting = _SEEN.search(act.http.get(page, headers=self._kari).text)
        except httpx.TransportError:
            return
        if waiting:
            path, body = f"{page}/endring/godkjenning", {"seen": waiting[1]}
            self._record(act, "approve", None, lambda: act.http.post(path, data=body, headers=self._kari), _done)

    def _peek(self, act: _Act) -> None:
        path = f"{act.url}/d/{act.share}"
        self._record(act, "peek", None, lambda: act.http.get(path, headers=self._ewa), _looked)

    def _see(self, act: _Act) -> None:
        path = f"{act.url}/api/v1/shares/{act.share}"
        self._record(act, "see", None, lambda: act.http.get(path, headers=self._bearer()), _seen)

    def _look(self, act: _Act) -> None:
        path = f"{act.url}/d/{act.share}"
        self._record(act, "look", None, lambda: act.http.get(path, headers=self._ola), _looked)

    def _record(
        self,
        act: _Act,
        name: str,
        value: Any,
        ask: Callable[[], httpx.Response],
        read: Callable[[httpx.Response], Any],
    ) -> None:
        self._recorder.record(act.share, name, value, ask, read, changes=name not in ("see", "look", "peek"))

    def _bearer(self) -> dict[str, str]:
        with self._lock:
            return self._authorization()

    def _authorization(self) -> dict[str, str]:
        if time.monotonic() > self._token[0] + _TOKEN_SECONDS:
            self._token = time.monotonic(), self._nodes.deployment.access_token("fjell-client")
        return {"Authorization": f"Bearer {self._token[1]}"}


def _cookie(deployment: Deployment, name: str) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{key}={value}" for key, value in deployment.session(name).cookies.items())}


def _done(answer: httpx.Response) -> str:
    if answer.status_code == 409:
        return CONFLICT
    assert answer.status_code in (200, 303), (answer.status_code, answer.text)
    return "ok"


def _seen(answer: httpx.Response) -> tuple[str, str]:
    assert answer.status_code == 200, (answer.status_code, answer.text)
    share = answer.json()
    # A draft's end is the form's: it counts once the share is published.
    return share["state"], "" if share["state"] == "draft" else share["expires_at"]


def _looked(answer: httpx.Response) -> str:
    return {200: "available", 410: "withdrawn", 404: "missing"}[answer.status_code]


class Crew:
    """Threads that act while something else happens, and until so many operations and all ``kinds`` are recorded.

    The first error ends all of them.
    """

    def __init__(self, recorder: Recorder, wanted: int, kinds: Set[str]) -> None:
        self._recorder, self._wanted, self._kinds = recorder, wanted, kinds
        self._is_over = False
        self._failures: list[BaseException] = []

    @property
    def has_enough(self) -> bool:
        """Whether enough operations have been recorded, or one has failed."""
        history = self._recorder.operations
        return bool(self._failures) or (len(history) >= self._wanted and self._kinds <= {one.name for one in history})

    def wait_for(self, more: int) -> None:
        """Wait until so many more operations have been recorded, or one has failed."""
        wanted = len(self._recorder.operations) + more
        self._recorder.wait_until(lambda: bool(self._failures) or len(self._recorder.operations) >= wanted)

    @contextmanager
    def at_work(self, *acts: Callable[[Random, httpx.Client], None]) -> Iterator[None]:
        """Run a thread for each act while the block runs, and until there is enough. Raises the first error."""
        threads = [threading.Thread(target=self._run, args=(act, number)) for number, act in enumerate(acts)]
        for thread in threads:
            thread.start()
        try:
            yield
        except BaseException as failure:
            self._failures.append(failure)
        finally:
            self._is_over = True
            for thread in threads:
                thread.join()
        if self._failures:
            raise self._failures[0]

    def _run(self, act: Callable[[Random, httpx.Client], None], number: int) -> None:
        random = Random(number)
        with httpx.Client(timeout=_TIMEOUT_SECONDS, **NO_TLS) as http:
            while not (self._is_over and self.has_enough) and not self._failures:
                try:
                    act(random, http)
                except BaseException as failure:
                    self._failures.append(failure)
