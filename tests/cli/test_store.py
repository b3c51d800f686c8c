"""A deployment whose ciphertext is in a bucket: it starts with its own store or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import obstore
import pytest

from deldokument.adapters.blobs.s3 import S3Place
from tests.cli.transcripts import database_url, run
from tests.support.deployment.stack import stack
from tests.support.servers.seaweedfs import READER_KEY, client_of, s3_place, s3_settings, seaweedfs  # noqa: F401

_WITHOUT_CLUSTER = "import sys; sys.modules['obstore'] = None; from deldokument.cli.entry import main; main()"


@pytest.fixture
def on_bucket(deployment: dict[str, str], s3_place: S3Place) -> dict[str, str]:  # noqa: F811
    """The environment of a deployment that has a bucket."""
    given = s3_settings(s3_place)
    return deployment | {f"DELDOKUMENT_{name.upper()}": value for name, value in given.items()}


def another_keyring(folder: Path) -> dict[str, str]:
    """The settings of a keyring in which nothing is, on the run's stack."""
    given = {name: value for name, value in stack().settings(folder).items() if name.startswith(("openbao", "transit"))}
    given = given or {"keyring_path": str(folder / "another.sqlite3")}
    return {f"DELDOKUMENT_{name.upper()}": value for name, value in given.items()}


def test_a_deployment_starts_again_on_its_bucket(on_bucket: dict[str, str]) -> None:
    for _ in range(2):
        assert run(on_bucket, "tenant", "list").exit_code == 0


def test_two_deployments_that_share_a_bucket_by_mistake_are_refused(on_bucket: dict[str, str], tmp_path: Path) -> None:
    assert run(on_bucket, "tenant", "list").exit_code == 0
    other = on_bucket | {"DELDOKUMENT_DATABASE_URL": stack().database_url(tmp_path)} | another_keyring(tmp_path)
    assert run(other, "migrate").exit_code == 0
    refused = run(other, "tenant", "list")
    assert (refused.exit_code, "blob_store_claimed" in refused.output) == (1, True)
    stack().give_back(database_url(other))


def test_two_deployments_that_share_a_keyring_by_mistake_are_refused(
    deployment: dict[str, str], tmp_path: Path
) -> None:
    assert run(deployment, "tenant", "list").exit_code == 0
    elsewhere = {name: f"{value}-other" for name, value in deployment.items() if name.endswith("_S3_PREFIX")}
    others = {"DATABASE_URL": stack().database_url(tmp_path), "BLOBS_DIR": tmp_path / "blobs"}
    other = deployment | elsewhere | {f"DELDOKUMENT_{name}": str(value) for name, value in others.items()}
    for command in (("migrate",), ("tenant", "list")):
        refused = run(other, *command)
        assert (refused.exit_code, "the keyring belongs to another deployment" in refused.output) == (1, True)
    assert run(deployment, "tenant", "list").exit_code == 0
    stack().give_back(database_url(other))


def test_a_deployment_without_its_keyring_does_not_start_and_creates_no_other(
    deployment: dict[str, str], tmp_path: Path
) -> None:
    other = another_keyring(tmp_path)
    [setting] = {"DELDOKUMENT_KEYRING_PATH", "DELDOKUMENT_OPENBAO_KEYRING_MOUNT"} & other.keys()
    for command in (("tenant", "list"), ("migrate",), ("doctor",), ("serve",), ("worker",), ("tenant", "list")):
        refused = run(deployment | other, *command)
        assert (refused.exit_code, setting in refused.output) == (1 + (command == ("doctor",)), True), refused.output
        assert "the keyring is empty" in refused.output
        assert "docs/operate/recovery.md" in refused.output
    assert run(deployment, "tenant", "list").exit_code == 0


def test_a_keyring_of_another_deployment_is_refused(deployment: dict[str, str], tmp_path: Path) -> None:
    url, keyring = stack().database_url(tmp_path), another_keyring(tmp_path)
    elsewhere = {"DELDOKUMENT_DATABASE_URL": url, "DELDOKUMENT_BLOBS_DIR": str(tmp_path / "blobs")}
    assert run(deployment | elsewhere | keyring, "migrate").exit_code == 0
    refused = run(deployment | keyring, "tenant", "list")
    assert (refused.exit_code, "not the keyring that this deployment works with" in refused.output) == (1, True)
    assert run(deployment, "tenant", "list").exit_code == 0
    stack().give_back(url)


def test_the_secret_may_be_in_a_file_that_nobody_else_reads_and_a_wrong_one_is_not_shown(
    on_bucket: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    moved = on_bucket | {"DELDOKUMENT_BLOBS_S3_SECRET_ACCESS_KEY_PATH": str(path)}
    path.touch(0o600)
    path.write_text(moved.pop("DELDOKUMENT_BLOBS_S3_SECRET_ACCESS_KEY") + "\n")
    assert run(moved, "tenant", "list").exit_code == 0
    path.chmod(0o640)
    assert "chmod 600" in run(moved, "tenant", "list").output
    path.chmod(0o600)
    path.write_text("another-secret")
    refused = run(moved, "tenant", "list")
    assert (refused.exit_code, "403" in refused.output, "another-secret" in refused.output) == (1, True, False)
    path.unlink()
    assert "secret access key" in run(moved, "tenant", "list").output


def test_a_bucket_without_its_packages_says_what_to_install(on_bucket: dict[str, str]) -> None:
    command = [sys.executable, "-c", _WITHOUT_CLUSTER, "tenant", "list"]
    done = subprocess.run(command, env=os.environ | on_bucket, capture_output=True, text=True, check=False)
    assert (done.returncode, "deldokument[cluster]" in done.stderr) == (1, True)


def test_the_doctor_finds_a_store_that_may_not_be_written_to_and_leaves_nothing_in_a_good_one(
    on_bucket: dict[str, str],
    s3_place: S3Place,  # noqa: F811
) -> None:
    examined = run(on_bucket, "doctor")
    assert (examined.exit_code, "a probe was written" in examined.output) == (0, True)
    assert [found["path"] for page in obstore.list(client_of(s3_place)) for found in page] == ["deployment-id"]
    reading = on_bucket | {"DELDOKUMENT_BLOBS_S3_ACCESS_KEY_ID": READER_KEY}
    refused = run(reading, "doctor")
    assert (refused.exit_code, "403" in refused.output) == (2, True)
