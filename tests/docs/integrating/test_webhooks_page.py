"""What the page on webhooks says to verify with verifies."""

import base64
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from deldokument.crypto.webhooks import new_secret, signature
from deldokument.domain.messages.webhook import WebhookEvent
from tests.docs.documents import DOCS, table

PAGE = (DOCS / "webhooks.md").read_text("utf-8")
BODY = '{"id":"m","type":"share.ended","share_id":"æ"}\n'.encode()


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    return str(found)


def call(secret: str, timestamp: int) -> dict[str, str]:
    signed = signature(secret, "m", timestamp, BODY)
    return {"webhook-id": "m", "webhook-timestamp": str(timestamp), "webhook-signature": signed}


def test_the_python_on_the_page_believes_what_is_genuine_and_fresh_and_nothing_else() -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    secret, now = new_secret(), int(time.time())
    genuine = call(secret, now)
    assert names["is_genuine"](secret, genuine, BODY)
    two = f"v1,{base64.b64encode(bytes(32)).decode()} {genuine['webhook-signature']}"
    assert names["is_genuine"](secret, genuine | {"webhook-signature": two}, BODY)
    assert not names["is_genuine"](secret, genuine, BODY.replace(b"ended", b"added"))
    assert not names["is_genuine"](secret, genuine | {"webhook-id": "n"}, BODY)
    assert not names["is_genuine"](new_secret(), genuine, BODY)
    assert not names["is_genuine"](secret, call(secret, now - 3600), BODY)


@pytest.mark.parametrize(("sent", "verdict"), [(BODY, "genuine"), (BODY + b" ", "forged")])
def test_the_command_line_on_the_page_distinguishes_genuine_from_forged(
    tmp_path: Path, sent: bytes, verdict: str
) -> None:
    secret = new_secret()
    (tmp_path / "body.json").write_bytes(sent)
    given = call(secret, 1795518000)
    variables = {name.removeprefix("webhook-"): value for name, value in given.items()} | {"secret": secret}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("bash")],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.strip(), done.stderr) == (verdict, "")


def test_the_page_explains_every_event_and_no_other() -> None:
    assert [row[0].strip("`") for row in table(PAGE, "Register")] == [event.value for event in WebhookEvent]
