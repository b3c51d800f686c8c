"""Free space is that of each disk that the deployment writes to, and files of keys and certificates expire."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deldokument.bootstrap.node_state import certificate_expiry, certificate_files, free_bytes, places
from deldokument.cli.operate.doctor import SPACE
from deldokument.config.settings import Settings, load_settings
from tests.support.deployment.environments import BUCKET, DEMO, KEYRING, OPENBAO, VERIFIED, WHOLE
from tests.support.servers.mail import make_certificate

DEVICES, PROCESSES = Path("/dev"), Path("/proc")
"""File systems of their own on each Linux. Nothing is written there."""


def settings(environment: dict[str, str], **other: object) -> Settings:
    return load_settings(**{name.lower(): value for name, value in environment.items()} | other)


def test_each_disk_is_listed_once(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    assert places(settings(DEMO, data_dir=tmp_path)) == {"blobs": tmp_path / "blobs"}
    on_others = settings(
        DEMO,
        data_dir=tmp_path,
        database_url=f"sqlite:///{PROCESSES / 'x.sqlite3'}",
        keyring_path=DEVICES / "x.sqlite3",
    )
    found = places(on_others)
    assert found == {"blobs": tmp_path / "blobs", "data": PROCESSES, "keyring": DEVICES}
    measured = free_bytes(on_others)
    assert measured.keys() == found.keys() <= SPACE.keys()
    assert (measured["data"], measured["keyring"]) == tuple(shutil.disk_usage(one).free for one in (PROCESSES, DEVICES))


def test_a_folder_that_is_missing_is_examined_and_not_measured(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    given = settings(DEMO, data_dir=tmp_path, keyring_path=tmp_path / "not mounted" / "keyring.sqlite3")
    assert places(given).keys() == {"blobs", "keyring"}
    assert free_bytes(given).keys() == {"blobs"}


def test_a_node_without_files_needs_space_for_temporary_ones() -> None:
    stores = {"database_url": f"postgresql://a:b@db.example/a?{VERIFIED}", "keyring": "openbao", "root_key": "transit"}
    found = places(settings(WHOLE | BUCKET | OPENBAO, **stores))
    assert found.keys() == {"tmpdir"} <= SPACE.keys()


def test_the_certificates_are_those_that_the_settings_name() -> None:
    chosen = settings(
        WHOLE | OPENBAO,
        root_key="transit",
        openbao_ca_path="/etc/bao.pem",
        keyring="postgresql",
        keyring_database_url=f"{KEYRING}&sslcert=/etc/client.pem&sslrootcert=/etc/keyring.pem",
        database_url=f"postgresql://a:b@db.example/a?{VERIFIED}&sslrootcert=system",
    )
    assert dict(certificate_files(chosen)) == {
        "OpenBao": Path("/etc/bao.pem"),
        "keyring sslrootcert": Path("/etc/keyring.pem"),
        "keyring sslcert": Path("/etc/client.pem"),
    }


def test_of_a_file_of_certificates_the_one_counts_that_is_valid_longest(tmp_path: Path) -> None:
    certificates = [make_certificate(tmp_path, timedelta(days=days))[0].read_bytes() for days in (-0.5, 40, 20)]
    path = tmp_path / "authorities.pem"
    path.write_bytes(b"".join(certificates))
    assert certificate_expiry(path) == x509.load_pem_x509_certificate(certificates[1]).not_valid_after_utc
    assert datetime.now(UTC) + timedelta(days=39) < certificate_expiry(path)
    path.write_text("no certificate")
    with pytest.raises(ValueError, match="PEM"):
        certificate_expiry(path)
