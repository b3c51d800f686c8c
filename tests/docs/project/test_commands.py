"""What the pages say to type exists."""

import re

from tests.docs.documents import ROOT, pages

_HELP = (ROOT / "tests" / "cli" / "help.txt").read_text("utf-8")
_COMMANDS = {
    line.removeprefix("$ deldokument ").removesuffix(" --help") for line in _HELP.splitlines() if line[:1] == "$"
}
_TYPED = re.compile(r"`deldokument ((?:[a-z][a-z-]+)(?: [a-z][a-z-]+)?)([^`]*)`")


def unknown(text: str) -> list[str]:
    """The commands and options in code that the program does not have."""
    groups = {command.partition(" ")[0] for command in _COMMANDS if " " in command}
    found = []
    for words, rest in _TYPED.findall(text):
        command = words if words.partition(" ")[0] in groups else words.partition(" ")[0]
        found += [] if command in _COMMANDS else [command]
        found += [option for option in re.findall(r"--[a-z-]+", rest) if option not in _HELP]
    return found


def test_every_command_on_a_page_is_one_of_the_program() -> None:
    assert {path: found for path in pages() if (found := unknown(path.read_text("utf-8")))} == {}


def test_a_command_that_is_no_more_is_found() -> None:
    assert unknown(
        "`deldokument tenant add-account` `deldokument tenant create --nobody` `deldokument tenant list`"
    ) == [
        "tenant add-account",
        "--nobody",
    ]
