"""A tenant's way out by the command line: the export and the deletion record as files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from cli.transcripts import EWA, opened, run
from support.tenants import take_into_use

from deldokument.services.leaving import complete_deletions


@pytest.fixture
def tenant(deployment: dict[str, str], register: str) -> tuple[dict[str, str], str]:
    """A deployment with a seal, and a tenant that is in use there."""
    environment = deployment | {"DELDOKUMENT_ENHETSREGISTERET_BASE_URL": register}
    assert run(environment, "keys", "seal").exit_code == 0
    created = ("tenant", "create", "--number", "310240001", "--administrator", "Ewa Kowalska")
    tenant_id = run(environment, *created, typed=f"{EWA}\n").stdout.strip().splitlines()[-1]
    with opened(environment) as world:
        take_into_use(world, tenant_id)
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
    tenant: tuple[dict[str, str], str], folder: Path
) -> None:
    environment, tenant_id = tenant
    path = folder / "record.pdf"
    assert run(environment, "tenant", "end", tenant_id, "--name", "eksempel kommune").exit_code == 0
    assert "under_way" in run(environment, "tenant", "deletion", tenant_id).output
    assert run(environment, "tenant", "deletion-record", tenant_id, str(path)).exit_code == 1
    assert not path.exists()
    with opened(environment) as world:
        assert complete_deletions(world) == 1
    assert "contents_deleted" in run(environment, "tenant", "deletion", tenant_id).output
    assert run(environment, "tenant", "deletion-record", tenant_id, str(path)).exit_code == 0
    assert path.read_bytes().startswith(b"%PDF")
