"""The class `Client`, the library's entry point.

    with Client.from_environment() as client:
        share = client.share(["vedtak.pdf"], account="Byggesak", to=[To("21879498012")], until=end)
        print(share.link)

Guarantees:
- Every method may be called from any thread.
- Only the service's public API is used.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx

from deldokument.client.api import Api
from deldokument.client.errors import NotConfigured
from deldokument.client.files import LocalFile, collect
from deldokument.client.models import Share, To
from deldokument.client.settings import Settings, load_settings
from deldokument.client.sharing import ShareRequest, Sharing, identity
from deldokument.client.state import Ledger, sweep
from deldokument.client.tokens import MaskinportenTokens
from deldokument.client.transport import HttpOwner, RetryPolicy, Transport
from deldokument.client.uploads import Progress


class Client(Api, HttpOwner):
    """A client of the service, with its own key at Maskinporten. Close it, or use it as a context manager."""

    def __init__(
        self, settings: Settings, *, http: httpx.Client | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """Create a client. Raises: NotConfigured if the key cannot be used.

        ``http``: an HTTP client of your own, for example with a proxy; it is closed with this client.
        ``clock``: returns Unix time in seconds.
        """
        self._settings = settings
        self._clock = clock
        HttpOwner.__init__(self, http)
        self._running: list[RetryPolicy] = []
        patience = RetryPolicy()
        try:
            self._tokens = MaskinportenTokens(settings, self._http, clock=clock, wait=patience.pause)
        except NotConfigured:
            self.close()
            raise
        Api.__init__(self, Transport(settings.url, self._tokens, self._http, patience), patience)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Create a client with the settings of ``DELDOKUMENT_CLIENT_*`` or the configuration file.

        Raises: NotConfigured if a setting is missing or invalid.
        """
        return cls(load_settings(environment))

    def stop(self) -> None:
        """Abort all calls, also later ones: they raise Interrupted. May be called from a signal handler.

        Repeat an interrupted call later, with a new client, to resume it.
        """
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
        """Share files and folders; return the share, published or proposed.

        It is proposed if its account requires approval by a second person. If the call is interrupted, repeat it with
        the same arguments and unchanged files: it resumes where it stopped.

        - ``files``: a folder is shared with everything in it, under relative paths
        - ``account``: name or id
        - ``until``: the first instant at which the share can no longer be opened; must have a time zone
        - ``confidential``, ``notify``: None means the account's rule
        - ``archived``: you confirm that the documents are in your archive
        - ``parallel``: number of upload streams
        - ``progress``: called from several threads with a file and the number of its bytes that are sent

        Raises: NotConfigured, FileChanged, Refused, Unreachable or Interrupted.
        """
        if until.tzinfo is None:
            raise NotConfigured("`until` needs a time zone")
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
        with self._resumable(wish.body(), found, parallel, progress) as sharing:
            return sharing.run(wish, found)

    def add_documents(
        self, share_id: str, files: Iterable[str | Path], *, parallel: int = 4, progress: Progress | None = None
    ) -> Share:
        """Upload files and folders beside a published share, and add them; return the share.

        If its account requires approval by a second person, the change is proposed. Arguments, errors and resumption
        are those of ``share``. The documents are added when the service has scanned them.
        """
        found = collect(Path(path) for path in files)
        with self._resumable({"share": share_id}, found, parallel, progress) as sharing:
            return sharing.add(share_id, found)

    @contextmanager
    def _resumable(
        self, wish: Mapping[str, Any], files: list[LocalFile], parallel: int, progress: Progress | None
    ) -> Iterator[Sharing]:
        settings, secret = self._settings, self._tokens.sign(b"deldokument client state")
        folder, patience = settings.state_dir, RetryPolicy()
        sweep(folder, self._clock())
        self._running.append(patience)
        try:
            with Ledger(folder, secret, identity(settings.url, settings.client_id, wish, files)) as ledger:
                yield Sharing(self, self._http, patience, ledger, max(parallel, 1), progress or _silent)
        finally:
            self._running.remove(patience)


def _silent(_: LocalFile, __: int) -> None:
    pass
