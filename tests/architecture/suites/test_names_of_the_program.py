"""Names of the program in the tests' strings: a hook or a constant that no longer exists would test nothing."""

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

from tests.support.deployment.crash import die
from tests.support.deployment.forked import forked

TESTS = Path(__file__).resolve().parents[2]
NAME = re.compile(r"""(["'])(deldokument(?:\.\w+)+(?::\w+(?:\.\w+)*)?)\1""")
LOGGERS = {"deldokument.api", "deldokument.integrity"}
FILES = {"sqlite3", "db"}


def names_of_the_program() -> dict[str, Path]:
    """Every string of the tests that reads as a name in the program, and a file that has it."""
    return {
        name: path
        for path in sorted({*TESTS.rglob("*.py")} - {Path(__file__).resolve()})
        for _, name in NAME.findall(path.read_text("utf-8"))
        if name not in LOGGERS and name.rpartition(".")[2] not in FILES
    }


def is_in_the_program(name: str) -> bool:
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def test_every_name_of_the_program_in_a_string_of_the_tests_exists() -> None:
    found = names_of_the_program()
    assert {
        "deldokument.services.maintenance.share_keys.record_event",
        "deldokument.adapters.webhook_client:WebhookClient",
    } <= found.keys()
    assert {name: str(path) for name, path in found.items() if not is_in_the_program(name)} == {}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("deldokument.web.transfer.request_body.STALL_SECOND", AttributeError),
        ("deldokument.web.intakes.STALL_SECONDS", ImportError),
        ("STALL_SECONDS", ValueError),
    ],
)
def test_a_constant_that_does_not_exist_is_an_error_of_the_test(
    name: str, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        forked("deldokument.cli.main:app", ["--help"], log=tmp_path / "log", constants={name: die})
