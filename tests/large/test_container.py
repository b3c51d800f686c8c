"""The container image of a release, run as docs/containers.md says."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from deldokument import __version__
from tests.architecture.rules import ROOT
from tests.cli.transcripts import settings
from tests.support.deployment.operating_page import fenced, section
from tests.support.servers.podman import Podman, podman

pytestmark = [pytest.mark.large, pytest.mark.timeout(3600)]

PAGE = (ROOT / "docs/containers.md").read_text("utf-8")
IMAGE = f"localhost/deldokument:{__version__}"
STATE = Path("/var/lib/deldokument")
SECRET = "DELDOKUMENT_ALTINN_SUBSCRIPTION_KEY"
_INSTALLED = "import importlib.metadata as m; print(*(f'{d.name}={d.version}' for d in m.distributions()))"
OF_THE_IMAGE = {"DELDOKUMENT_DATA_DIR", SECRET}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, image: Path) -> Iterator[Podman]:
    """A folder with the image, the settings and the secrets."""
    folder = tmp_path_factory.mktemp("container")
    with podman(folder) as host:
        (folder / image.name).symlink_to(image)
        keys = {
            f"{client}_CLIENT_KEY_PATH": f"{STATE}/{client.lower()}.json" for client in ("IDPORTEN", "MASKINPORTEN")
        }
        given = settings(STATE, **keys)
        (folder / "secrets").mkdir()
        (folder / "secrets" / SECRET).write_text(given[SECRET])
        kept = [f"{name}={value}\n" for name, value in given.items() if name not in OF_THE_IMAGE]
        (folder / "env").write_text("".join(kept))
        yield host


def test_the_page_starts_a_service_that_is_ready_and_stops_when_it_is_asked(host: Podman) -> None:
    start, stop = fenced(section("Trying it on one machine", PAGE), "bash")
    host.run(start)
    assert host.run("podman exec serve id -u").strip() == "10001"
    host.run("! podman exec serve touch /var/lib/x")
    host.run(stop)
    codes = host.run("podman inspect --format '{{.State.ExitCode}}' serve worker").split()
    # SIGKILL would be 137.
    assert set(codes) <= {"0", "143"}
    assert "Finished server process" in host.run("podman logs serve 2>&1")


def test_the_sbom_names_exactly_the_packages_in_the_image(host: Podman, image: Path) -> None:
    def asked(program: str, *arguments: str) -> set[str]:
        return set(host.run(f"podman run --rm --entrypoint {program} {IMAGE} {shlex.join(arguments)}").split())

    document = json.loads(image.with_suffix(".cdx.json").read_text("utf-8"))
    named = {(one["purl"].split("/")[0], f"{one['name'].lower()}={one['version']}") for one in document["components"]}
    debian = asked("/usr/bin/dpkg-query", "--show", "--showformat=${Package}=${Version}\n")
    python = {one.lower() for one in asked("/opt/deldokument/bin/python", "-c", _INSTALLED)}
    assert {name for kind, name in named if kind == "pkg:deb"} == debian
    assert {name for kind, name in named if kind == "pkg:pypi"} == python - {f"deldokument={__version__}"}


def test_the_image_has_no_installer_and_the_size_that_the_page_says(host: Podman) -> None:
    host.run(f"podman run --rm --entrypoint /usr/bin/test {IMAGE} ! -e /opt/deldokument/bin/pip")
    megabytes = int(host.run(f"podman image inspect --format '{{{{.Size}}}}' {IMAGE}")) / 1_000_000
    assert megabytes < int(re.findall(r"less than (\d+) MB", PAGE)[0])
