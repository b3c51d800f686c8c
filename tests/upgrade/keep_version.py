"""Keeps the version that is checked out for the upgrade tests of the next: its wheel, and a deployment of it.

    .venv-dev/bin/python tests/upgrade/keep_version.py

Run it when a version has been tagged, and then let test_rolling_upgrade.py begin with what it kept. It writes
`tests/upgrade/<version>/`. The wheel is without what only browsers need; the deployment has a published share, and a
draft with an upload that is under way.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import httpx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from deldokument import __version__  # noqa: E402
from tests.support import postgres  # noqa: E402
from tests.support.deployment.deployment import OFFSET_TYPE, OLA_NUMBER, Deployment  # noqa: E402

SHARED, UPLOADED, SENT = 60_000, 300_000, 100_000
_KEPT = ("blobs", "keyring.sqlite3", "keyring.sqlite3-wal", "root.key", "seal.key", "seal.pem")


def content(name: str, length: int) -> bytes:
    """The same bytes for the same name, at every call."""
    return hashlib.shake_256(name.encode()).digest(length)


def main() -> None:
    """Keep it."""
    target = HERE / __version__
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        _wheel(folder, target)
        with postgres.running_postgres(folder / "pg") as server, server.database() as url:
            _deployment(folder / "deployment", url, target)


def _wheel(folder: Path, target: Path) -> None:
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], check=True, cwd=ROOT)
    [built] = folder.glob("*.whl")
    with zipfile.ZipFile(built) as whole, zipfile.ZipFile(target / built.name, "w", zipfile.ZIP_LZMA) as kept:
        for entry in whole.infolist():
            if "/web/static/" not in entry.filename and not entry.filename.endswith("/RECORD"):
                kept.writestr(entry.filename, whole.read(entry))


def _deployment(folder: Path, url: str, target: Path) -> None:
    folder.mkdir()
    with Deployment(folder, url) as running:
        share_id = running.share([OLA_NUMBER], {"vedtak.pdf": content("vedtak.pdf", SHARED)})
        draft_id = running.draft()
        running.add_recipients(draft_id, [OLA_NUMBER])
        ticket = running.announce(draft_id, "tegninger.zip", UPLOADED)
        path = running.create_upload(ticket)
        headers = ticket.headers | {"Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
        sent = content("tegninger.zip", UPLOADED)[:SENT]
        httpx.patch(running.url + path, headers=headers, content=sent).raise_for_status()
        note = {
            "kept_at": running.node.deps.clock.now().isoformat(),
            "share_id": share_id,
            "draft_id": draft_id,
            "upload": path,
            "token": ticket.token,
        }
    (target / "note.json").write_text(json.dumps(note, indent=1) + "\n")
    dump = subprocess.run(
        [postgres.PROGRAMS / "pg_dump", "--no-owner", "--no-privileges", url], check=True, capture_output=True
    )
    (folder / "dump.sql").write_bytes(dump.stdout)
    with tarfile.open(target / "deployment.tar.xz", "w:xz") as kept:
        kept.add(folder / "dump.sql", "dump.sql")
        for name in _KEPT:
            if (folder / "data" / name).exists():
                kept.add(folder / "data" / name, f"data/{name}")


if __name__ == "__main__":
    main()
