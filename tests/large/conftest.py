"""What bare machines are made of: once for a run, for they are made of the same."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deldokument import __version__
from tests.release.test_parts import make_key
from tests.support.deployment import machine
from tests.support.deployment.machine_setup import HOST
from tests.support.deployment.operating_page import BLOCKS, ROOT
from tests.support.deployment.simulators import Running, start_simulators
from tests.support.servers.podman import podman


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Debian that nobody has touched."""
    return machine.bare(tmp_path_factory.mktemp("disk"))


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of what is committed, in which the wheel has been made as the page says."""
    source = tmp_path_factory.mktemp("delivered") / "source"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    subprocess.run(["bash", "-euo", "pipefail", "-c", BLOCKS[0]], cwd=source, check=True)
    return source


@pytest.fixture(scope="session")
def release_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The private key of releases; its public part is beside it."""
    key = tmp_path_factory.mktemp("keys") / "release.key"
    make_key(key, key.with_suffix(".pub"))
    return key


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory, release_key: Path) -> Path:
    """The container image of this checkout's commit, as an archive, beside all other files of its release."""
    folder = tmp_path_factory.mktemp("image")
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder / "clone")], check=True)
    with podman(folder) as host:
        command = ["make", "release", f"KEY={release_key}"]
        subprocess.run(command, cwd=folder / "clone", check=True, env=os.environ | host.environment())
    return folder / f"clone/dist/deldokument-{__version__}-image.tar"


@pytest.fixture(scope="module")
def registers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Those of the service at HOST."""
    url = f"https://{HOST}"
    with start_simulators(
        tmp_path_factory.mktemp("registers"),
        redirect_uri=f"{url}/logg-inn/svar",
        post_logout_redirect_uri=f"{url}/logget-ut",
    ) as running:
        yield running
