"""What locust runs: people who share, people who receive and systems that list, each with pauses to think.

    BENCH_MIX=given.json locust --locustfile bench/load/mix.py --headless …

What they need (sessions, a token, shares to open) is in the file that BENCH_MIX names; see `bench.load.carried`.
"""

import json
import os
import random
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, task

GIVEN: dict[str, Any] = json.loads(Path(os.environ["BENCH_MIX"]).read_text())
CONTENT = b"%PDF-1.7" + os.urandom(GIVEN["length"] - 8)
TUS = {"Tus-Resumable": "1.0.0"}


class Person(FastHttpUser):
    """Somebody with a browser."""

    abstract = True
    wait_time = between(0.5, 1.5)

    def get(self, name: str, path: str, **headers: str) -> None:
        """As a recipient."""
        self.client.get(path, name=name, headers={**GIVEN["recipient"], **headers})


class Sharer(Person):
    """Shares a document, then looks at the list."""

    weight = 2

    @task(2)
    def share(self) -> None:
        """Create, upload, publish."""
        kari, base = GIVEN["sharer"], "/del/utkast"
        draft = self._answer("POST", base, json={"account_id": GIVEN["form"]["account_id"]})["draft"]["id"]
        self._answer("PUT", f"{base}/{draft}", json=GIVEN["form"])
        people = f"{base}/{draft}/mottakere"
        for one in self._answer("POST", people, json={"text": GIVEN["number"]})["draft"]["recipients"]:
            self._answer("PUT", f"{people}/{one['id']}", json={"confirmed": True})
        file = {"name": "vedtak.pdf", "length": len(CONTENT), "modified_at": None}
        token = self._answer("POST", f"{base}/{draft}/dokumenter", json=file)["upload"]["token"]
        tus = {**TUS, "Authorization": f"Bearer {token}"}
        with self.client.post(
            "/uploads", name="share: upload", headers={**tus, "Upload-Length": str(len(CONTENT))}
        ) as created:
            path = created.headers["location"]
        offset = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        self.client.patch(path, name="share: upload", headers=offset, data=CONTENT)
        self.client.post(f"{base}/{draft}/publisering", name="share: publish", headers=kari, json={})

    @task
    def look(self) -> None:
        """«Delinger»."""
        self.client.get("/delinger", name="list: sender's", headers=GIVEN["sharer"])

    def _answer(self, method: str, path: str, **given: Any) -> Any:
        answer = self.client.request(method, path, name="share: create", headers=GIVEN["sharer"], **given)
        return answer.json()


class Recipient(Person):
    """Opens a share, downloads from it, looks at what else there is."""

    weight = 6

    @task(3)
    def receive(self) -> None:
        """The page, then a document."""
        page, document = random.choice(GIVEN["shares"])
        self.get("receive: page", page)
        self.get("receive: download", document)

    @task
    def part(self) -> None:
        """The end of a large document."""
        self.get("range", GIVEN["large"], Range="bytes=-65536")

    @task
    def inbox(self) -> None:
        """«Delt med meg»."""
        self.get("list: recipient's", "/mine")


class System(Person):
    """A fagsystem that follows its shares."""

    weight = 1

    @task
    def follow(self) -> None:
        """The API's list."""
        self.client.get("/api/v1/shares", name="list: API", headers=GIVEN["system"])
