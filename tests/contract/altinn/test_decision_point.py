"""Rights from Altinn's decision point: what is asked, which answers grant, and which are not understood."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from deldokument.adapters.altinn.authorized_parties import (
    AltinnAuthorizedParties,
    AltinnCalls,
    CachedRights,
    GuardedRights,
    RightsUnavailable,
    Silent,
)
from deldokument.adapters.altinn.decision_point import MAX_DECISIONS, AltinnDecisionPoint, resource_code
from deldokument.adapters.http.circuit_breaker import FAILURES
from deldokument.adapters.maskinporten.client import MaskinportenClient
from deldokument.config.groups import DECISION_SCOPE, PARTIES_SCOPE
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.policy import AccessRule
from deldokument.ports.registers import OrganizationGrant
from tests.support.deployment.simulators import Running

SIMULATORS = ["altinn"]

PER, LISE, MONA, TOR, SIV, NOBODY = (
    PersonIdentifier(number, "foedselsnummer")
    for number in ("05877914102", "17888814825", "30857614883", "09816914180", "14839114193", "20914695016")
)
FJELL, FJELL_TROMSO, BRYGGA = "312824450", "314758625", "311905007"
CONFIDENTIAL, ORDINARY = "deldokument-taushetsbelagt", "deldokument-ordinaer"
RESOURCES = (CONFIDENTIAL, ORDINARY)
RULE = AccessRule(
    frozenset({resource_code(CONFIDENTIAL)}), frozenset({resource_code(CONFIDENTIAL), resource_code(ORDINARY)})
)


@pytest.fixture
def point(running: Running, outbound: httpx.Client, maskinporten: MaskinportenClient) -> AltinnDecisionPoint:
    def calls(scope: str) -> AltinnCalls:
        return AltinnCalls(running.altinn, lambda: maskinporten.token(scope), running.subscription_key, outbound)

    parties = AltinnAuthorizedParties(calls(PARTIES_SCOPE), all_listed=True)
    return AltinnDecisionPoint(calls(DECISION_SCOPE), parties, RESOURCES)


def permits(grants: tuple[OrganizationGrant, ...]) -> dict[str, set[str]]:
    """For which organisations which resources may be read."""
    prefix = resource_code("")
    found = {
        grant.organization_number: {code.removeprefix(prefix) for code in grant.codes if code.startswith(prefix)}
        for grant in grants
    }
    return {number: resources for number, resources in found.items() if resources}


# At the simulator.


def test_the_policy_says_what_each_person_may_read(point: AltinnDecisionPoint) -> None:
    both = {CONFIDENTIAL, ORDINARY}
    assert permits(point.grants(PER)) == {FJELL: both, FJELL_TROMSO: both, BRYGGA: both}
    assert permits(point.grants(LISE)) == {FJELL: {ORDINARY}, FJELL_TROMSO: {ORDINARY}}
    assert permits(point.grants(MONA)) == {FJELL: both, FJELL_TROMSO: both}
    assert permits(point.grants(TOR)) == {FJELL_TROMSO: both}


def test_a_stranger_may_read_nothing(point: AltinnDecisionPoint) -> None:
    assert point.grants(SIV) == point.grants(NOBODY) == ()


def test_only_a_permit_opens_and_a_person_without_one_gets_the_roles(point: AltinnDecisionPoint) -> None:
    [fjell] = [grant for grant in point.grants(LISE) if grant.organization_number == FJELL]
    assert "ordinaer-post-til-virksomheten" in fjell.codes
    assert RULE.sufficient(fjell.codes, confidential=True) is None
    assert RULE.sufficient(fjell.codes, confidential=False) == resource_code(ORDINARY)
    assert RULE.choose_right(confidential=True) == resource_code(CONFIDENTIAL)


@pytest.mark.parametrize(("level", "granted"), [(2, True), (3, True), (4, True), (5, False)])
def test_a_level_of_authentication_above_ours_is_no_permit(
    point: AltinnDecisionPoint, running: Running, level: int, granted: bool
) -> None:
    with policy(running, level=level):
        assert (FJELL in permits(point.grants(MONA))) == granted


def test_an_obligation_that_nobody_knows_voids_the_permit(point: AltinnDecisionPoint, running: Running) -> None:
    with policy(running, obligation="urn:altinn:wear-a-hat"):
        assert permits(point.grants(MONA)) == {FJELL: {ORDINARY}, FJELL_TROMSO: {ORDINARY}}


@contextmanager
def policy(running: Running, **change: Any) -> Iterator[None]:
    """A level for both resources, or an obligation for confidential content; taken back at the end."""
    url = f"{running.altinn}/_simulator/policy"
    for resource in RESOURCES if "level" in change else (CONFIDENTIAL,):
        httpx.post(url, json={"resource": resource, **change}).raise_for_status()
    try:
        yield
    finally:
        for resource in RESOURCES:
            httpx.post(url, json={"resource": resource, "level": 3}).raise_for_status()


# Answers of any kind. What a real test environment answered is re-expressed in `answer`.


def answer(decision: str = "Permit", **changes: Any) -> dict[str, Any]:
    obligations = [obligation("urn:altinn:minimum-authenticationlevel", "3")] if decision == "Permit" else None
    status = {"statusMessage": None, "statusDetails": None, "statusCode": {"value": "ok", "statusCode": None}}
    right = {"decision": decision, "status": status, "obligations": obligations, "associateAdvice": None}
    return {**right, "category": None, "policyIdentifierList": None, **changes}


def obligation(category: str | None, value: Any, attribute: str = "urn:altinn:obligation1-assignment1") -> Any:
    assignment = {"attributeId": attribute, "value": value, "category": category}
    return {"id": "urn:altinn:obligation:authenticationLevel1", "attributeAssignment": [assignment]}


def repeated(name: str, value: str) -> list[dict[str, Any]]:
    return [{"categoryId": "resource", "attribute": [{"attributeId": name, "value": value}]}]


@dataclass
class Listed:
    """Who is listed, for everybody; counts."""

    numbers: tuple[str, ...] = (FJELL,)
    asked: int = 0

    def grants(self, _person: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
        self.asked += 1
        return tuple(OrganizationGrant(number, "AS", frozenset()) for number in self.numbers)


@dataclass
class Point:
    """A decision point that answers each question by ``decide``, and keeps what it was sent."""

    decide: Callable[[int], Any] = lambda _: answer()
    whole: Any = None
    status: int = 200
    heard: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)["Request"]
        self.heard.append(asked)
        results = [self.decide(number) for number in range(len(asked["MultiRequests"]["RequestReference"]))]
        return httpx.Response(self.status, json={"response": results} if self.whole is None else self.whole)


def asking(point: Point, listed: Listed | None = None) -> AltinnDecisionPoint:
    http = httpx.Client(transport=httpx.MockTransport(point))
    calls = AltinnCalls("https://altinn.example", lambda: "token", "key", http)
    return AltinnDecisionPoint(calls, listed or Listed(), RESOURCES)


def test_the_question_has_the_published_shape_and_the_number_in_its_body_only() -> None:
    point = Point()
    asking(point).grants(PER)
    [asked] = point.heard
    [subject], [action] = asked["AccessSubject"], asked["Action"]
    assert subject["Attribute"] == [{"AttributeId": "urn:altinn:person:identifier-no", "Value": PER.value}]
    action_id = "urn:oasis:names:tc:xacml:1.0:action:action-id"
    assert action["Attribute"] == [{"AttributeId": action_id, "Value": "read"}]
    assert [[a["Value"] for a in resource["Attribute"]] for resource in asked["Resource"]] == [
        [CONFIDENTIAL, FJELL],
        [ORDINARY, FJELL],
    ]
    assert asked["MultiRequests"]["RequestReference"] == [
        {"ReferenceId": ["s1", "a1", "r1"]},
        {"ReferenceId": ["s1", "a1", "r2"]},
    ]


def test_everybody_listed_is_asked_about_and_nobody_else_however_many_they_are() -> None:
    listed = Listed(tuple(f"9{number:08d}" for number in range(120)))
    point = Point()
    assert len(asking(point, listed).grants(PER)) == 120
    asked = [[a["Value"] for a in r["Attribute"]][1] for question in point.heard for r in question["Resource"]]
    assert asked == [number for number in listed.numbers for _ in RESOURCES]
    assert max(len(question["Resource"]) for question in point.heard) == MAX_DECISIONS


def test_a_code_on_the_list_that_looks_like_a_permit_is_none() -> None:
    class Lying(Listed):
        def grants(self, _person: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
            return (OrganizationGrant(FJELL, "FJELL AS", frozenset({resource_code(CONFIDENTIAL), "a0236"})),)

    [fjell] = asking(Point(decide=lambda _: answer("NotApplicable")), Lying()).grants(PER)
    assert fjell.codes == {"a0236"}


def test_with_nobody_listed_nothing_is_asked() -> None:
    point = Point()
    assert asking(point, Listed(())).grants(PER) == ()
    assert point.heard == []


def test_each_answer_belongs_to_the_question_in_its_place() -> None:
    point = Point(decide=lambda number: answer("Permit" if number == 2 else "NotApplicable"))
    assert permits(asking(point, Listed((FJELL, BRYGGA))).grants(PER)) == {BRYGGA: {CONFIDENTIAL}}


@pytest.mark.parametrize("decision", ["Deny", "NotApplicable", "Indeterminate"])
def test_nothing_but_a_permit_grants(decision: str) -> None:
    assert asking(Point(decide=lambda _: answer(decision))).grants(PER) == ()
    assert asking(Point(decide=lambda _: answer(decision, obligations=[]))).grants(PER) == ()


@pytest.mark.parametrize("rename", [str, str.capitalize, str.upper], ids=["as is", "Capitalised", "UPPER"])
def test_names_are_understood_however_they_are_capitalised(rename: Callable[[str], str]) -> None:
    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {rename(name): renamed(item) for name, item in value.items()}
        return [renamed(item) for item in value] if isinstance(value, list) else value

    point = Point(whole=renamed({"response": [answer(), answer("Deny")]}))
    assert permits(asking(point).grants(PER)) == {FJELL: {CONFIDENTIAL}}


LEVEL = "urn:altinn:minimum-authenticationlevel"


@pytest.mark.parametrize(
    ("obligations", "granted"),
    [
        (None, True),
        ([], True),
        ([obligation(LEVEL, "4")], True),
        ([obligation(LEVEL, 4)], True),
        ([obligation(None, "4", attribute=LEVEL)], True),
        ([obligation(LEVEL, "3"), obligation(f"{LEVEL}-org", "5")], True),
        ([obligation(LEVEL, "5")], False),
        ([obligation(None, "5", attribute=LEVEL)], False),
        ([obligation(LEVEL, "3"), obligation(LEVEL, "5")], False),
        ([obligation("urn:altinn:unheard-of", "1")], False),
        ([{"id": "empty", "attributeAssignment": []}], False),
    ],
    ids=str,
)
def test_obligations_are_met_or_there_is_no_grant(obligations: Any, granted: bool) -> None:
    point = Point(decide=lambda _: answer(obligations=obligations))
    assert bool(asking(point).grants(PER)) == granted


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


MALFORMED: dict[str, Any] = {
    "a bottomless answer": {"response": nested(800)},
    "a list": [],
    "null": "null",
    "no response": {},
    "one answer too few": {"response": [answer()]},
    "one answer too many": {"response": [answer()] * 3},
    "no list": {"response": {"0": answer(), "1": answer()}},
    "no decision": {"response": [{}, {}]},
    "a decision in other letters": {"response": [answer(), answer("permit")]},
    "a decision as a truth": {"response": [answer(), {"decision": True}]},
    "both spellings": {"response": [{**answer("Deny"), "Decision": "Permit"}, answer()]},
    "a level that is no number": {"response": [answer(obligations=[obligation(LEVEL, "high")]), answer()]},
    "a level without value": {"response": [answer(obligations=[obligation(LEVEL, None)]), answer()]},
    "obligations as text": {"response": [answer(obligations="none"), answer()]},
    "an obligation without assignments": {"response": [answer(obligations=[{"id": "x"}]), answer()]},
    "another organisation": {
        "response": [answer(category=repeated("urn:altinn:organization:identifier-no", BRYGGA)), answer()]
    },
    "another resource": {"response": [answer(category=repeated("urn:altinn:resource", ORDINARY)), answer()]},
}


@pytest.mark.parametrize("whole", MALFORMED.values(), ids=MALFORMED.keys())
def test_an_answer_that_is_not_understood_gives_nobody_anything(whole: Any) -> None:
    with pytest.raises(RightsUnavailable) as failure:
        asking(Point(whole=whole)).grants(PER)
    assert PER.value not in str(failure.value)


def test_an_answer_that_repeats_its_question_is_understood() -> None:
    def decide(number: int) -> Any:
        said = repeated("urn:altinn:organization:identifier-no", FJELL)
        return answer(category=said + repeated("urn:altinn:resource", RESOURCES[number]) + [{"attribute": None}])

    assert permits(asking(Point(decide=decide)).grants(PER)) == {FJELL: {*RESOURCES}}


@pytest.mark.parametrize(("status", "is_silent"), [(500, True), (503, True), (429, True), (400, False), (403, False)])
def test_a_status_that_is_no_answer_lets_nobody_in(status: int, is_silent: bool) -> None:
    with pytest.raises(RightsUnavailable) as failure:
        asking(Point(status=status)).grants(PER)
    assert isinstance(failure.value, Silent) == is_silent


def test_cache_and_breaker_cover_both_requests() -> None:
    listed, point = Listed(), Point()
    cached = CachedRights(GuardedRights(asking(point, listed)))
    assert cached.grants(PER) == cached.grants(PER)
    assert (listed.asked, len(point.heard)) == (1, 1)
    point.status = 503
    guarded = GuardedRights(asking(point, listed))
    for _ in range(FAILURES + 5):
        with pytest.raises(RightsUnavailable):
            guarded.grants(PER)
    assert len(point.heard) == 1 + FAILURES
