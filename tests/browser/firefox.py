"""Debian's Firefox ESR over WebDriver BiDi: it listens itself, without geckodriver.

Playwright's own BiDi asks for commands that this version does not have.
"""

import json
import re
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from tests.browser.driver import CANDIDATES, PATIENCE_SECONDS, Driver, DriverError, running
from tests.support.deployment.deployment import wait_until

_PROGRAM = "/usr/bin/firefox-esr"
_PREFERENCES = {
    # Without it, Firefox uses no proxy for this machine.
    "network.proxy.allow_hijacking_localhost": True,
    "intl.accept_languages": "nb-NO",
    "browser.download.alwaysOpenPanel": False,
}
# The action of «Try again» in the list of downloads after a failed download.
_TRY_AGAIN = """(async () => {
    const { Downloads } = ChromeUtils.importESModule('resource://gre/modules/Downloads.sys.mjs');
    const [download] = await (await Downloads.getList(Downloads.ALL)).getAll();
    if (!download.stopped) await download.start().catch(() => null);
    await download.start();
})()"""


class Firefox(Driver):
    """Firefox without a screen, with a profile of its own."""

    def __init__(self, folder: Path, proxy: str) -> None:
        self.downloads = folder / "downloads"
        self._folder, self._proxy, self._ids = folder, proxy, count()

    def start(self, started: ExitStack) -> None:
        profile, log = self._folder / "profile", self._folder / "firefox.log"
        for directory in (self.downloads, profile):
            directory.mkdir()
        # Set here, because the folder set by BiDi keeps no part of a broken download.
        preferences = _PREFERENCES | {"browser.download.folderList": 2, "browser.download.dir": str(self.downloads)}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items()]
        (profile / "user.js").write_text("\n".join(lines))
        words = [_PROGRAM, "--headless", "--remote-debugging-port=0", "--remote-allow-system-access"]
        output = started.enter_context(log.open("w"))
        started.enter_context(running([*words, "--profile", str(profile)], stdout=output, stderr=output))
        self._socket = started.enter_context(connect(f"{_address(log)}/session", max_size=None, ping_interval=None))
        manual = {"proxyType": "manual", "socksProxy": self._proxy, "socksVersion": 5}
        self._send("session.new", capabilities={"alwaysMatch": {"proxy": manual}})
        self._window = self._send("browsingContext.getTree")["contexts"][0]["context"]

    def _send(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(PATIENCE_SECONDS))
            if answer.get("id") == number:
                break
        if answer["type"] == "error":
            raise DriverError(f"{method}: {answer['message']}")
        return answer["result"]

    def open(self, url: str) -> None:
        self._send("browsingContext.navigate", context=self._window, url=url, wait="complete")

    def find(self, role: str, name: str) -> list[str]:
        if candidates := self._locate(type="css", value=CANDIDATES[role]):
            return self._locate(candidates, type="accessibility", value={"role": role, "name": name})
        return []

    def _locate(self, among: Sequence[str] = (), **locator: Any) -> list[str]:
        start = {"startNodes": [{"sharedId": element} for element in among]} if among else {}
        found = self._send("browsingContext.locateNodes", context=self._window, locator=locator, **start)
        return [node["sharedId"] for node in found["nodes"]]

    def click(self, element: str) -> None:
        self._call("element => element.scrollIntoView({ block: 'center', behavior: 'instant' })", element)
        target = {"type": "element", "element": {"sharedId": element}}
        moves = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": target},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._perform({"type": "pointer", "id": "mouse", "actions": moves})

    def type(self, element: str, text: str) -> None:
        self._call("element => element.focus()", element)
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self._perform({"type": "key", "id": "keyboard", "actions": keys})

    def choose_file(self, selector: str, path: Path) -> None:
        [element] = self._locate(type="css", value=selector)
        self._send("input.setFiles", context=self._window, element={"sharedId": element}, files=[str(path)])

    def evaluate(self, expression: str) -> Any:
        found = self._call(f"async () => JSON.stringify(await ({expression}))")
        return json.loads(found["value"]) if "value" in found else None

    def resume_download(self) -> None:
        """Go on with the download that broke, as a person would in Firefox's own list."""
        self.open("about:downloads")
        self.evaluate(_TRY_AGAIN)

    def _perform(self, source: dict[str, Any]) -> None:
        self._send("input.performActions", context=self._window, actions=[source])

    def _call(self, function: str, *elements: str) -> dict[str, Any]:
        answer = self._send(
            "script.callFunction",
            functionDeclaration=function,
            target={"context": self._window},
            arguments=[{"sharedId": element} for element in elements],
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise DriverError(answer["exceptionDetails"]["text"])
        found: dict[str, Any] = answer["result"]
        return found


def _address(log: Path) -> str:
    """Where Firefox says that it listens."""
    found: list[str] = []

    def listening() -> bool:
        found.extend(re.findall(r"WebDriver BiDi listening on (ws://\S+)", log.read_text()))
        return bool(found)

    wait_until(listening, PATIENCE_SECONDS, "Firefox did not start")
    return found[0]
