"""A tenant's way out by the command line: the export and the deletion record as files."""

from __future__ import annotations

import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from cli.transcripts import EWA, run, settings

from deldokument.bootstrap import open_node
from deldokument.config import load_settings
from deldokument.services.leaving import complete_deletions


@pytest.fixture
def tenant(folder: Path, register: str) -> tuple[dict[str, str], str]:
    """A deployment with a seal, and a tenant that is in use there."""
    environment = settings(folder, ENHETSREGISTERET_BASE_URL=register)
    for command in (("keys", "create-root"), ("keys", "seal"), ("migrate",)):
        assert run(environment, *command).exit_code == 0
    created = ("tenant", "create", "--number", "310240001", "--administrator", "Ewa Kowalska")
    tenant_id = run(environment, *created, typed=f"{EWA}\n").stdout.strip().splitlines()[-1]
    with closing(sqlite3.connect(folder / "data" / "deldokument.sqlite3")) as connection, connection:
        connection.execute("UPDATE tenant SET activated_at = 1")
    return environment, tenant_id


def test_an_export_is_a_whole_zip_and_never_overwrites_a_file(tenant: tuple[dict[str, str], str], folder: Path) -> None:
    environment, tenant_id = tenant
    path = folder / "export.zip"
    assert run(environment, "tenant", "export", tenant_id, str(path)).exit_code == 0
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert "hendelseslogg.jsonl" in archive.namelist()
    before = path.read_bytes()
    assert run(environment, "tenant", "export", tenant_id, str(path)).exit_code == 1
    assert path.read_bytes() == before


def test_the_deletion_record_is_written_when_the_worker_has_done_its_part(
    tenant: tuple[dict[str, str], str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, tenant_id = tenant
    path = folder / "record.pdf"
    assert run(environment, "tenant", "end", tenant_id, "--name", "eksempel kommune").exit_code == 0
    assert "under_way" in run(environment, "tenant", "deletion", tenant_id).output
    assert run(environment, "tenant", "deletion-record", tenant_id, str(path)).exit_code == 1
    assert not path.exists()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with closing(open_node(load_settings())) as node:
        assert complete_deletions(node.world) == 1
    assert "contents_deleted" in run(environment, "tenant", "deletion", tenant_id).output
    assert run(environment, "tenant", "deletion-record", tenant_id, str(path)).exit_code == 0
    assert path.read_bytes().startswith(b"%PDF")
