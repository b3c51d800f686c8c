"""Routes of staff x actors x the tenant's state: every route of `/konfigurasjon/{tenant_id}` and `/drift`.

The committed table is tests/matrix/staff_routes.txt; it is written anew together with routes.txt (see table.py). Forms
are sent empty: an error about missing fields means that the actor got in. ``crossed`` is the tenant's administrator
who names things of another tenant below the own one's address.
"""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from deldokument.domain.errors import existing
from deldokument.domain.identifiers import OrganizationNumber
from deldokument.services.accounts import integrations
from deldokument.services.tenants import administrators, freezing, offboarding, operators
from deldokument.services.tenants.freezing import FreezeReason
from tests.support.browser import EWA, Browser, Web, serve, stage_in_memory
from tests.support.snapshots import Snapshot, snapshot
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import FJELL, KARI, OLA, SIV, VIGDIS, Stage, person
from tests.support.stage.tenants import record_assessment, sign_agreements

GOLDEN = Path(__file__).with_name("staff_routes.txt")
ACTORS = ("anonymous", "stranger", "member", "other-administrator", "crossed", "administrator", "operator")
STATES = ("new", "in use", "frozen", "ended")
_NUMBERS = {
    "stranger": SIV,
    "member": KARI,
    "other-administrator": VIGDIS,
    "crossed": EWA,
    "administrator": EWA,
    "operator": OLA,
}
_UNKNOWN = "AAAAAAAAAAAAAAAAAAAAAA"


def is_of_an_office(path: str) -> bool:
    """Whether this table has the route, and not the one of shares."""
    return path.startswith(("/konfigurasjon/{tenant_id}", "/drift"))


@dataclass(slots=True)
class Outcome:
    """Every status by route, state and actor, and what was found wrong while asking."""

    statuses: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    unknown: dict[tuple[str, str, str], tuple[int, str]] = field(default_factory=dict)
    """What each actor is answered by each route about ids that do not exist, in the state asked last."""


@dataclass(slots=True)
class _Scene:
    """A tenant in one state with one of everything, another one beside it, and people with their browsers.

    ``as_before``: the database when nobody has asked for anything yet.
    """

    web: Web
    ids: dict[str, str]
    crossed: dict[str, str]
    browsers: dict[str, Browser]
    as_before: Snapshot

    def ask(self, method: str, path: str, actor: str, ids: dict[str, str]) -> httpx.Response:
        """The request as the actor makes it."""
        browser, address = self.browsers[actor], path.format_map(ids)
        return browser.post(address) if method == "POST" else browser.get(address)


def survey(rows: list[tuple[str, str]]) -> Outcome:
    """All ``rows`` (method, path) that are of an office, all states, all actors."""
    outcome, wanted = Outcome(), [(method, path) for method, path in rows if is_of_an_office(path)]
    for state in STATES:
        with _scene(state) as scene:
            for method, path in wanted:
                cells = outcome.statuses.setdefault(f"{method} {path}", {}).setdefault(state, {})
                for actor in ACTORS:
                    answer = scene.ask(method, path, actor, scene.crossed if actor == "crossed" else scene.ids)
                    cells[actor] = answer.status_code
                    _compare(scene, outcome, method, path, actor, answer)
                    if method == "POST" and answer.status_code < 400 and actor != "anonymous":
                        scene.as_before.restore()
    return outcome


def _compare(scene: _Scene, outcome: Outcome, method: str, path: str, actor: str, answer: httpx.Response) -> None:
    """What is not for the actor looks as what does not exist."""
    if answer.status_code != 404 or "{" not in path:
        return
    hidden = 404, _plain(answer, *scene.ids.values(), *scene.crossed.values())
    asked = method, path, actor
    # What does not exist is in no state: only another answer has to be compared with a new one.
    if outcome.unknown.get(asked) == hidden:
        return
    unknown = scene.ask(*asked, dict.fromkeys(scene.ids, _UNKNOWN))
    outcome.unknown[asked] = unknown.status_code, _plain(unknown)
    if outcome.unknown[asked] != hidden:
        outcome.faults.append(f"{method} {path}, {actor}: an unknown id is answered otherwise")


def _plain(answer: httpx.Response, *ids: str) -> str:
    """The page without what differs from one asking to the next."""
    text = answer.text
    for value in (*ids, _UNKNOWN):
        text = text.replace(value, "ID")
    return re.sub(r'csrf[-_]token"[^>]*>', "", text)


@contextmanager
def _scene(state: str) -> Iterator[_Scene]:
    """A fresh one, with everybody logged in."""
    with stage_in_memory() as stage:
        web = serve(stage)
        try:
            ids = _furnish(stage, stage.tenant.id, stage.byggesak.id, stage.members["kari"], EWA)
            other = _furnish(stage, stage.barnevern.tenant_id, stage.barnevern.id, stage.members["vigdis"], VIGDIS)
            operators.add_operator(stage.deps, number=OLA, name="Ola Drift")
            _bring(stage, state)
            browsers = {actor: web.browser(_NUMBERS.get(actor)) for actor in ACTORS}
            with closing(snapshot(stage.database_url)) as as_before:
                yield _Scene(web, ids, other | {"tenant_id": stage.tenant.id}, browsers, as_before)
        finally:
            web.close()


def _furnish(stage: Stage, tenant_id: str, account_id: str, member_id: str, administrator: str) -> dict[str, str]:
    """One of everything that a path can name."""
    deps = stage.deps
    if not administrators.administrator_of(deps, tenant_id=tenant_id, person=person(administrator)):
        add_administrator(deps, tenant_id=tenant_id, number=administrator, name="Vigdis Myhre")
    sign_agreements(deps, tenant_id)
    integration = integrations.add_integration(
        deps, tenant_id=tenant_id, account_id=account_id, organization_number=OrganizationNumber(FJELL).value
    )
    with deps.database.read() as tx:
        agreement = existing(next(iter(tx.agreements.main_agreements(tenant_id)), None))
        administrator_id = tx.staff.administrators(tenant_id)[0].id
    return {
        "tenant_id": tenant_id,
        "account_id": account_id,
        "member_id": member_id,
        "administrator_id": administrator_id,
        "integration_id": integration.id,
        "agreement_id": agreement.id,
        "assessment_id": record_assessment(deps, tenant_id).id,
        "intent_id": _UNKNOWN,
        "template": "dpia.pdf",
    }


def _bring(stage: Stage, state: str) -> None:
    """The tenant into the state."""
    if state == "new":
        with stage.deps.database.write() as tx:
            tx.tenants.save(replace(existing(tx.tenants.get(stage.tenant.id)), activated_at=None))
    elif state == "frozen":
        freezing.set_tenant_freeze(stage.deps, stage.tenant.id, None, FreezeReason.SECURITY)
    elif state == "ended":
        offboarding.offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name=stage.tenant.name)


def as_text(outcome: Outcome) -> str:
    """The table: a line for a route, or one for each state of the tenant where the answers differ."""
    width = max(map(len, outcome.statuses))
    lines = [f"{'route':<{width}}  {'tenant':<7}  {'  '.join(ACTORS)}"]
    for label, by_state in outcome.statuses.items():
        same = len({tuple(cells.values()) for cells in by_state.values()}) == 1
        for state, cells in ({"any": by_state[STATES[0]]} if same else by_state).items():
            statuses = "  ".join(f"{status:<{len(actor)}}" for actor, status in cells.items())
            lines.append(f"{label:<{width}}  {state:<7}  {statuses}".rstrip())
    return "\n".join(lines) + "\n"
