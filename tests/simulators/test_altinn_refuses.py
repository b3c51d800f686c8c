"""The simulated Altinn refuses what the real one refuses: at the exchange of tokens, and at the decision point."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.support.deployment.simulators import (
    ALTINN_SCOPE,
    API_SCOPE,
    CLIENT_ID,
    DECISION_SCOPE,
    ORGANIZATION,
    Running,
    start_simulators,
)

PER, LISE, STRANGER = "05877914102", "17888814825", "20914695016"
FJELL, FJELL_TROMSO, DELETED = "312824450", "314758625", "310488003"
CONFIDENTIAL, ORDINARY = "deldokument-taushetsbelagt", "deldokument-ordinaer"
PERSON, NUMBER, RESOURCE = (
    "urn:altinn:person:identifier-no",
    "urn:altinn:organization:identifier-no",
    "urn:altinn:resource",
)
ACTION = "urn:oasis:names:tc:xacml:1.0:action:action-id"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start_simulators(tmp_path_factory.mktemp("simulators"), names=["altinn"]) as running:
        yield running


def exchange(running: Running, token: str, scheme: str = "Bearer") -> httpx.Response:
    url = f"{running.altinn}/authentication/api/v1/exchange/maskinporten"
    return httpx.get(url, headers={"authorization": f"{scheme} {token}"} if token else {})


def test_an_exchanged_token_is_altinns_and_lives_half_an_hour(running: Running) -> None:
    answer = exchange(running, running.access_token(CLIENT_ID, ALTINN_SCOPE))
    issuer = f"{running.altinn}/authentication/api/v1/openid/"
    metadata = httpx.get(f"{issuer}.well-known/openid-configuration").json()
    keys = KeySet.import_key_set(httpx.get(metadata["jwks_uri"]).json())
    claims = jwt.decode(answer.text.strip('"'), keys, algorithms=["RS256"]).claims
    assert claims["iss"] == metadata["issuer"] == issuer
    assert (claims["scope"], claims["urn:altinn:orgNumber"]) == (ALTINN_SCOPE, ORGANIZATION)
    assert claims["exp"] - claims["iat"] == 30 * 60


@pytest.mark.parametrize(("token", "scheme"), [("", "Bearer"), ("x", "Bearer"), ("real", "Basic")])
def test_only_maskinportens_tokens_are_exchanged(running: Running, token: str, scheme: str) -> None:
    given = running.access_token(CLIENT_ID, ALTINN_SCOPE) if token == "real" else token
    assert exchange(running, given, scheme).status_code == 401


def test_a_token_of_altinns_is_not_exchanged_again(running: Running) -> None:
    token = exchange(running, running.access_token(CLIENT_ID, ALTINN_SCOPE)).text.strip('"')
    assert exchange(running, token).status_code == 401


def test_a_token_for_somebody_else_is_not_exchanged(running: Running) -> None:
    running.register_consumer("fagsystem", ORGANIZATION)
    assert exchange(running, running.access_token("fagsystem", API_SCOPE)).status_code == 403


def question(
    person: str = PER, number: str = FJELL, resource: str = CONFIDENTIAL, action: str = "read"
) -> dict[str, Any]:
    def part(*attributes: tuple[str, str]) -> list[dict[str, Any]]:
        return [{"Attribute": [{"AttributeId": name, "Value": value} for name, value in attributes]}]

    return {
        "Request": {
            "ReturnPolicyIdList": True,
            "AccessSubject": part((PERSON, person)),
            "Action": part((ACTION, action)),
            "Resource": part((RESOURCE, resource), (NUMBER, number)),
        }
    }


def ask(running: Running, asked: Any, **headers: str) -> httpx.Response:
    token = running.access_token(CLIENT_ID, DECISION_SCOPE)
    right = {"authorization": f"Bearer {token}", "ocp-apim-subscription-key": running.subscription_key}
    return httpx.post(f"{running.altinn}/authorization/api/v1/authorize", json=asked, headers={**right, **headers})


def decision(running: Running, **asked: str) -> str:
    [result] = ask(running, question(**asked)).json()["response"]
    return str(result["decision"])


def test_a_permit_comes_with_the_level_that_it_wants(running: Running) -> None:
    [result] = ask(running, question()).json()["response"]
    assert result["decision"] == "Permit"
    levels = {a["category"]: a["value"] for o in result["obligations"] for a in o["attributeAssignment"]}
    level = "urn:altinn:minimum-authenticationlevel"
    assert levels == {level: "3", f"{level}-org": "3"}


def test_a_person_without_a_right_is_not_applicable_and_an_unknown_one_indeterminate(running: Running) -> None:
    assert decision(running, person=LISE) == decision(running, action="write") == "NotApplicable"
    assert decision(running, person=LISE, resource=ORDINARY, number=FJELL_TROMSO) == "Permit"
    for unknown in ({"person": STRANGER}, {"number": "999999999"}, {"number": DELETED}, {"resource": "another"}):
        assert decision(running, **unknown) == "Indeterminate"


def test_answers_come_in_the_order_of_the_references_and_repeat_what_they_are_to(running: Running) -> None:
    asked = question()["Request"]
    [fjell] = asked["Resource"]
    fjell["Attribute"][1]["IncludeInResult"] = True
    other = copy.deepcopy(fjell)
    other["Attribute"][1]["Value"] = "311905007"
    asked["AccessSubject"][0]["Id"], asked["Action"][0]["Id"] = "s", "a"
    asked["Resource"] = [fjell | {"Id": "r1"}, other | {"Id": "r2"}]
    asked["MultiRequests"] = {"RequestReference": [{"ReferenceId": ["s", "a", r]} for r in ("r2", "r1", "r2")]}
    results = ask(running, {"Request": asked}).json()["response"]
    listed = [result["category"][0]["attribute"][0]["value"] for result in results]
    assert listed == ["311905007", FJELL, "311905007"]


def change(spoil: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    asked = question()
    spoil(asked["Request"])
    return asked


@pytest.mark.parametrize(
    "asked",
    [
        None,
        [],
        {},
        change(lambda it: it.update(Purpose="x")),
        change(lambda it: it.pop("Action")),
        change(lambda it: it["AccessSubject"].append(it["AccessSubject"][0])),
        change(lambda it: it["AccessSubject"][0]["Attribute"][0].update(AttributeId="urn:altinn:ssn")),
        change(lambda it: it["Resource"][0]["Attribute"].pop()),
        change(lambda it: it["Resource"][0]["Attribute"][0].update(Value=7)),
        change(lambda it: it.update(MultiRequests={"RequestReference": [{"ReferenceId": ["s9"]}]})),
    ],
)
def test_a_question_with_a_flaw_is_refused(running: Running, asked: Any) -> None:
    assert ask(running, asked).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""},
        {"authorization": "Bearer x"},
        {"ocp-apim-subscription-key": "wrong"},
    ],
    ids=str,
)
def test_a_caller_without_token_or_key_gets_401(running: Running, headers: dict[str, str]) -> None:
    assert ask(running, question(), **headers).status_code == 401


def test_the_scope_for_the_list_is_none_for_decisions(running: Running) -> None:
    token = running.access_token(CLIENT_ID, ALTINN_SCOPE)
    assert ask(running, question(), authorization=f"Bearer {token}").status_code == 403


def test_only_policies_that_are_there_can_be_changed(running: Running) -> None:
    url = f"{running.altinn}/_simulator/policy"
    assert httpx.post(url, json={"resource": "another", "level": 4}).status_code == 400
