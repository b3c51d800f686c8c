"""A tenant's way out by the command line: the export and the deletion record as files."""

import json
import zipfile
from pathlib import Path

import pytest

from deldokument.services.tenants.offboarding import complete_deletions
from tests.cli.transcripts import EWA, opened, run
from tests.support.deployment.process_limits import files_no_longer_than
from tests.support.stage.tenants import take_into_use


@pytest.fixture
def tenant(deployment: dict[str, str], register: str) -> tuple[dict[str, str], str]:
    """A deployment with a seal, and a tenant that is in use there."""
    environment = deployment | {"DELDOKUMENT_ENHETSREGISTERET_BASE_URL": register}
    assert run(environment, "keys", "seal").exit_code == 0
    created = ("tenant", "create", "--number", "310240001", "--administrator", "Ewa Kowalska")
    contact = ("--email", "post@eksempel.example")
    tenant_id = run(environment, *created, *contact, typed=f"{EWA}\n").stdout.strip().splitlines()[-1]
    with opened(environment) as deps:
        take_into_use(deps, tenant_id)
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
    with opened(environment) as deps:
        assert complete_deletions(deps) == 1
    assert "contents_deleted" in run(environment, "tenant", "deletion", tenant_id).output
    assert run(environment, "tenant", "deletion-record", tenant_id, str(path)).exit_code == 0
    assert path.read_bytes().startswith(b"%PDF")


def test_an_invalid_number_of_days_or_gigabytes_is_refused_with_a_text(tenant: tuple[dict[str, str], str]) -> None:
    environment, tenant_id = tenant
    account_id = run(environment, "account", "create", tenant_id, "Byggesak").stdout.strip()
    for option, value, code, words in (
        ("--standard-days", "999999999999", 2, "Invalid value"),
        ("--longest-days", "0", 2, "Invalid value"),
        ("--quota-gb", "nan", 2, "a number of GB"),
        ("--quota-gb", "inf", 2, "a number of GB"),
        ("--quota-gb", "1e-12", 1, "quota_range"),
    ):
        result = run(environment, "account", "rules", account_id, option, value)
        assert (result.exit_code, words in result.output) == (code, True), (option, value, result.output)


def test_a_full_disk_leaves_no_partial_agreement(tenant: tuple[dict[str, str], str], folder: Path) -> None:
    environment, tenant_id = tenant
    copy, path = folder / "signed.pdf", folder / "agreement.pdf"
    copy.write_bytes(b"%PDF-1.7" + bytes(5 * 10**6))
    assert run(environment, "agreement", "publish", "hovedavtale", "1.0").exit_code == 0
    recorded = ("agreement", "record-main", tenant_id, str(copy), "--version", "1.0", "--signed-on", "2026-11-02")
    agreement_id = run(environment, *recorded, "--signed-by", "Grethe Ness").stdout.strip()
    with files_no_longer_than(4 * 10**6):
        assert run(environment, "agreement", "export", tenant_id, agreement_id, str(path)).exit_code == 1
    assert not path.exists()


def test_a_tenants_contact_is_changed_a_part_at_a_time(tenant: tuple[dict[str, str], str]) -> None:
    environment, tenant_id = tenant
    for option, value in (("--telephone", "22 99 00 00"), ("--hours", "9-15")):
        assert run(environment, "tenant", "rules", tenant_id, option, value).exit_code == 0
    shown = json.loads(run(environment, "tenant", "show", tenant_id, "--json").stdout)
    assert (shown["telephone"], shown["email"], shown["hours"]) == ("22 99 00 00", "post@eksempel.example", "9-15")
