"""The front door of the library.

    with Client.from_environment() as client:
        share = client.share(["vedtak.pdf"], account="Byggesak", to=[To("21879498012")], until=end)
        print(share.link)

Promises that every method may be called from any thread, and that it speaks nothing but the service's public API.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from deldokument.client.api import Api
from deldokument.client.errors import NotConfigured
from deldokument.client.files import LocalFile, collect
from deldokument.client.models import Share, To
from deldokument.client.settings import Settings, load_settings
from deldokument.client.sharing import ShareRequest, Sharing, identity
from deldokument.client.state import Ledger, sweep
from deldokument.client.tokens import MaskinportenTokens
from deldokument.client.transport import RetryPolicy, Transport
from deldokument.client.uploads import Progress

_TIMEOUT = httpx.Timeout(60.0, connect=10.0, read=120.0)


class Client(Api):
    """A sender with a key of its own at Maskinporten."""

    def __init__(
        self, settings: Settings, *, http: httpx.Client | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """``http``: connections of your own, e.g. through a proxy; closed with this client. ``clock``: Unix time."""
        self._settings = settings
        self._clock = clock
        # Without TLS it is this machine alone that is spoken to: by no proxy, which would read it all.
        self._http = http or httpx.Client(timeout=_TIMEOUT, follow_redirects=False, mounts={"http://": None})
        self._running: list[RetryPolicy] = []
        patience = RetryPolicy()
        try:
            self._tokens = MaskinportenTokens(settings, self._http, clock=clock, wait=patience.pause)
        except NotConfigured:
            self._http.close()
            raise
        super().__init__(Transport(settings.url, self._tokens, self._http, patience), patience)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """By ``DELDOKUMENT_CLIENT_*`` or the configuration file. Raises NotConfigured."""
        return cls(load_settings(environment))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def stop(self) -> None:
        """End what runs in other threads, for good: they raise Interrupted, and the same call later goes on."""
        for patience in (self._patience, *self._running):
            patience.stop()

    def share(
        self,
        files: Iterable[str | Path],
        *,
        account: str,
        to: Iterable[To],
        until: datetime,
        title: str = "",
        message: str = "",
        reference: str = "",
        confidential: bool | None = None,
        archived: bool = False,
        notify: bool | None = None,
        parallel: int = 4,
        progress: Progress | None = None,
    ) -> Share:
        """Share files and folders from an account (its name or id) until an instant; published when this returns.

        Broken off by whatever, the same call goes on where it was: the same files, unchanged, and the same words.
        ``until`` must have a time zone. ``progress`` is called with a file and how many of its bytes are there.
        Raises NotConfigured, FileChanged, Refused, Unreachable or Interrupted.
        """
        if until.tzinfo is None:
            raise NotConfigured("an end needs a time zone")
        found = collect(Path(path) for path in files)
        wish = ShareRequest(
            account_id=self.account(account).id,
            recipients=tuple(to),
            until=until,
            title=title,
            message=message,
            reference=reference,
            confidential=confidential,
            archived=archived,
            notify=notify,
        )
        return self._shared(wish, found, max(parallel, 1), progress or _silent)

    def _shared(self, wish: ShareRequest, files: list[LocalFile], parallel: int, progress: Progress) -> Share:
        settings, secret = self._settings, self._tokens.sign(b"deldokument client state")
        folder, patience = settings.state_dir, RetryPolicy()
        sweep(folder, self._clock())
        self._running.append(patience)
        try:
            with Ledger(folder, secret, identity(settings.url, settings.client_id, wish, files)) as ledger:
                return Sharing(self, self._http, patience, ledger, parallel, progress).run(wish, files)
        finally:
            self._running.remove(patience)


def _silent(_: LocalFile, __: int) -> None:
    pass
