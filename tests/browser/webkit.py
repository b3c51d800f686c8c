"""Debian's WebKitGTK over WebDriver classic: WebKitWebDriver drives the MiniBrowser on a screen in memory."""

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from tests.browser.driver import CANDIDATES, PATIENCE_SECONDS, Driver, DriverError, running
from tests.support.deployment.deployment import wait_until
from tests.support.servers.ports import NO_TLS, free_ports

_MINI_BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"
_SCREEN = ["Xvfb", "-displayfd", "1", "-screen", "0", "1440x1000x24", "-nolisten", "tcp"]
_REFERENCE = "element-6066-11e4-a52e-4f735466cecf"
"""The key of a reference to an element, by the standard."""


class WebKit(Driver):
    """WebKit with folders of its own. It has no list of downloads in which one could be resumed."""

    def __init__(self, folder: Path, proxy: str) -> None:
        self.downloads = folder / "downloads"
        self._folder, self._proxy, self._session = folder, proxy, ""

    def start(self, started: ExitStack) -> None:
        config = self._folder / "config"
        for directory in (self.downloads, config):
            directory.mkdir()
        (config / "user-dirs.dirs").write_text(f'XDG_DOWNLOAD_DIR="{self.downloads}"\n')
        homes = {"HOME": self._folder, "XDG_CONFIG_HOME": config, "XDG_RUNTIME_DIR": self._folder}
        environment = os.environ | {name: str(home) for name, home in homes.items()}
        screen = started.enter_context(running(_SCREEN, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
        assert screen.stdout is not None
        environment |= {"DISPLAY": f":{screen.stdout.readline().strip()}", "LIBGL_ALWAYS_SOFTWARE": "1"}
        [port] = free_ports(1)
        started.enter_context(running(["WebKitWebDriver", f"--port={port}"], env=environment))
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS, **NO_TLS)
        self._http = started.enter_context(client)
        wait_until(self._is_ready, PATIENCE_SECONDS, "WebKitWebDriver did not start")
        options = {"binary": _MINI_BROWSER, "args": ["--automation", f"--proxy=socks5://{self._proxy}"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        self._session = f"/session/{self._send('POST', '/session', capabilities=wanted)['sessionId']}"
        started.callback(self._send, "DELETE", "")

    def _is_ready(self) -> bool:
        try:
            return self._http.get("/status").is_success
        except httpx.TransportError:
            return False

    def _send(self, method: str, path: str, **body: Any) -> Any:
        answer = self._http.request(method, f"{self._session}{path}", json=body if method == "POST" else None)
        value = answer.json()["value"]
        if answer.is_error:
            raise DriverError(f"{path}: {value['error']} {value['message']}")
        return value

    def open(self, url: str) -> None:
        self._send("POST", "/url", url=url)

    def _select(self, selector: str) -> list[str]:
        found = self._send("POST", "/elements", using="css selector", value=selector)
        return [element[_REFERENCE] for element in found]

    def find(self, role: str, name: str) -> list[str]:
        return [each for each in self._select(CANDIDATES[role]) if self._is(each, role, name)]

    def _is(self, element: str, role: str, name: str) -> bool:
        asked = (self._send("GET", f"/element/{element}/{part}") for part in ("computedlabel", "computedrole"))
        try:
            return next(asked) == name and next(asked) == role
        except DriverError:
            # A hidden element has neither.
            return False

    def click(self, element: str) -> None:
        self._send("POST", f"/element/{element}/click")

    def type(self, element: str, text: str) -> None:
        self._send("POST", f"/element/{element}/value", text=text)

    def choose_file(self, selector: str, path: Path) -> None:
        [element] = self._select(selector)
        self._send("POST", f"/element/{element}/value", text=str(path))

    def evaluate(self, expression: str) -> Any:
        return self._send("POST", "/execute/sync", script=f"return {expression}", args=[])
