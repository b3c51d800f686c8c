"""Two nodes and a worker over a PostgreSQL of their own: nodes are killed, and the database restarts, under clients."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import httpx

from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import Manifest, ManifestPart
from deldokument.domain.errors import existing
from deldokument.services.accounts.integrations import add_integration
from deldokument.services.downloads.part_reader import STEP, read_parts
from deldokument.services.encryption import existing_key, share_key_id
from tests.support.deployment.deployment import FJELL, Deployment
from tests.support.deployment.memory import folder_in_memory
from tests.support.servers.postgres import restart_as_after_a_crash, running_postgres

_PATIENCE_SECONDS = 120.0
_UNLIMITED = {
    "api_requests_per_minute": 1_000_000,
    "refusals_per_hour": 100_000,
    "logins_per_hour": 100_000,
    "lookups_per_hour": 1_000_000,
    "drafts_per_hour": 100_000,
}
"""Two people do here what thousands do elsewhere."""
_Result = TypeVar("_Result")


class TwoNodes:
    """The nodes, at addresses that change when the second one starts again."""

    def __init__(self, deployment: Deployment, database: Path) -> None:
        self.deployment = deployment
        self._database = database
        self._second = ExitStack()
        self.urls = [deployment.url, self._begin_second()]

    def _begin_second(self) -> str:
        url, self._process = self._second.enter_context(self.deployment.node_beside())
        return url

    def kill_first(self) -> None:
        """kill -9, and start it again."""
        self.deployment.kill()
        self.deployment.restart()

    def kill_second(self) -> None:
        """kill -9, and start another in its place."""
        self._process.kill()
        self._process.wait()
        self._second.close()
        self.urls = [self.deployment.url, self._begin_second()]

    def restart_database(self) -> None:
        """End all processes of PostgreSQL at once, and start it again."""
        restart_as_after_a_crash(self._database)

    def close(self) -> None:
        """Stop the second node."""
        self._second.close()

    def retried(self, step: Callable[[], _Result]) -> _Result:
        """Return the result of a step that is tried again while a node or the database is away."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return step()
            except (httpx.TransportError, AssertionError, KeyError):
                # A KeyError: the answer has no address to go on to.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def content_of(self, upload_id: str) -> bytes:
        """Return the committed bytes of an upload, decrypted."""
        deps = self.deployment.deps
        with deps.database.read() as tx:
            upload = existing(tx.uploads.get(upload_id))
            rows = tx.uploads.parts(upload_id)
        document_id = bytes.fromhex(upload.document_id)
        parts = tuple(ManifestPart(bytes.fromhex(row.id), row.offset, row.length, row.header) for row in rows)
        manifest = Manifest(document_id, sum(row.length for row in rows), parts)
        data_key = derive(existing_key(deps.keyring, share_key_id(upload.share_id)), Purpose.DATA, document_id)
        pieces = read_parts(deps, manifest, data_key, 0, manifest.length, STEP)
        return b"".join(bytes(piece) for _, piece in pieces)


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """Yield a new deployment in which Fjell's systems may share from Kari's first account."""
    with ExitStack() as stack:
        folder = stack.enter_context(folder_in_memory())
        # PostgreSQL does not run as root.
        folder.chmod(0o755)
        # What a committed transaction has written must survive a crash of the server; a power cut is not tried.
        server = stack.enter_context(running_postgres(folder / "postgres", synchronous_commit="on"))
        url = stack.enter_context(server.database())
        (folder / "deployment").mkdir()
        deployment = stack.enter_context(Deployment(folder / "deployment", url, settings=_UNLIMITED))
        nodes = TwoNodes(deployment, folder / "postgres")
        stack.callback(nodes.close)
        _integrate(deployment)
        yield nodes


def _integrate(deployment: Deployment) -> None:
    deployment.registers.register_consumer("fjell-client", FJELL)
    deps = deployment.deps
    with deps.database.read() as tx:
        tenant = next(one for one in tx.tenants.all() if one.name == "Eksempel kommune")
        accounts = tx.accounts.of_tenant(tenant.id)
    for account in accounts:
        add_integration(deps, tenant_id=tenant.id, account_id=account.id, organization_number=FJELL)
