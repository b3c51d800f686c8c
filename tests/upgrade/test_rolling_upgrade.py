"""Each earlier version and this one beside each other on one database, with uploads under way; then this one alone."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from sqlalchemy import insert, select

from deldokument import __version__
from deldokument.adapters.keys.keyring import OWNER
from deldokument.adapters.sql.tables.base import metadata
from deldokument.domain.share import new_id
from deldokument.services.encryption import INTEGRITY_ENFORCED
from deldokument.services.maintenance.row_tagging import RowTagger
from tests.support.server import KARI, OFFSET_TYPE, OLA, OLA_NUMBER, TUS, wait_until
from tests.support.simulators import log_in
from tests.support.stored_data import as_owner
from tests.upgrade.conftest import OldDeployment
from tests.upgrade.keep_version import SENT, SHARED, UPLOADED, content

_SECONDS = 120.0


def send(url: str, old: OldDeployment, start: int, stop: int) -> None:
    """The next bytes of the upload that was under way when the version before was left."""
    headers = TUS | {"Authorization": f"Bearer {old.note['token']}"}
    assert httpx.head(url + old.note["upload"], headers=headers).headers["upload-offset"] == str(start)
    headers |= {"Upload-Offset": str(start), "Content-Type": OFFSET_TYPE}
    body = content("tegninger.zip", UPLOADED)[start:stop]
    assert httpx.patch(url + old.note["upload"], headers=headers, content=body, timeout=60).status_code == 204


def download(client: httpx.Client, url: str, path: str) -> tuple[bytes, str]:
    answer = client.get(url + path)
    assert answer.status_code == 200, answer.text
    return answer.content, answer.headers["etag"]


def finish_login(
    old: OldDeployment, client: httpx.Client, browser: httpx.Client, begin: str, end: str
) -> httpx.Response:
    """Begin Ola's login at one node, and bring the provider's response to another."""
    back = log_in(browser, client.get(f"{begin}/logg-inn?neste=/mine").headers["location"], person=OLA)
    return client.get(back.replace(old.url, end))


def forge_member(old: OldDeployment) -> str:
    """A member as an attacker with the database adds one: somebody in an account of another tenant."""
    member = metadata.tables["member"]
    with as_owner(old.database_url) as connection:
        people = [row._asdict() for row in connection.execute(select(member))]
        hashes = [one["lookup_hash"] for one in people]
        # Not Kari, who has two memberships: a number that does not open would spoil her own pages.
        first, second, *_ = (one for one in people if hashes.count(one["lookup_hash"]) == 1)
        forged = first | {"id": new_id(), "account_id": second["account_id"]}
        connection.execute(insert(member).values(forged))
    return str(forged["id"])


def doubts(old: OldDeployment) -> set[str]:
    with old.node.deps.database.read() as tx:
        return {one.id for one in tx.row_tagging.doubts(99)}


def untagged(old: OldDeployment) -> int:
    with old.node.deps.database.read() as tx:
        return tx.row_tagging.count_bare(99)


def walk_again(old: OldDeployment) -> None:
    """Two more whole passes, beside those of the worker."""
    sealer = RowTagger()
    for _ in range(2):
        while sealer(old.node.deps):
            pass


def is_enforced(old: OldDeployment) -> bool:
    return bool(old.node.keyring.get([INTEGRITY_ENFORCED]))


@pytest.mark.timeout(600)
def test_the_versions_serve_beside_each_other_and_nothing_is_lost(old: OldDeployment) -> None:
    assert __version__ != old.version
    share_id, draft_id = old.note["share_id"], old.note["draft_id"]
    vedtak = content("vedtak.pdf", SHARED)
    ola, kari = old.session(OLA), old.session(KARI)
    send(old.url, old, SENT, 150_000)

    # The old program on the new schema: sessions, uploads and downloads go on.
    old.migrate()
    # The keyring is this deployment's: 0.1.0 did not claim it, the first look by the new program did.
    assert old.node.keyring.ids(OWNER) == [OWNER]
    with old.node.deps.database.read() as tx:
        assert tx.deployment.get().keyring_fingerprint
    [path] = old.document_paths(share_id)
    tag = download(ola, old.url, path)
    assert tag[0] == vedtak
    send(old.url, old, 150_000, 200_000)

    forged = forge_member(old)
    old.become_new()
    with old.node_beside() as (new, _):
        # Both together: what is begun at one goes on at the other, either way round.
        send(new, old, 200_000, 250_000)
        send(old.url, old, 250_000, UPLOADED)
        assert download(ola, new, path) == tag
        for first, second in ((old.url, new), (new, old.url)):
            with httpx.Client(timeout=60) as client, httpx.Client(timeout=60) as browser:
                # A login since 0.3.0 is encrypted for its state: neither version completes one that the other began.
                assert finish_login(old, client, browser, first, second).status_code == 403
                assert finish_login(old, client, browser, second, second).headers["location"] == "/mine"
                assert client.get(f"{first}/mine").status_code == 200
        assert kari.post(f"{new}/del/utkast/{draft_id}/publisering", json={}).is_success
        made_by_old = old.draft()
        old.add_recipients(made_by_old, [OLA_NUMBER])
        old.upload(made_by_old, "ny.txt", b"ny")
        assert kari.post(f"{old.url}/del/utkast/{made_by_old}/publisering", json={}).is_success

        def inspected() -> bool:
            return ola.get(f"{new}{old.document_paths(made_by_old)[0]}").status_code == 200

        wait_until(inspected, _SECONDS, "the old worker does not inspect on the new schema")
        assert ola.get(f"{old.url}/d/{draft_id}").status_code == 200
        # Rows get tags beside an old node, and are not damaged without: it still writes such rows.
        with old.new_worker():
            wait_until(lambda: doubts(old) == {forged}, _SECONDS, "the rows are not sealed")
            wait_until(lambda: untagged(old) <= 1, _SECONDS, "the rows are not sealed")
            walk_again(old)
            assert not is_enforced(old)

    # The new program alone.
    old.stop_worker()
    # With a worker, since none runs.
    old.restart()
    assert download(ola, old.url, path) == tag
    wait_until(lambda: is_enforced(old), _SECONDS, "tags are not enforced after the last old node has gone")
    assert doubts(old) == {forged}
    old.move_blobs()
    assert download(ola, old.url, path) == tag
    for shared, whole in ((draft_id, content("tegninger.zip", UPLOADED)), (made_by_old, b"ny")):
        [document] = old.document_paths(shared)
        wait_until(lambda d=document: ola.get(d).status_code == 200, _SECONDS, "not handed out")  # type: ignore[misc]
        assert download(ola, old.url, document)[0] == whole
    old.withdraw(share_id)
    assert ola.get(f"/d/{share_id}").status_code == 410

    def destroyed() -> bool:
        with old.node.deps.database.read() as tx:
            share = tx.shares.get(share_id)
        return share is not None and share.key_destroyed_at is not None

    wait_until(destroyed, _SECONDS, "the new worker ends nothing")
    verified = subprocess.run(
        [sys.executable, "-m", "deldokument.cli.entry", "audit", "verify"],
        env=old.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "Traceback" not in old.log_text()
