"""Reading the project's own pages: their tables, links and headings."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.M | re.S)
_CODE = re.compile(r"`[^`\n]*`")


def pages() -> list[Path]:
    """Every page of the project: those at the top, and all in docs."""
    return sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def links(page: str) -> list[str]:
    """The targets of a page's links and images that lie in the project."""
    prose = _CODE.sub("", _FENCE.sub("", page))
    return [target for target in _LINK.findall(prose) if "://" not in target and not target.startswith("mailto:")]


def anchors(page: str) -> set[str]:
    """What a page's headings are called in links, as code hosts make them."""
    titles = re.findall(r"^#+ +(.*?) *$", _FENCE.sub("", page), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_links(path: Path) -> list[str]:
    """Links of the page at ``path`` that lead nowhere."""
    dead = []
    for target in links(path.read_text("utf-8")):
        name, _, anchor = target.partition("#")
        goal = (path.parent / name).resolve() if name else path
        if not goal.exists() or (anchor and anchor not in anchors(goal.read_text("utf-8"))):
            dead.append(target)
    return dead


def table(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its head."""
    section = re.split(rf"^#+ +{re.escape(heading)} *$", page, maxsplit=1, flags=re.M)[1]
    rows = re.findall(r"^\|(.*)\|$", section.split("\n#", 1)[0], re.M)
    return [[cell.strip() for cell in row.split("|")] for row in rows[2:]]
