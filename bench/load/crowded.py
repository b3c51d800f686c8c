"""A deployment among very many shares on PostgreSQL: Kari's account has its part of them, and some are for Ola.

What they can open is sealed as the program seals it; of the others' shares nothing can be opened, and nobody tries.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deldokument.adapters.keys.files import load_root_key
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.services.encryption import EncryptedColumn, audit_key_id, identifier_hash, seal_field
from tests.support.bulk.shares import BulkShares, Home, fill_keyring, fill_shares, make_homes, share_id
from tests.support.deployment.deployment import OLA_NUMBER, Deployment
from tests.support.servers.postgres import PostgresServer, running_postgres
from tests.support.stage.sender import account_of, registered

TENANTS = 357
OLAS = 10
"""So many of the shares are for Ola."""
UNREAD = 20
"""One of so many has been downloaded by nobody."""
_PERIOD = timedelta(days=30)
_OLA = PersonIdentifier(OLA_NUMBER, "foedselsnummer")


@contextmanager
def crowded(folder: Path, shares: int) -> Iterator[tuple[PostgresServer, Deployment]]:
    """The database server, and the deployment with so many shares of 357 tenants in it."""
    folder.chmod(0o755)
    with (
        running_postgres(folder / "postgres") as server,
        server.database() as url,
        Deployment(
            folder / "run", url, delivered=True, settings={"api_requests_per_minute": 1_000_000, "serve_workers": 2}
        ) as running,
    ):
        registered(running)
        fill(running, url, shares)
        yield server, running


def fill(running: Deployment, url: str, shares: int) -> None:
    """Put them into its database, with their keys."""
    deps, root = running.node.deps, load_root_key(running.settings.root_key_path)
    now = datetime.now(UTC)
    account = account_of(running, "Byggesak")
    with deps.database.read() as tx:
        [member] = tx.members.of_account(account.id)
    homes = [Home(account.tenant_id, account.id, member.id), *make_homes(deps.database, TENANTS - 1)]
    month = audit_key_id(account.tenant_id, now)
    key, ola = deps.keyring.create(month), identifier_hash(deps.keyring.create(month), _OLA)
    every = shares // TENANTS // OLAS * TENANTS

    def seal(number: int, field: EncryptedColumn, text: str, record_id: str) -> bytes:
        return seal_field(key, text, field, record_id) if number % TENANTS == 0 else b"\1" * (29 + len(text))

    crowd = BulkShares(
        homes,
        shares,
        lambda number: now + _PERIOD * ((number + 1) / shares),
        published_at=now - _PERIOD,
        audit_key_id=lambda number: audit_key_id(homes[number % TENANTS].tenant_id, now),
        seal=seal,
        recipient_hash=lambda number: ola if number % every == 0 else number.to_bytes(32, "big"),
        downloaded=lambda number: number // TENANTS % UNREAD != 0,
    )
    fill_shares(url, crowd)
    for home in homes:
        deps.keyring.create(audit_key_id(home.tenant_id, now))
    fill_keyring(running.settings.keyring_path, root, map(share_id, range(shares)))
