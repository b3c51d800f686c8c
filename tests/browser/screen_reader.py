"""What a screen reader says of a page: Chromium's accessibility tree from top to end, and what live regions announce.

A line is a stop of the reader: role, name, state. The words for roles are those of ARIA. What differs from run to run
(dates, times, identifiers) is replaced.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import BrowserContext, Page

# Read as one stop, because their name is their content.
_WHOLE = frozenset(
    ("button", "checkbox", "columnheader", "combobox", "Date", "DisclosureTriangle", "heading", "img", "InputTime")
) | {"link", "radio", "spinbutton", "tab", "textbox"}
# Announced where they begin; their content is read afterwards.
_AROUND = frozenset(
    ("alert", "banner", "complementary", "contentinfo", "dialog", "form", "group", "list", "listitem", "main")
) | {"navigation", "progressbar", "region", "row", "rowheader", "search", "status", "table", "tablist", "tabpanel"}
# Not announced without a name.
_NAMED = frozenset(("form", "group", "region"))
# The content is read anyway, so the name would be a repetition.
_NAMELESS = frozenset(("listitem", "row", "rowheader"))
_STATES = (
    "checked",
    "expanded",
    "selected",
    "pressed",
    "disabled",
    "required",
    "invalid",
    "readonly",
    "current",
    "focused",
)
_OFF = {"checked": "not checked", "expanded": "collapsed"}
# Chromium's own roles.
_CALLED = {"Date": "date", "DisclosureTriangle": "disclosure", "InputTime": "time"}
_MONTHS = "januar|februar|mars|april|mai|juni|juli|august|september|oktober|november|desember"
_VARYING = (
    (r"/(d|delinger|dokumenter)/[A-Za-z0-9_-]{8,}", r"/\1/…"),
    (r"http://127\.0\.0\.1:\d+", "https://del.example"),
    (r"\b[0-9a-f]{64}\b", "(sjekksum)"),
    (rf"\b(\w+dag )?\d{{1,2}}\. ({_MONTHS})( \d{{4}})?\b", "(dato)"),
    (r"\b\d{4}-\d\d-\d\d\b|\b\d\d\.\d\d\.\d{4}\b", "(dato)"),
    (r"\bkl\. \d\d\.\d\d(\.\d\d)?\b", "kl. (tid)"),
    (r"(?<![\w-])(?=[\w-]*[A-Z0-9_])[\w-]{22}(?![\w-])", "(nøkkel)"),
    (r"\b\d\d:\d\d\b", "(tid)"),
    (r"\b\d+ dager (igjen|fra nå)", r"(antall) dager \1"),
)
_LISTEN = """() => {
    const LIVE = '[role=status], [role=alert], [aria-live]';
    const said = (node) => {
        const region = (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest(LIVE);
        const words = region && region.checkVisibility() && region.innerText.replace(/\\s+/g, ' ').trim();
        if (words) window.announced(words);
    };
    const listener = new MutationObserver((changes) => new Set(changes.map((change) => change.target)).forEach(said));
    const all = { subtree: true, childList: true, characterData: true, attributeFilter: ['hidden'] };
    // What the page opens with is no change.
    addEventListener('DOMContentLoaded', () => listener.observe(document, all));
}"""

Node = dict[str, Any]
_PATIENCE_SECONDS = 60


class ScreenReader:
    """Reads one page, and notes what its live regions announce."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self._announced: list[str] = []
        context.expose_function("announced", self._hear)
        context.add_init_script(f"({_LISTEN})()")
        self._page = page
        self._tree = context.new_cdp_session(page)
        self._tree.send("Accessibility.enable")

    def _hear(self, words: str) -> None:
        if _steady(words) not in self._announced[-1:]:
            self._announced.append(_steady(words))

    def read(self, part: str = "main") -> list[str]:
        """The page's title, and a part of the page from its beginning to its end; all of it as `RootWebArea`."""
        nodes = {node["nodeId"]: node for node in self._tree.send("Accessibility.getFullAXTree")["nodes"]}
        current = self._current()
        for node in nodes.values():
            if node.get("backendDOMNodeId") in current:
                node.setdefault("properties", []).append({"name": "current", "value": {"value": True}})
        root = next(node for node in nodes.values() if _value(node, "role") == part)
        lines = [_steady(line) for line in _read(root, nodes, 0)]
        return [f"page, {_steady(self._page.title())}", *lines]

    def _current(self) -> set[int]:
        """The elements marked as the current one of their kind, which the accessibility tree leaves out."""
        root = self._tree.send("DOM.getDocument")["root"]["nodeId"]
        found = self._tree.send("DOM.querySelectorAll", {"nodeId": root, "selector": "[aria-current]"})["nodeIds"]
        described = [self._tree.send("DOM.describeNode", {"nodeId": each})["node"] for each in found]
        return {node["backendNodeId"] for node in described}

    def wait_for(self, words: str) -> None:
        """Wait until this is announced."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while words not in self._announced:
            assert time.monotonic() < deadline, f"{words!r} was never announced"
            # Let Playwright process events in the meantime.
            self._page.wait_for_timeout(20)

    def hear(self) -> list[str]:
        """What live regions have announced since this was last asked."""
        heard, self._announced = self._announced, []
        return [f"announced, {words}" for words in heard]


def _read(node: Node, nodes: dict[str, Node], depth: int) -> Iterator[str]:
    """A node and what is inside, indented as landmarks and lists are nested."""
    role = "" if node.get("ignored") else _value(node, "role")
    if role in _NAMED and not _value(node, "name"):
        role = ""
    if role in _WHOLE or role in _AROUND:
        yield "  " * depth + _spoken(node, role, nodes)
    elif role == "StaticText":
        yield "  " * depth + re.sub(r"\s+", " ", _value(node, "name")).strip()
    if role in _WHOLE or role == "StaticText":
        return
    for child in _inside(node, nodes):
        yield from _read(child, nodes, depth + (role in _AROUND))


def _spoken(node: Node, role: str, nodes: dict[str, Node]) -> str:
    """Role, level, name, value, states and description."""
    properties = {each["name"]: each["value"].get("value") for each in node.get("properties", ())}
    kind = [_CALLED.get(role, role)]
    if role == "heading":
        kind += [
            f"level {properties['level']}",
            *("link" for child in _inside(node, nodes) if _value(child, "role") == "link"),
        ]
    name = "" if role in _NAMELESS else _value(node, "name")
    states = filter(None, (_state(state, properties.get(state)) for state in _STATES))
    parts = [*kind, name, _value(node, "value"), *states, _value(node, "description")]
    return re.sub(r"\s+", " ", ", ".join(part for part in parts if part))


def _inside(node: Node, nodes: dict[str, Node]) -> list[Node]:
    return [nodes[child] for child in node.get("childIds", ()) if child in nodes]


def _state(state: str, value: object) -> str:
    """How a state is read. That something is off is read only of what a person can turn on."""
    if value in (None, False, "false"):
        return _OFF.get(state, "") if value is not None else ""
    return state if value in (True, "true") else f"{state} {value}"


def _value(node: Node, part: str) -> str:
    return str(node.get(part, {}).get("value", ""))


def _steady(line: str) -> str:
    for pattern, instead in _VARYING:
        line = re.sub(pattern, instead, line)
    return line
