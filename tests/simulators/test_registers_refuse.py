"""The Maskinporten, Altinn and Enhetsregisteret simulators refuse what the real ones refuse."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from deldokument.simulators.common.cast import load_cast
from deldokument.simulators.common.numbers import is_organization_number, is_synthetic_person
from tests.support.deployment.simulators import ALTINN_SCOPE, API_SCOPE, GRANT, ORGANIZATION, Running, start_simulators
from tests.support.faults.rsa_keys import rsa_key

PER, TOR, FJELL, FJELL_TROMSO = "05877914102", "09816914180", "312824450", "314758625"
QUERY = {"includeRoles": "true", "includeAccessPackages": "true"}
PERSON = {"type": "urn:altinn:person:identifier-no", "value": PER}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start_simulators(tmp_path_factory.mktemp("simulators"), names=["altinn", "enhetsregisteret"]) as running:
        yield running


def assertion(running: Running, *, key: RSAKey | None = None, alg: str = "RS256", **changes: Any) -> str:
    now = int(time.time())
    right = {
        "iss": running.client_id,
        "aud": running.maskinporten_issuer,
        "scope": ALTINN_SCOPE,
        "iat": now,
        "exp": now + 100,
        "jti": str(time.perf_counter_ns()),
    }
    key = key or RSAKey.import_key(running.client_key)
    claims = {name: value for name, value in {**right, **changes}.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": running.client_key["kid"]}, claims, key, algorithms=[alg])


def exchange(running: Running, proof: str) -> httpx.Response:
    return httpx.post(f"{running.maskinporten}/token", data={"grant_type": GRANT, "assertion": proof})


def token(running: Running) -> str:
    return str(exchange(running, assertion(running)).json()["access_token"])


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512"])
def test_a_grant_gives_a_token_that_names_the_consumer(running: Running, alg: str) -> None:
    answer = exchange(running, assertion(running, alg=alg)).json()
    metadata = httpx.get(f"{running.maskinporten_issuer}.well-known/oauth-authorization-server").json()
    keys = KeySet.import_key_set(httpx.get(metadata["jwks_uri"]).json())
    claims = jwt.decode(answer["access_token"], keys, algorithms=["RS256"]).claims
    assert claims["iss"] == metadata["issuer"] == running.maskinporten_issuer
    assert claims["consumer"] == {"authority": "iso6523-actorid-upis", "ID": f"0192:{ORGANIZATION}"}
    assert claims["scope"] == answer["scope"] == ALTINN_SCOPE
    assert claims["exp"] - claims["iat"] == answer["expires_in"]


def test_a_resource_restricts_the_audience(running: Running) -> None:
    answer = exchange(running, assertion(running, resource="https://api.example")).json()
    keys = KeySet.import_key_set(httpx.get(f"{running.maskinporten}/jwks").json())
    assert jwt.decode(answer["access_token"], keys, algorithms=["RS256"]).claims["aud"] == "https://api.example"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"aud": "https://maskinporten.no/"}, "MP-110"),
        ({"iss": "nobody"}, "MP-100"),
        ({"jti": None}, "MP-100"),
        ({"exp": None}, "MP-100"),
        ({"exp": 4102444800}, "MP-100"),
        ({"iat": 1767225600, "exp": 1767225700}, "MP-100"),
        ({"alg": "PS256"}, "MP-100"),
        ({"scope": None}, "MP-200"),
        ({"scope": "made:up"}, "MP-200"),
        ({"scope": "krr:global/kontaktinformasjon.read"}, "MP-250"),
        ({"consumer_org": "312824450"}, "MP-251"),
        ({"consumer_org": None, "acr": "high"}, "MP-100"),
    ],
    ids=str,
)
def test_a_flawed_grant_is_refused_with_its_code(running: Running, change: dict[str, Any], code: str) -> None:
    answer = exchange(running, assertion(running, **change))
    assert answer.status_code == 400
    assert code in answer.json()["error_description"]
    assert answer.json()["error_uri"]


def claims_of(running: Running, token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(httpx.get(f"{running.maskinporten}/jwks").json())
    return dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)


def test_a_fagsystem_gets_tokens_for_its_own_organisation(running: Running) -> None:
    running.register_consumer("fagsystem", FJELL)
    claims = claims_of(running, running.access_token("fagsystem", resource="https://deldokument.example"))
    assert claims["consumer"] == {"authority": "iso6523-actorid-upis", "ID": f"0192:{FJELL}"}
    assert (claims["scope"], claims["aud"]) == (API_SCOPE, "https://deldokument.example")
    assert "supplier" not in claims


def test_a_supplier_gets_tokens_for_the_consumer_that_has_delegated_and_for_no_other(running: Running) -> None:
    running.register_consumer("supplier", FJELL, delegations={ORGANIZATION: [API_SCOPE]})
    claims = claims_of(running, running.access_token("supplier", consumer_org=ORGANIZATION))
    assert claims["consumer"]["ID"] == f"0192:{ORGANIZATION}"
    assert claims["supplier"]["ID"] == f"0192:{FJELL}"
    assert claims["delegation_source"]
    other = assertion(running, iss="supplier", scope=API_SCOPE, consumer_org=FJELL_TROMSO)
    assert "MP-251" in exchange(running, other).json()["error_description"]


def test_a_delegation_covers_its_scopes_only(running: Running) -> None:
    running.register_consumer("narrow", FJELL, delegations={ORGANIZATION: [ALTINN_SCOPE]})
    grant = assertion(running, iss="narrow", scope=API_SCOPE, consumer_org=ORGANIZATION)
    assert "MP-251" in exchange(running, grant).json()["error_description"]


def test_a_grant_counts_once(running: Running) -> None:
    proof = assertion(running)
    assert exchange(running, proof).status_code == 200
    assert "MP-012" in exchange(running, proof).json()["error_description"]


def test_a_grant_by_another_key_is_refused(running: Running) -> None:
    answer = exchange(running, assertion(running, key=rsa_key("stranger")))
    assert "MP-100" in answer.json()["error_description"]


def test_another_grant_type_is_refused(running: Running) -> None:
    answer = httpx.post(f"{running.maskinporten}/token", data={"grant_type": "client_credentials"})
    assert answer.json()["error"] == "unsupported_grant_type"


def ask(running: Running, *, query: Any = QUERY, body: Any = PERSON, **headers: str) -> httpx.Response:
    right = {"authorization": f"Bearer {token(running)}", "ocp-apim-subscription-key": running.subscription_key}
    url = f"{running.altinn}/accessmanagement/api/v1/resourceowner/authorizedparties"
    return httpx.post(url, params=query, json=body, headers={**right, **headers})


def test_what_a_person_sees_has_the_shape_of_the_real_list(running: Running) -> None:
    person, fjell, brygga, _deleted = ask(running).json()
    assert (person["type"], person["personId"], person["organizationNumber"]) == ("Person", PER, None)
    assert fjell["authorizedRoles"] == ["a0236"]
    assert [subunit["organizationNumber"] for subunit in fjell["subunits"]] == [FJELL_TROMSO]
    assert brygga["authorizedAccessPackages"] == ["ordinaer-post-til-virksomheten"]


def test_the_unit_above_a_subunit_is_only_an_element_without_access(running: Running) -> None:
    _person, fjell = ask(running, body={**PERSON, "value": TOR}).json()
    assert fjell["onlyHierarchyElementWithNoAccess"] is True
    assert fjell["authorizedRoles"] == []
    assert fjell["subunits"][0]["authorizedRoles"] == ["a0236"]


def test_the_list_can_be_narrowed(running: Running) -> None:
    packages_left_out = ask(running, query={}).json()
    assert all(party["authorizedAccessPackages"] == [] for party in packages_left_out)
    roles_left_out = ask(running, query={"includeRoles": "false"}).json()
    assert all(party["authorizedRoles"] == [] for party in roles_left_out)
    deleted = [party["isDeleted"] for party in ask(running).json()]
    active = [party["isDeleted"] for party in ask(running, query={"includeInactiveParties": "false"}).json()]
    assert (any(deleted), any(active)) == (True, False)


def test_an_unknown_person_has_nothing(running: Running) -> None:
    assert ask(running, body={**PERSON, "value": "20914695016"}).json() == []


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({"includeAltinn2": "true"}, PERSON),
        ({"includeroles": "true"}, PERSON),
        ({"includeRoles": "yes"}, PERSON),
        ({"includeRoles": "auto"}, PERSON),
        (QUERY, {**PERSON, "type": "urn:altinn:person:ssn"}),
        (QUERY, {**PERSON, "value": "1"}),
        (QUERY, {**PERSON, "value": None}),
        (QUERY, {**PERSON, "parties": []}),
        (QUERY, [PERSON]),
        (QUERY, None),
    ],
    ids=str,
)
def test_a_question_with_a_flaw_is_answered_with_its_errors(running: Running, query: Any, body: Any) -> None:
    answer = ask(running, query=query, body=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""},
        {"authorization": "Basic x"},
        {"authorization": "Bearer x"},
        {"ocp-apim-subscription-key": "wrong"},
    ],
    ids=str,
)
def test_a_caller_without_token_or_key_gets_an_empty_401(running: Running, headers: dict[str, str]) -> None:
    answer = ask(running, **headers)
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_token_from_somewhere_else_gets_an_empty_401(running: Running) -> None:
    key = rsa_key("stranger")
    claims = {"iss": running.maskinporten_issuer, "exp": int(time.time()) + 60, "scope": ALTINN_SCOPE}
    forged = jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
    assert ask(running, authorization=f"Bearer {forged}").status_code == 401


def test_a_token_without_the_scope_gets_an_empty_403(running: Running) -> None:
    other = {
        "client_id": "other",
        "jwks": "client-jwks.json",
        "organization": ORGANIZATION,
        "scopes": ["krr:global/kontaktinformasjon.read"],
    }
    running.register_client(other)
    proof = assertion(running, iss="other", scope="krr:global/kontaktinformasjon.read")
    narrow = exchange(running, proof).json()["access_token"]
    answer = ask(running, authorization=f"Bearer {narrow}")
    assert (answer.status_code, answer.content) == (403, b"")


def test_rights_of_nobody_or_for_nothing_cannot_be_changed(running: Running) -> None:
    url = f"{running.altinn}/_simulator/rights"
    assert httpx.post(url, json={"person": "nobody", "organization": FJELL}).status_code == 400
    assert httpx.post(url, json={"person": "siv", "organization": "1"}).status_code == 400


def look_up(running: Running, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{running.enhetsregisteret}/enhetsregisteret/api/{path}", headers=headers)


def test_a_subunit_is_no_unit_and_a_unit_no_subunit(running: Running) -> None:
    assert look_up(running, f"enheter/{FJELL_TROMSO}").status_code == 404
    assert look_up(running, f"underenheter/{FJELL}").status_code == 404
    assert look_up(running, f"underenheter/{FJELL_TROMSO}").json()["overordnetEnhet"] == FJELL


@pytest.mark.parametrize("number", ["312824451", "31282445", "abc", "٣12824450"])
def test_a_number_that_cannot_be_one_is_refused(running: Running, number: str) -> None:
    assert look_up(running, f"enheter/{number}").status_code == 400


def test_a_removed_unit_is_gone_and_a_deleted_one_has_its_date(running: Running) -> None:
    assert look_up(running, "enheter/315622018").status_code == 410
    deleted = look_up(running, "enheter/310488003").json()
    assert deleted["slettedato"]
    assert "konkurs" not in deleted


def test_the_versioned_type_is_answered_and_a_foreign_one_refused(running: Running) -> None:
    versioned = "application/vnd.brreg.enhetsregisteret.enhet.v2+json;charset=UTF-8"
    assert look_up(running, f"enheter/{FJELL}", accept=versioned).headers["content-type"] == versioned
    assert look_up(running, f"enheter/{FJELL}", accept="text/xml").status_code == 406


def test_everybody_in_the_cast_is_synthetic_and_checked() -> None:
    cast = load_cast()
    assert all(is_synthetic_person(person.identifier) for person in cast.people)
    assert all(person.identifier[2] in "89" for person in cast.people)
    assert all(is_organization_number(unit.number) and unit.number[0] in "23" for unit in cast.organizations)
    assert len({person.identifier for person in cast.people}) == len(cast.people)


def test_a_number_that_could_be_somebodys_is_not_synthetic() -> None:
    assert not is_synthetic_person("02013299997")
    assert is_synthetic_person("47906701517")


def test_parents_and_rights_name_those_in_the_cast() -> None:
    cast = load_cast()
    assert all(unit.parent is None or cast.organization(unit.parent) for unit in cast.organizations)
    assert all(cast.person(right.person) and cast.organization(right.organization) for right in cast.rights)
