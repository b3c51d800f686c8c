"""KS' interfaces do what KS has published of them, for requests that schemathesis generates.

Left out are three checks. ``use_after_free`` and ``ensure_resource_availability``: a deleted document is still found.
``positive_data_acceptance``: a description cannot say which ids exist, or which ends and recipients are allowed.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deldokument.domain.uuids import uuid_of
from tests.api.test_openapi import FEW, MANY, SCHEMATHESIS
from tests.ks.conftest import Fiks
from tests.ks.published_document import document
from tests.ks.test_store import REFERENCE, uploaded
from tests.support.browser import EWA, site
from tests.support.servers.local_server import listening

_LEFT_OUT = "use_after_free,ensure_resource_availability,positive_data_acceptance"


def _of_administrators(path: str) -> bool:
    return path.startswith("/{fiksOrgId}")


def _of_systems(path: str) -> bool:
    return not _of_administrators(path)


@pytest.fixture
def address(fiks: Fiks) -> Iterator[str]:
    """Where the application listens, without a limit to how often it is asked."""
    stage = fiks.web.stage
    stage.deps = replace(stage.deps, config=replace(stage.deps.config, api_requests_per_minute=1_000_000))
    with listening(stage, site(public_url="http://127.0.0.1")) as url:
        yield url


def explore(
    folder: Path, address: str, described: object, headers: dict[str, str], ids: dict[str, str], depth: str
) -> None:
    """Run schemathesis, whose every finding fails the test."""
    (folder / "published.json").write_text(json.dumps(described), "utf-8")
    lines = []
    for name, value in ids.items():
        lines += [f"[dictionaries.{name}]", f"values = [{json.dumps(value)}]"]
    lines.append("[parameters]")
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.6 }}' for name in ids]
    (folder / "schemathesis.toml").write_text("\n".join(lines), "utf-8")
    command = [str(SCHEMATHESIS), "--config-file", "schemathesis.toml", "run", "published.json", "--url", address]
    command += ["--phases", "examples,coverage,fuzzing", "--checks", "all", "--exclude-checks", _LEFT_OUT]
    command += [
        "--max-examples",
        "5" if depth == "few" else "100",
        "--generation-deterministic",
        "--no-color",
        "--no-shrink",
    ]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def ids_of(fiks: Fiks) -> dict[str, str]:
    stage = fiks.web.stage
    return {
        "fiksOrgId": uuid_of(stage.tenant.id),
        "kontoId": uuid_of(stage.byggesak.id),
        "dokumentId": uploaded(fiks),
        "korrelasjonsid": REFERENCE,
    }


@pytest.mark.parametrize("depth", [FEW, MANY])
def test_for_a_system_everything_is_as_published(
    fiks: Fiks, address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, depth: str
) -> None:
    explore(tmp_path, address, document(_of_systems), fiks.headers, ids_of(fiks), depth)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("depth", [FEW, MANY])
def test_for_an_administrator_everything_is_as_published(
    fiks: Fiks, address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, depth: str
) -> None:
    ewa = fiks.web.browser(EWA)
    cookies = "; ".join(f"{name}={value}" for name, value in ewa.http.cookies.items())
    headers = {"Cookie": cookies, "X-CSRF-Token": ewa.csrf_token()}
    explore(tmp_path, address, document(_of_administrators), headers, ids_of(fiks), depth)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
