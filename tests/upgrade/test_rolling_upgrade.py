"""A version and the next beside each other on one database, with uploads under way; then the next one alone.

Until a released version is kept, the old one is this source, and the next is a build of it with further migrations.
"""

import ast
import hashlib
from pathlib import Path

import httpx
import pytest

from tests.architecture.product.test_deploy_safe import contracts, unsafe
from tests.support.deployment.deployment import KARI, OFFSET_TYPE, OLA, OLA_NUMBER, TUS, Ticket, wait_until
from tests.support.deployment.simulators import log_in
from tests.upgrade.builds import build, migration
from tests.upgrade.conftest import Traffic, UpgradedDeployment

_SECONDS = 120.0
_LENGTH = 300_000
# The migration takes so long that requests wait for it.
EXPAND = migration(
    1,
    """

def upgrade() -> None:
    op.add_column("share", sa.Column("added", sa.Text, nullable=False, server_default=""))
    op.add_column("session", sa.Column("added_at", sa.BigInteger))
    op.create_table("added", sa.Column("id", sa.Text, primary_key=True), sa.Column("share_id", sa.Text))
    op.create_index("ix_added_share_id", "added", ["share_id"])
    op.execute("UPDATE share SET added = 'filled'")
    time.sleep(1)
""",
)
CONTRACT = migration(
    2,
    """
CONTRACTS = "1.0.1"


def upgrade() -> None:
    op.drop_column("share", "added")
    op.drop_column("session", "added_at")
    op.drop_table("added")
""",
)
TAKES_AWAY = migration(
    1,
    """

def upgrade() -> None:
    op.drop_column("document", "modified_at")
""",
)


def content(name: str, length: int = 60_000) -> bytes:
    """Return the same bytes for the same name."""
    return hashlib.shake_256(name.encode()).digest(length)


class Upload:
    """An upload that is sent in pieces, to whichever node."""

    def __init__(self, running: UpgradedDeployment, ticket: Ticket, name: str) -> None:
        self._path = running.create_upload(ticket)
        self._headers = TUS | {"Authorization": f"Bearer {ticket.token}"}
        self._content = content(name, _LENGTH)
        self._sent = 0

    def send(self, url: str, stop: int) -> None:
        """Send the next bytes."""
        offset = httpx.head(url + self._path, headers=self._headers).headers["upload-offset"]
        assert offset == str(self._sent)
        headers = self._headers | {"Upload-Offset": offset, "Content-Type": OFFSET_TYPE}
        body = self._content[self._sent : stop]
        assert httpx.patch(url + self._path, headers=headers, content=body, timeout=60).status_code == 204
        self._sent = stop


def log_in_across(running: UpgradedDeployment, begin: str, end: str) -> None:
    """Begin Ola's login at one node, and bring the provider's response to the other."""
    with httpx.Client(timeout=60) as client, httpx.Client(timeout=60) as browser:
        location = client.get(f"{begin}/logg-inn?neste=/mine").headers["location"]
        back = log_in(browser, location, person=OLA).replace(running.url, end)
        assert client.get(back).headers["location"] == "/mine"
        assert client.get(f"{begin}/mine").status_code == 200


def test_the_rules_allow_what_the_upgrade_runs_and_not_what_breaks_it() -> None:
    assert unsafe(EXPAND) == []
    assert unsafe(TAKES_AWAY)
    assert unsafe(CONTRACT.replace("CONTRACTS", "NOTHING"))
    assert contracts(ast.parse(CONTRACT)) == "1.0.1"


@pytest.mark.large
@pytest.mark.timeout(600)
def test_two_versions_serve_beside_each_other_and_nothing_is_lost(running: UpgradedDeployment, tmp_path: Path) -> None:
    share_id = running.share([OLA_NUMBER], {"vedtak.pdf": content("vedtak.pdf")})
    [vedtak] = running.document_paths(share_id)
    draft_id = running.draft()
    running.add_recipients(draft_id, [OLA_NUMBER])
    upload = Upload(running, running.announce(draft_id, "tegninger.zip", _LENGTH), "tegninger.zip")
    upload.send(running.url, 100_000)
    ola, kari, traffic = running.session(OLA), running.session(KARI), Traffic(running, vedtak)

    # The old version on the new schema: sessions, uploads and downloads continue, even during the migration.
    with traffic.going_on():
        running.migrate(build(tmp_path / "next", "1.0.1", [EXPAND]))
    traffic.once()
    assert traffic.failed == []
    assert traffic.answered > 4
    upload.send(running.url, 150_000)
    this, running.program = running.program, None
    refused = running.command("serve")
    assert refused.returncode == 1
    assert "The database is of a newer version" in refused.stderr
    running.program = this

    with running.node_beside() as (new, _):
        # Both together: work begun at one continues at the other.
        upload.send(new, 200_000)
        upload.send(running.url, _LENGTH)
        assert ola.get(new + vedtak).content == content("vedtak.pdf")
        for first, second in ((running.url, new), (new, running.url)):
            log_in_across(running, first, second)
        assert kari.post(f"{new}/del/utkast/{draft_id}/publisering", json={}).is_success
        draft_of_old = running.draft()
        running.add_recipients(draft_of_old, [OLA_NUMBER])
        running.upload(draft_of_old, "ny.txt", b"ny")
        with running.worker_beside():
            running.publish(draft_of_old, by_worker=True)
            [document] = running.document_paths(draft_of_old)
            assert ola.get(new + document).content == b"ny"
        assert ola.get(f"{running.url}/d/{draft_id}").status_code == 200

    # The new version alone, then the one after it, which removes unused columns.
    running.stop_worker()
    running.restart()
    contracted = Traffic(running, vedtak)
    with contracted.going_on():
        running.migrate(build(tmp_path / "after", "1.0.2", [EXPAND, CONTRACT]))
    running.restart()
    contracted.once()
    assert contracted.failed == []
    for shared, whole in ((share_id, content("vedtak.pdf")), (draft_id, content("tegninger.zip", _LENGTH))):
        [path] = running.document_paths(shared)
        wait_until(lambda d=path: ola.get(d).status_code == 200, _SECONDS, "not handed out")  # type: ignore[misc]
        assert ola.get(path).content == whole
    the_worker_ends_a_share(running, share_id)
    verified = running.command("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "Traceback" not in running.log_text()


def the_worker_ends_a_share(running: UpgradedDeployment, share_id: str) -> None:
    running.withdraw(share_id)
    assert running.session(OLA).get(f"/d/{share_id}").status_code == 410

    def destroyed() -> bool:
        with running.deps.database.read() as tx:
            share = tx.shares.get(share_id)
        return share is not None and share.key_destroyed_at is not None

    wait_until(destroyed, _SECONDS, "the new worker ends nothing")


@pytest.mark.large
@pytest.mark.timeout(300)
def test_a_column_that_is_taken_away_too_early_breaks_the_old_version(
    running: UpgradedDeployment, tmp_path: Path
) -> None:
    [vedtak] = running.document_paths(running.share([OLA_NUMBER], {"vedtak.pdf": content("vedtak.pdf")}))
    traffic = Traffic(running, vedtak)
    traffic.once()
    assert traffic.failed == []
    running.migrate(build(tmp_path / "next", "1.0.1", [TAKES_AWAY]))
    traffic.once()
    assert [failure for failure in traffic.failed if failure.endswith(vedtak)]
