"""Somebody at a browser: pages as they are seen, with everything noted that must never happen on any of them."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Response,
    ViewportSize,
    expect,
)
from playwright.sync_api import TimeoutError as TookTooLong

from tests.support.deployment.deployment import wait_until
from tests.support.deployment.simulators import Form

FRONTEND = Path(__file__).resolve().parents[2] / "frontend"
_AXE = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
Look = tuple[Literal["light", "dark"], int]
WIDE: Look = ("light", 1440)
NARROW: Look = ("dark", 360)
"""Dark changes no more than colours, and they do not follow the width: so one look shows both."""
APART: tuple[Look, ...] = (("dark", 1440), ("light", 360))
"""Where a narrow page shows other elements than a wide one."""
HIGH = "idporten-loa-high"
# Of axe's rules only these depend on colours; all others find the same in light and dark.
_OF_COLOURS = ("color-contrast", "link-in-text-block")
# Only these rules depend on sizes; the others find the same at both widths.
_OF_WIDTH = ("target-size", "scrollable-region-focusable")
# Without preload, because axe would read all styles again for rules about orientation and sound.
_RUN_AXE = """async (rules) => {
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const only = rules ? { runOnly: { type: 'rule', values: rules } } : { rules: { 'target-size': { enabled: true } } };
    const { violations } = await axe.run(document, { resultTypes: ['violations'], preload: false, ...only });
    return violations.map((v) => `${v.id}: ${v.help} ${v.nodes.map((n) => n.html.slice(0, 200)).join(' | ')}`);
}"""
# Nested text matters to a rule only if it names a control or a heading.
_SHOWN = """() => [
    ...document.querySelectorAll(':not(span), :is(a, button, label, legend, summary, th, h1, h2, h3) span')
].map((element) => element.checkVisibility({ visibilityProperty: true }) ? 1 : 0).join('')"""
# Chromium logs every refused request; tests check the pages' reactions to those.
_REFUSED_REQUEST = "Failed to load resource"


class Visitor:
    """A browser of its own (cookies, storage) with one page open. ``problems`` gathers what nobody may ever meet."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        options = {"locale": "nb-NO", "reduced_motion": "reduce", "viewport": {"width": 1440, "height": 900}} | options
        self.context: BrowserContext = browser.new_context(base_url=url, **options)
        self.problems: list[str] = []
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self.problems.append(f"error in a script: {error.error}"))
        self.context.on("response", self._answered)
        self.page: Page = self.context.new_page()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_REFUSED_REQUEST):
            self.problems.append(f"console on {message.page.url if message.page else '?'}: {message.text}")

    def _answered(self, response: Response) -> None:
        fault = response.status >= 500 and response.status not in (503, 507)
        if fault or ("/static/" in response.url and response.status >= 400):
            self.problems.append(f"{response.request.method} {response.url} answered {response.status}")

    def close(self) -> None:
        """End, and fail if anything happened that nobody may meet."""
        self.context.close()
        assert self.problems == [], self.problems

    def open(self, path: str) -> int:
        """Go to a path of the service; the status of the page that it ended at."""
        response = self.page.goto(path)
        assert response is not None
        return response.status

    def log_in(self, name: str, to: str = "/") -> None:
        """Through the simulated ID-porten, as a person of the cast, to the path ``to``."""
        self.page.goto(f"/logg-inn?neste={to}")
        # A person already logged in at ID-porten returns at once.
        if not self.page.url.startswith(self.url):
            self.choose_person(name)

    def enter(self, name: str, to: str = "") -> None:
        """Log in by the same requests with no page drawn for them; then open the path ``to``, if any.

        The browser has the cookies of both the service and ID-porten afterwards.
        """
        request = self.context.request
        people = request.get("/logg-inn?neste=/")
        link = urljoin(people.url, Form(people.text()).links[name])
        form = Form(request.get(link).text())
        fields = {**form.fields, "level": HIGH, "action": "login"}
        answer = request.post(urljoin(link, form.action), form=fields)
        assert answer.status == 200
        assert answer.url in {f"{self.url}/", f"{self.url}/mine"}, answer.url
        if to:
            self.open(to)

    def open_checked(self, path: str) -> None:
        """Open the link once its documents have been checked."""
        request = self.context.request
        wait_until(lambda: "data-checking" not in request.get(path).text(), 60, f"{path} is still being checked")
        assert self.open(path) == 200

    def reload_until(self, shown: Locator, count: int = 1) -> None:
        """Load the page again until it shows so many: what follows upon an answer is written down a moment after it."""

        def there() -> bool:
            self.page.reload()
            return shown.count() == count

        wait_until(there, 60, f"{self.page.url} never showed {count} of {shown}")

    def choose_person(self, name: str) -> None:
        """At the simulated ID-porten: pick a person of the cast, and log in."""
        self.page.get_by_role("link", name=name).click()
        self.page.get_by_role("button", name="Logg inn").click()
        self.page.wait_for_url(f"{self.url}/**")

    def is_logged_out(self) -> None:
        """Wait until the browser is back from ID-porten, whose own page says so too."""
        self.page.wait_for_url(f"{self.url}/logget-ut**")
        expect(self.page.get_by_role("heading", name="Du er logget ut")).to_be_visible()

    def looks(self, *looks: Look) -> Iterator[Look]:
        """The page as it looks in each, one after the other; then as it was."""
        before = self.page.viewport_size
        for scheme, width in looks:
            self.page.emulate_media(color_scheme=scheme)
            self._resize({"width": width, "height": 900 if width > 600 else 740})
            yield scheme, width
        self.page.emulate_media(color_scheme="null")
        self._resize(before)

    def _resize(self, size: ViewportSize | None) -> None:
        if size and size != self.page.viewport_size:
            self.page.set_viewport_size(size)

    def examine(self) -> None:
        """axe finds nothing on the page, and nothing sticks out at its side, however it is looked at.

        All rules of axe run in light and wide. In dark and narrow those run that look at colours or sizes. If narrow
        shows other elements than wide, those that look at colours run in dark and wide, and all rules in light and
        narrow.
        """
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(_AXE.read_text("utf-8"))
        wide, apart = "", False
        for look in self.looks(WIDE, NARROW):
            shown = self.page.evaluate(_SHOWN)
            wide = wide or shown
            apart = shown != wide
            if not apart:
                self._find_nothing(look, () if look == WIDE else _OF_COLOURS + _OF_WIDTH)
        if apart:
            for look, rules in zip(self.looks(*APART), (_OF_COLOURS, ()), strict=True):
                self._find_nothing(look, rules)

    def _find_nothing(self, look: Look, rules: Sequence[str]) -> None:
        """Without ``rules``: by all of them."""
        # Scroll down, because further up the bar with the share button covers part of the page.
        self.page.evaluate("scrollTo(0, document.body.scrollHeight)")
        found = [*self.page.evaluate(_RUN_AXE, list(rules) or None), *sideways(self.page)]
        assert found == [], f"{self.page.url}, {' at '.join(map(str, look))}: {json.dumps(found, indent=1)}"


Visit = Callable[..., Visitor]
"""The fixture ``visit``: makes a visitor, logged in when a name is given, at a path when one is."""


def sideways(page: Page) -> list[str]:
    """What makes the page wider than its window; empty when nothing does."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"the page is {wide} pixels wider than its window"] if wide > 0 else []


class SharePage:
    """«Del dokumenter» as a caseworker uses it."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.page = visitor.page

    def open(self) -> None:
        """An empty form."""
        self.visitor.open("/del")
        expect(self.page.get_by_role("heading", name="Del dokumenter")).to_be_visible()

    @property
    def draft_path(self) -> str:
        """Where the draft is taken up again."""
        self.page.wait_for_url("**/del?utkast=*")
        return self.page.url.removeprefix(self.visitor.url)

    def drop(self, *paths: Path) -> None:
        """Drop files or folders on the page, as from a window beside the browser's."""
        session = self.page.context.new_cdp_session(self.page)
        held = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 200, "data": held})
        session.detach()

    def choose(self, *files: Path) -> None:
        """Files by the picker."""
        self.page.get_by_label("Filer", exact=True).set_input_files(list(files))

    def rows(self, name: str) -> Locator:
        """The rows of a list that is called ``name``."""
        return self.page.get_by_role("list", name=name).get_by_role("listitem")

    def file(self, name: str) -> Locator:
        """The row of a chosen file."""
        return self.rows("Valgte dokumenter").filter(has_text=name)

    def recipient(self, shown: str) -> Locator:
        """The row of a recipient."""
        return self.rows("De som kan åpne delingen").filter(has_text=shown)

    def add(self, *numbers: str) -> None:
        """Recipients, typed into the field and added."""
        self.page.get_by_label("Mottakere", exact=True).fill("\n".join(numbers))
        self.page.get_by_role("button", name="Legg til", exact=True).click()

    def confirm_all(self) -> None:
        """The numbers have been checked, the original is in the archive."""
        rows = self.rows("De som kan åpne delingen")
        # A recipient gets a row after the server's response; before that there is no box to tick.
        expect(rows.first).to_be_visible()
        for box in rows.get_by_role("checkbox").all():
            box.check()
        self.page.get_by_label("Originalene er arkivert").check()

    def publish(self) -> str:
        """«Del dokument»; the link. What still goes up is waited for."""
        self.page.get_by_role("button", name="Del dokument", exact=True).click()
        try:
            self.page.wait_for_url("**/delinger/*/delt", timeout=60_000)
        except TookTooLong:
            said = self.page.locator("main").inner_text()
            pytest.fail(f"not shared; the page says: {said}; {self.visitor.problems}")
        return self.page.locator("#share-link").inner_text()

    def share(self, file: Path, *numbers: str, title: str = "") -> str:
        """A whole share of one file; the path of the link."""
        self.open()
        self.choose(file)
        self.add(*numbers)
        expect(self.rows("De som kan åpne delingen")).to_have_count(len(numbers))
        self.page.get_by_label("Tittel").fill(title)
        self.confirm_all()
        return self.publish().removeprefix(self.visitor.url)
