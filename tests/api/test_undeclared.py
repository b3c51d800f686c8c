"""What a route does not declare is refused by name, at every route of the OpenAPI document."""

import json

import httpx
import pytest

from deldokument.services.auth import programs
from tests.api.test_shares import faults
from tests.services.auth.test_own_sessions import log_in
from tests.services.auth.test_programs import CHALLENGE, VERIFIER
from tests.support.stage.api import System, Systems
from tests.support.stage.stage import OLA

INVENTED = "A" * 22


def operations(cast: Systems) -> list[tuple[str, str]]:
    paths = cast.nobody.get("/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def caller(cast: Systems, path: str) -> System:
    """The caller with access to the path: a system, or Ola's program."""
    if not path.startswith("/offers/"):
        return cast.sharer
    _, session = log_in(cast.web.stage, OLA)
    code = programs.issue_code(cast.web.stage.deps, session, INVENTED, CHALLENGE)
    return System(cast.web.browser(), programs.redeem_code(cast.web.stage.deps, INVENTED, code, VERIFIER).token)


def address(path: str) -> str:
    names = ("share_id", "document_id", "recipient_id", "webhook_id", "delivery_id")
    return path.format(**dict.fromkeys(names, INVENTED))


def refused_field(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return faults(answer)


def test_every_route_refuses_a_parameter_that_it_does_not_have(cast: Systems) -> None:
    walked = operations(cast)
    assert len(walked) == 30
    for method, path in walked:
        for query in ("tittel=x", "tittel"):
            sent = {} if method in {"GET", "DELETE"} else {"body": None}
            answer = caller(cast, path).call(method, f"{address(path)}?{query}", **sent)
            assert refused_field(answer)["tittel"] == "parameter_unknown", (method, path)


def test_every_route_refuses_a_field_that_it_does_not_have(cast: Systems) -> None:
    for method, path in operations(cast):
        if method in {"GET", "DELETE"}:
            continue
        form = {"files": {"tittel": (None, b"x")}} if path == "/small-shares" else {"body": {"tittel": "x"}}
        answer = caller(cast, path).call(method, address(path), **form)
        assert refused_field(answer)["tittel"] == "field_unknown", (method, path)


def test_a_list_with_an_unknown_filter_is_refused(cast: Systems) -> None:
    cast.sharer.post("/shares", {"account_id": cast.web.stage.byggesak.id, "title": "Vedtak"})
    answer = cast.sharer.get("/shares?title=Klage&state=draft&recipient=312824450")
    assert refused_field(answer) == {"recipient": "parameter_unknown", "title": "parameter_unknown"}
    assert cast.sharer.call("HEAD", "/shares?title=Klage").status_code == 422


def test_an_invalid_field_name_is_not_echoed(cast: Systems) -> None:
    for name in (OLA, "<script>", "", "x" * 41):
        answer = cast.sharer.get("/shares", params={name: "1"})
        assert refused_field(answer) == {"?": "parameter_unknown"}


@pytest.mark.parametrize("content", [b"", b"{}", b" {} "])
def test_a_route_without_a_body_accepts_an_empty_one(cast: Systems, content: bytes) -> None:
    share_id = cast.web.stage.publish(OLA)
    answer = cast.sharer.post(
        f"/shares/{share_id}/withdrawal", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200


def test_a_withdrawal_with_a_field_withdraws_nothing(cast: Systems) -> None:
    share_id = cast.web.stage.publish(OLA)
    answer = cast.sharer.post(f"/shares/{share_id}/withdrawal", {"expires_at": "2026-12-04T12:00:00Z"})
    assert refused_field(answer) == {"expires_at": "field_unknown"}
    assert cast.sharer.get(f"/shares/{share_id}").json()["state"] == "available"
    broken = cast.sharer.post(
        f"/shares/{share_id}/withdrawal", content=json.dumps(["x"]), headers={"Content-Type": "application/json"}
    )
    assert faults(broken) == {"body": "body_malformed"}
