"""The page for those who connect a fagsystem is run as it stands, against a whole deployment."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from deldokument.domain.shares.scan_policy import DEFAULT_POLICY, Handling, handling_of
from deldokument.domain.shares.share import Verdict
from deldokument.services.accounts.integrations import add_integration
from tests.docs.documents import DOCS, table
from tests.support.deployment.deployment import OLA, Deployment, wait_until

PAGE = (DOCS / "integrating.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(bash|json)\n(.*?)^```", PAGE, re.M | re.S)
CLIENT, BRYGGA = "fagsystem", "311905007"
"""An organisation that has no other integration with the deployment, which suites share."""
_SECONDS = 120
"""As ``Deployment.publish``: the worker that inspects is niced, so on a busy machine it gets what the others leave."""


class Shell:
    """A bash that runs one block after the other, and ends at the first command that fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        self._process = subprocess.Popen(
            ["bash", "-euo", "pipefail"], cwd=folder, env=environment, stdin=subprocess.PIPE, text=True
        )

    def run(self, block: str) -> str:
        """What the block wrote."""
        self._count += 1
        out, faults, done = (self._folder / f".{name}.{self._count}" for name in ("out", "err", "done"))
        assert self._process.stdin
        self._process.stdin.write(f"{{\n{block}\n}} > {out} 2> {faults}\n: > {done}\n")
        self._process.stdin.flush()
        wait_until(lambda: done.exists() or self._process.poll() is not None, _SECONDS, f"too long:\n{block}")
        assert done.exists(), f"{block}\n{out.read_text()}\n{faults.read_text()}"
        return out.read_text("utf-8")

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(_SECONDS)


@pytest.fixture
def shell(tmp_path: Path, deployment: Deployment) -> Iterator[Shell]:
    opened = Shell(tmp_path)
    yield opened
    opened.close()
    # Shown if the test has failed: what the server and the worker were at.
    sys.stdout.write(deployment.log_text())


def values(text: str) -> list[Any]:
    """The JSON values that stand one after the other."""
    found, decoder, rest = [], json.JSONDecoder(), text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].lstrip()
    return found


_RANDOM = re.compile(r"[\w-]{22}|https://\S+|.*…")


def alike(shown: Any, actual: Any) -> bool:
    """Whether an answer is what the page shows: the same but for ids, addresses and words that are left out."""
    if isinstance(shown, dict) and isinstance(actual, dict):
        return list(shown) == list(actual) and all(alike(shown[name], actual[name]) for name in shown)
    if isinstance(shown, list) and isinstance(actual, list):
        return len(shown) == len(actual) and all(map(alike, shown, actual))
    if isinstance(shown, str) and isinstance(actual, str) and _RANDOM.fullmatch(shown):
        return len(actual) > 0
    return type(shown) is type(actual) and bool(shown == actual)


def own_values(deployment: Deployment, folder: Path) -> dict[str, str]:
    """The values that a reader fills in: an integration of Brygga's on «Byggesak», and its client."""
    deployment.registers.register_consumer(CLIENT, BRYGGA)
    deps = deployment.node.deps
    with deps.database.read() as tx:
        tenant = next(one for one in tx.tenants.all() if one.name == "Eksempel kommune")
        account = next(one for one in tx.accounts.of_tenant(tenant.id) if one.name == "Byggesak")
        is_there = any(one.organization_number == BRYGGA for one in tx.integrations.of_account(account.id))
    if not is_there:
        add_integration(deps, tenant_id=tenant.id, account_id=account.id, organization_number=BRYGGA)
    key = RSAKey.import_key(deployment.registers.client_key)
    (folder / "client-key.pem").write_bytes(key.as_pem(private=True))
    return {
        "del": deployment.url,
        "maskinporten": deployment.registers.maskinporten_issuer,
        "scope": "deldokument:share",
        "client_id": CLIENT,
        "key": "client-key.pem",
        "kid": str(key.kid),
    }


def fill_in(block: str, own: dict[str, str]) -> str:
    """The first block of the page with the reader's own values; it asks for these and no others."""
    names = re.findall(r"^(\w+)=", block, re.M)
    assert names == list(own)
    return "\n".join(f"{name}={value!r}" for name, value in own.items())


def ola_downloads(deployment: Deployment, share_id: str) -> None:
    """The recipient opens the link and gets the document, once it has been inspected; it has been written down."""
    ola = deployment.session(OLA)
    [path] = deployment.document_paths(share_id)
    assert ola.get(f"/d/{share_id}").status_code == 200
    wait_until(lambda: ola.get(path).status_code == 200, _SECONDS, "the document is not handed out")

    def is_written_down() -> bool:
        with deployment.node.deps.database.read() as tx:
            return any(receipt.completed_at for receipt in tx.receipts.of_shares([share_id]))

    # The receipt follows a moment after the last byte.
    wait_until(is_written_down, _SECONDS, "the download has no receipt")


def test_every_command_on_the_page_does_what_the_page_says(
    deployment: Deployment, shell: Shell, tmp_path: Path
) -> None:
    own = own_values(deployment, tmp_path)
    assert BLOCKS[0][0] == "bash"
    shell.run(fill_in(BLOCKS[0][1], own))
    output = ""
    for language, block in BLOCKS[1:]:
        if language == "json":
            assert len(values(block)) == len(values(output)), output
            for shown, value in zip(values(block), values(output), strict=True):
                assert alike(shown, value), f"the page shows {shown}\nthe answer is {value}"
            continue
        if "/receipts" in block:
            ola_downloads(deployment, shell.run('printf %s "$share"'))
        output = shell.run(block)


def test_the_page_names_every_verdict_and_whether_recipients_get_the_document() -> None:
    rows = {row[0].strip("`"): row[2] for row in table(PAGE, "Malware")[1:]}
    assert {name for name in rows} == {verdict.value for verdict in Verdict}
    for verdict in Verdict:
        is_refused = handling_of(DEFAULT_POLICY, verdict) is Handling.REFUSED
        assert rows[verdict].partition(",")[0].partition(":")[0] == ("no" if is_refused else "yes")


def test_the_page_names_every_handling() -> None:
    assert [row[0].strip("`") for row in table(PAGE, "Who gets a document")] == ["null", "waiting", *Handling]


def test_a_difference_is_found() -> None:
    assert alike({"a": [1, "h1VxsqZ4PeHZ9F2mSxTrmw"]}, {"a": [1, "other"]})
    for other in ({"a": [2, "x"]}, {"b": [1, "x"]}, {"a": [1, ""]}, {"a": [1]}, {"a": [True, "x"]}, {}):
        assert not alike({"a": [1, "h1VxsqZ4PeHZ9F2mSxTrmw"]}, other)
