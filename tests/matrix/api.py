"""Routes of the API x who calls x the share's state: every route of its OpenAPI document.

The committed table is tests/matrix/api.txt; it is written anew together with routes.txt (see table.py). ``session`` is
a logged-in member of the account without a token; ``expired`` and ``no-scope`` come with tokens that are refused.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from deldokument.domain.errors import ScopeMissing, TokenRefused
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.services.shares.drafts import api_drafts, drafts
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.uploads import append
from tests.support.browser import Web, serve, stage_in_memory
from tests.support.stage.api import System, Systems, systems
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, OLA, SIV, Stage

GOLDEN = Path(__file__).with_name("api.txt")
ACTORS = ("no-token", "session", "expired", "no-scope", "no-rights", "other-tenant", "read", "share")
STATES = ("draft", "available", "withdrawn", "ended")
PLAIN_STATE = "available"
"""The state in which rows are asked that name no share."""
_UNKNOWN = {"share_id": "A" * 22, "recipient_id": "B" * 22, "document_id": "cc" * 16, "webhook_id": "D" * 22}
_UNKNOWN |= {"delivery_id": "E" * 22}
_SYSTEM = Consumer(OrganizationNumber("312824450"))


@dataclass(slots=True)
class Outcome:
    """Every status by route, state and actor, and what was found wrong while asking."""

    statuses: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Scene:
    """The systems before an application, and ids of a share in the state that nobody has changed yet."""

    web: Web
    cast: Systems
    actors: dict[str, System]
    state: str
    ids: dict[str, str] | None = None

    def case(self) -> dict[str, str]:
        """The ids that paths need."""
        if self.ids is None:
            self.ids = _case(self, self.state)
        return self.ids


def routes() -> list[str]:
    """``METHOD /path`` of every route."""
    with stage_in_memory() as stage:
        web = serve(stage)
        document = System(web.browser(), None).get("/openapi.json").json()
        web.close()
    found = [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]
    return sorted(found, key=lambda row: (row.split(" ")[1], row))


def survey(rows: list[str]) -> Outcome:
    """All rows, all states, all actors."""
    outcome = Outcome({row: {} for row in rows})
    for state in STATES:
        with stage_in_memory() as stage:
            scene = _scene(stage, state)
            for row in rows:
                if "{share_id}" in row or state == PLAIN_STATE:
                    outcome.statuses[row][state] = _ask_all(scene, row, outcome)
            scene.web.close()
    return outcome


def _scene(stage: Stage, state: str) -> _Scene:
    web = serve(stage)
    cast = systems(web)
    stage.tokens.known |= {"expired": TokenRefused("token_invalid"), "narrow": ScopeMissing("deldokument:share")}
    actors = {
        "no-token": cast.nobody,
        "session": System(web.browser(KARI), None),
        "expired": System(web.browser(), "expired"),
        "no-scope": System(web.browser(), "narrow"),
        "no-rights": cast.stranger,
        "other-tenant": cast.neighbour,
        "read": cast.reader,
        "share": cast.sharer,
    }
    return _Scene(web, cast, actors, state)


def _ask_all(scene: _Scene, row: str, outcome: Outcome) -> dict[str, int]:
    """An actor that changes nothing leaves its share to the next actor."""
    cells = {}
    for actor, system in scene.actors.items():
        answer = _ask(scene, system, row, scene.case())
        cells[actor] = answer.status_code
        if answer.status_code == 404 and "{share_id}" in row and actor != "share":
            unknown = _ask(scene, system, row, _UNKNOWN)
            if unknown.content != answer.content or unknown.status_code != 404:
                outcome.faults.append(f"{row}, {scene.state}, {actor}: an unknown id is answered otherwise")
        if answer.status_code < 300 and not row.startswith("GET"):
            scene.ids = None
    return cells


def _ask(scene: _Scene, system: System, row: str, ids: dict[str, str]) -> httpx.Response:
    method, _, path = row.partition(" ")
    account = scene.web.stage.byggesak.id
    return system.call(method, path.format_map(_UNKNOWN | ids), **_sent(row, account, ids))


def _sent(row: str, account_id: str, ids: dict[str, str]) -> dict[str, Any]:
    """What the route takes, right in everything."""
    until = "2027-01-04T12:00:00Z"
    share = {"account_id": account_id, "archived": True, "expires_at": until, "recipients": [{"number": OLA}]}
    bodies: dict[str, Any] = {
        "POST /shares": share,
        "PATCH /shares/{share_id}": {"title": "Vedtak"},
        "POST /shares/{share_id}/recipients": {"recipients": [{"number": SIV}]},
        "PATCH /shares/{share_id}/recipients/{recipient_id}": {"label": "søker"},
        "POST /shares/{share_id}/documents": {"name": "vedlegg.pdf", "length": 7},
        "POST /shares/{share_id}/additions": {"documents": [ids.get("document_id", "cc" * 16)]},
        "PUT /shares/{share_id}/expiry": {"expires_at": until},
        "POST /shares/{share_id}/refusal": {"reason": "Fristen er lovbestemt."},
        "POST /offers/{share_id}/token": {"code": "code", "verifier": "v" * 43},
        "POST /offers/{share_id}/confirmation": {"documents": ["cc" * 16]},
        "POST /webhooks": {"account_id": account_id, "url": "https://8.8.8.8/", "events": ["share.opened"]},
    }
    if row == "POST /small-shares":
        return {"files": [("share", (None, json.dumps(share))), ("documents", ("a.txt", b"innhold"))]}
    return {"body": bodies[row]} if row in bodies else {}


def _case(scene: _Scene, state: str) -> dict[str, str]:
    """A share of the sharing system's in the state, with two recipients and documents; a webhook of its own."""
    stage = scene.web.stage
    now = stage.clock.now()
    words = stage.words(expires_at=now + (timedelta(hours=1) if state == "ended" else timedelta(days=10)))
    share = api_drafts.create_draft(stage.deps, _SYSTEM, words, [RecipientInput(OLA), RecipientInput(SIV)])
    for name in ("kart.pdf", "vedtak.pdf"):
        ticket = drafts.add_document(stage.deps, _SYSTEM, share.id, name=name, length=0, modified_at=None)
        append.create_upload(stage.deps, ticket.token, length=0)
    if state != "draft":
        publishing.publish_share(stage.deps, _SYSTEM, share.id)
        inspect_documents(stage.deps)
    if state == "withdrawn":
        publishing.withdraw_share(stage.deps, _SYSTEM, share.id)
    if state == "ended":
        stage.clock.advance(hours=1)
    with stage.deps.database.read() as tx:
        recipient_id = tx.shares.recipients([share.id])[0].id
    hook = {"account_id": stage.byggesak.id, "url": "https://8.8.8.8/", "events": ["share.opened"]}
    known = scene.cast.sharer.get("/webhooks").json()["items"] or [scene.cast.sharer.post("/webhooks", hook).json()]
    ids = {"share_id": share.id, "recipient_id": recipient_id, "document_id": ticket.document_id}
    return ids | {"webhook_id": known[0]["id"]}


def as_text(outcome: Outcome) -> str:
    """The table: a line for a route, or one for each state of the share where the answers differ."""
    width = max(len(row) for row in outcome.statuses)
    lines = [f"{'route':<{width}}  {'share':<9}  {'  '.join(ACTORS)}"]
    for row, by_state in outcome.statuses.items():
        if len({tuple(cells.values()) for cells in by_state.values()}) == 1:
            by_state = {"any": by_state[PLAIN_STATE]}
        for state, cells in by_state.items():
            statuses = "  ".join(f"{status:<{len(actor)}}" for actor, status in cells.items())
            lines.append(f"{row:<{width}}  {state:<9}  {statuses}".rstrip())
    return "\n".join(lines) + "\n"


def labels(text: str) -> set[str]:
    """The routes that a table has lines for."""
    return {re.split(r"  +", line)[0] for line in text.splitlines()[1:]}
