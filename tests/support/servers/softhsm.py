"""A hardware security module in software for the tests: SoftHSM, from Debian, with a token for each worker."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pkcs11
import pytest

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
_VARIABLE = "SOFTHSM2_CONF"


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and the label of the keys in it that are a test's own."""

    folder: Path
    name: str = "deldokument"
    pin: str = "1234"
    label: str = ""


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    """This worker's token. The module reads where it is when it is first used, and once only."""
    if not MODULE.exists():
        pytest.fail(f"no {MODULE}: apt-get install softhsm2 (make test does it)", pytrace=False)
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(conf)
    token = Token(folder)
    command = ["softhsm2-util", "--init-token", "--free", "--label", token.name, "--so-pin", "4321", "--pin", token.pin]
    subprocess.run(command, check=True, capture_output=True)
    yield token
    pkcs11.lib(str(MODULE)).finalize()
    if before is None:
        del os.environ[_VARIABLE]
    else:
        os.environ[_VARIABLE] = before


@pytest.fixture
def hsm(softhsm: Token) -> Token:
    """The token, with a label under which there is no key yet."""
    return replace(softhsm, label=f"key-{secrets.token_hex(6)}")
