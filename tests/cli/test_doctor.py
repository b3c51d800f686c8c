"""The doctor as a check of the monitoring: levels, exit codes, and no part that hides another."""

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deldokument.adapters.documents.signing import create_seal_certificate
from deldokument.bootstrap.node_state import CLIENT_KEY_LIFETIME
from deldokument.cli.operate import doctor
from deldokument.services.maintenance.health import HEARTBEAT_LIMIT
from tests.cli.transcripts import KARI, make_ready, run, settings, tamper
from tests.docs.documents import DOCS, table
from tests.support.servers.mail import make_certificate

_PAGE = (DOCS / "operate" / "monitoring.md").read_text("utf-8")


def examined(environment: Mapping[str, str]) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code, and each finding's level and message."""
    result = run(environment, "doctor", "--json")
    said = json.loads(result.stdout)
    found = {one["name"]: (one["level"], one["message"]) for one in said["findings"]}
    levels = ["ok", "warning", "critical"]
    assert result.exit_code == levels.index(said["level"]) == max(levels.index(level) for level, _ in found.values())
    text = run(environment, "doctor").output
    assert all(f"{name}: " in text for name in found)
    return result.exit_code, found


def beat(deployment: dict[str, str], age: timedelta) -> None:
    tamper(deployment, f"UPDATE deployment SET heartbeat_at = {int((time.time() - age.total_seconds()) * 1_000_000)}")


def test_the_doctor_ends_with_2_when_the_worker_is_dead(deployment: dict[str, str]) -> None:
    assert examined(deployment)[0] == 0
    assert run(deployment, "operator", "add", "Kari Lunde", typed=f"{KARI}\n").exit_code == 0
    assert run(deployment, "keys", "seal").exit_code == 0
    code, found = examined(deployment)
    assert (code, found["worker"]) == (2, ("critical", "no worker has ever run"))
    beat(deployment, HEARTBEAT_LIMIT + timedelta(seconds=30))
    code, found = examined(deployment)
    assert (code, found["worker"][0]) == (2, "critical")
    beat(deployment, timedelta())
    code, found = examined(deployment)
    assert (code, {level for level, _ in found.values()}) == (0, {"ok"})


def test_only_a_trail_that_was_found_intact_counts_as_verified(deployment: dict[str, str]) -> None:
    def verified() -> tuple[int, str]:
        return run(deployment, "audit", "verify").exit_code, examined(deployment)[1]["audit trail"][0]

    assert run(deployment, "operator", "add", "Kari Lunde", typed=f"{KARI}\n").exit_code == 0
    long_ago = "UPDATE deployment SET trail_verified_at = 0"
    tamper(deployment, long_ago)
    assert examined(deployment)[1]["audit trail"][0] == "warning"
    assert verified() == (0, "ok")
    tamper(deployment, long_ago)
    tamper(deployment, "UPDATE audit_event SET kind = 'operator_removed'")
    assert verified() == (1, "warning")


def test_the_doctor_ends_with_1_before_keys_and_certificates_expire(
    deployment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, key = Path(deployment["DELDOKUMENT_DATA_DIR"]), Path(deployment["DELDOKUMENT_IDPORTEN_CLIENT_KEY_PATH"])
    nearly_over = datetime.now(UTC) - timedelta(days=5 * 365 - 29)
    create_seal_certificate(
        data / "seal.key", data / "seal.pem", operator_name="Drift", operator_number="", at=nearly_over
    )
    then = time.time() - CLIENT_KEY_LIFETIME.total_seconds() + 29 * 24 * 60 * 60
    os.utime(key, (then, then))
    code, found = examined(deployment)
    assert code == 1
    warnings = {name for name, (level, _) in found.items() if level == "warning"}
    assert warnings == {"seal", "client key at ID-porten", "client key at Maskinporten"}
    then = time.time() - CLIENT_KEY_LIFETIME.total_seconds() - 1
    os.utime(key, (then, then))
    # No disk is that large.
    monkeypatch.setattr("deldokument.cli.operate.doctor.SPACE", dict.fromkeys(doctor.SPACE, (1 << 62, 0)))
    code, found = examined(deployment)
    [space] = [level for name, (level, _) in found.items() if name.startswith("space for ")]
    assert (code, found["client key at ID-porten"][0], space) == (2, "critical", "warning")


def test_the_doctor_grades_a_certificate_of_the_settings(folder: Path, postgres_url: str) -> None:
    def graded() -> tuple[str, str]:
        return examined(environment)[1]["certificate of database sslrootcert"]

    def end() -> date:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.date()

    certificate, _ = make_certificate(folder)
    environment = settings(folder, DATABASE_URL=f"{postgres_url}?sslrootcert={certificate}")
    make_ready(environment)
    assert graded() == ("warning", f"valid until {end()}")
    make_certificate(folder, timedelta(days=31))
    assert graded()[0] == "ok"
    make_certificate(folder, timedelta(hours=-1))
    assert graded() == ("critical", f"EXPIRED {end()}")
    certificate.write_text("no certificate")
    assert graded()[0] == "critical"
    certificate.unlink()
    assert graded()[0] == "critical"


@pytest.mark.embedded  # Output about the files of root key, blobs and database.
def test_a_failing_check_hides_no_other(deployment: dict[str, str]) -> None:
    data = Path(deployment["DELDOKUMENT_DATA_DIR"])
    (data / "root.key").unlink()
    (data / "blobs").touch()
    code, found = examined(deployment)
    critical = {name for name, (level, _) in found.items() if level == "critical"}
    assert (code, critical >= {"keyring", "owner of the keyring", "blobs", "owner of the blobs"}) == (2, True)
    assert {found[name][0] for name in ("schema", "worker", "destruction", "waiting", "damaged rows")} == {"ok"}


def test_settings_that_are_wrong_are_a_finding_too() -> None:
    result = run({}, "doctor", "--json")
    [only] = json.loads(result.stdout)["findings"]
    assert (result.exit_code, only["name"], "DELDOKUMENT_PUBLIC_URL" in only["message"]) == (2, "settings", True)


def test_the_page_explains_every_check_and_every_exit_code(deployment: dict[str, str]) -> None:
    rows = table(_PAGE, "Its checks")
    names = {row[0] for row in rows}
    assert names >= examined(deployment)[1].keys()
    assert names - examined(deployment)[1].keys() <= {
        "certificate of …",
        "scanner",
        *(f"space for {place}" for place in doctor.SPACE),
    }
    assert all(f"| {code} | {level} |" in _PAGE for code, level in enumerate(("ok", "warning", "critical")))
