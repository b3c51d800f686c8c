"""The commands of the pages name files and images by their version: that of this checkout."""

import re

from deldokument import __version__
from tests.docs.documents import DOCS
from tests.support.deployment.operating_page import fenced

_NAMED = re.compile(r"deldokument[-:](\d+\.\d+\.\d+)")
# An upgrade leads to the patch that comes next.
_NEXT = re.sub(r"\d+$", lambda patch: str(int(patch[0]) + 1), __version__)


def test_the_commands_of_the_pages_name_this_version_or_its_next_patch() -> None:
    blocks = {page.name: fenced(page.read_text("utf-8"), "bash") for page in DOCS.rglob("*.md")}
    named = {name: set(_NAMED.findall("".join(text))) for name, text in blocks.items() if _NAMED.search("".join(text))}
    assert {"containers.md", "install.md", "upgrading.md", "releasing.md"} <= named.keys()
    assert {name for name, versions in named.items() if not versions <= {__version__, _NEXT}} == set()
