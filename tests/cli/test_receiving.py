"""`deldokument receive` without a service: what it refuses, and how it ends."""

import pytest
from typer.testing import CliRunner

from deldokument.cli.sending import sender, sender_console

pytestmark = pytest.mark.once


@pytest.mark.parametrize("link", ["nowhere", "http://del.example/d/x", "https://del.example/delinger/x"])
def test_an_invalid_link_ends_with_one_line_of_error(link: str) -> None:
    done = CliRunner().invoke(sender.program(), ["receive", link, "--no-browser"])
    assert done.exit_code == sender_console.EXIT_HERE
    assert done.stdout == ""
    assert "not the link of a share" in done.stderr
