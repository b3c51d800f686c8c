"""What the real registers publish that they answer is what the adapters take, and what the simulators send."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from deldokument.adapters.altinn.authorized_parties import AltinnAuthorizedParties, AltinnCalls, RightsUnavailable
from deldokument.adapters.altinn.decision_point import AltinnDecisionPoint
from deldokument.adapters.enhetsregisteret import Enhetsregisteret
from deldokument.adapters.http.token_cache import TokenUnavailable
from deldokument.adapters.idporten.login import IdPorten
from deldokument.adapters.maskinporten.client import MaskinportenClient
from deldokument.config.groups import PARTIES_SCOPE
from deldokument.domain.identifiers import OrganizationNumber, PersonIdentifier
from deldokument.domain.messages.email_addresses import Language
from deldokument.ports.registers import OrganizationGrant, RegisteredOrganization
from tests.contract import register_responses
from tests.support.deployment.simulators import CLIENT_ID, Running
from tests.support.faults.rsa_keys import rsa_key

SIMULATORS = ["idporten", "altinn", "enhetsregisteret"]

PER = PersonIdentifier(register_responses.PER, "foedselsnummer")
Answer = Callable[[httpx.Request], httpx.Response]


def key() -> RSAKey:
    """Ours, and that of the issuers who answer here."""
    return rsa_key("client")


def client(answer: Answer) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer))


def saying(document: Any, status: int = 200, media_type: str = "application/json; charset=utf-8") -> Answer:
    content = json.dumps(document, ensure_ascii=False).encode()
    return lambda _: httpx.Response(status, content=content, headers={"content-type": media_type})


def calls(answer: Answer) -> AltinnCalls:
    return AltinnCalls("https://platform.altinn.example", lambda: "token", "key", client(answer))


def test_altinns_list_of_parties_is_read() -> None:
    codes = frozenset({"a0236", "ordinaer-post-til-virksomheten"})
    assert AltinnAuthorizedParties(calls(saying(register_responses.AUTHORIZED_PARTIES))).grants(PER) == (
        OrganizationGrant(register_responses.FJELL, "FJELL AS", codes),
        OrganizationGrant(register_responses.FJELL_TROMSO, "FJELL AS AVD TROMSØ", codes),
    )


@pytest.mark.parametrize(
    "answer",
    [
        saying(register_responses.VALIDATION_PROBLEM, 400, "application/problem+json"),
        lambda _: httpx.Response(401),
        lambda _: httpx.Response(403),
        saying({"type": "about:blank", "title": "Internal Server Error", "status": 500}, 500),
    ],
    ids=["400", "401", "403", "500"],
)
def test_altinns_refusals_are_unavailability_without_what_they_repeat(answer: Answer) -> None:
    with pytest.raises(RightsUnavailable) as failure:
        AltinnAuthorizedParties(calls(answer)).grants(PER)
    assert register_responses.PER not in f"{failure.value} {failure.value.params}"


def test_altinns_decision_is_read() -> None:
    listed = AltinnAuthorizedParties(calls(saying(register_responses.AUTHORIZED_PARTIES[1:2])))
    one = AltinnDecisionPoint(calls(saying({"response": register_responses.DECISION["response"] * 2})), listed, ["res"])
    assert [grant.codes & {"resource:res"} for grant in one.grants(PER)] == [{"resource:res"}] * 2


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (f"enheter/{register_responses.FJELL}", register_responses.UNIT, ("FJELL AS", "AS", "active")),
        (
            f"underenheter/{register_responses.FJELL_TROMSO}",
            register_responses.SUBUNIT,
            ("FJELL AS AVD TROMSØ", "BEDR", "active"),
        ),
        (
            f"enheter/{register_responses.DELETED}",
            register_responses.DELETED_UNIT,
            ("GAMLEBAKERIET AS", "AS", "deleted"),
        ),
    ],
    ids=["unit", "subunit", "deleted"],
)
def test_enhetsregisterets_units_are_read(path: str, body: dict[str, Any], expected: tuple[str, str, str]) -> None:
    kind = path.partition("er/")[0]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path != f"/enhetsregisteret/api/{path}":
            return httpx.Response(404)
        return saying(body, media_type=f"application/vnd.brreg.enhetsregisteret.{kind}.v2+json;charset=UTF-8")(request)

    number = OrganizationNumber(body["organisasjonsnummer"])
    found = Enhetsregisteret("https://data.brreg.example", client(answer)).find(number)
    language = Language.BOKMAAL if "maalform" in body else None
    assert found == RegisteredOrganization(number.value, *expected, language)  # type: ignore[arg-type]


def maskinporten(answer: Answer) -> MaskinportenClient:
    def by_path(request: httpx.Request) -> httpx.Response:
        return (answer if request.method == "POST" else saying(register_responses.MASKINPORTEN_METADATA))(request)

    return MaskinportenClient("https://maskinporten.example/", CLIENT_ID, key(), client(by_path))


def test_maskinportens_token_is_passed_on_as_it_is() -> None:
    token = maskinporten(saying(register_responses.MASKINPORTEN_TOKEN)).token(PARTIES_SCOPE)
    assert token == register_responses.MASKINPORTEN_TOKEN["access_token"]


def test_maskinportens_refusal_is_unavailability() -> None:
    with pytest.raises(TokenUnavailable, match="400"):
        maskinporten(saying(register_responses.MASKINPORTEN_REFUSAL, 400)).token(PARTIES_SCOPE)


def test_idportens_discovery_and_id_token_are_read() -> None:
    nonces: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        match request.url.path:
            case "/.well-known/openid-configuration":
                return saying(register_responses.IDPORTEN_METADATA)(request)
            case "/par":
                return saying({"request_uri": "urn:idporten:x", "expires_in": 120}, 201)(request)
            case "/jwks.json":
                return saying({"keys": [key().as_dict(private=False)]})(request)
        now = int(time.time())
        times = {"auth_time": now, "iat": now, "exp": now + 120}
        token = jwt.encode(
            {"alg": "RS256", "kid": key().kid},
            {**register_responses.ID_TOKEN, **times, "nonce": nonces[0]},
            key(),
        )
        answered = {"access_token": "x", "id_token": token, "token_type": "Bearer", "expires_in": 119}
        return saying({**answered, "scope": "openid"})(request)

    uris = "https://del.example/logg-inn/svar", "https://del.example/logget-ut"
    idporten = IdPorten("https://test.idporten.no", "deldokument-test", key(), *uris, client(answer))
    login = idporten.begin("nb")
    nonces.append(login.nonce)
    assert login.url == (
        "https://login.test.idporten.no/authorize?client_id=deldokument-test&request_uri=urn%3Aidporten%3Ax"
    )
    identity = idporten.complete({"code": "c", "state": login.state, "iss": "https://test.idporten.no"}, login)
    assert (identity.person_identifier, identity.session_id) == (
        register_responses.PER,
        register_responses.ID_TOKEN["sid"],
    )
    assert idporten.framing_origins() == ("https://login.test.idporten.no", "https://test.idporten.no")


# The simulators send what the real ones do.


def test_the_simulated_altinn_sends_no_field_that_the_real_one_does_not(running: Running) -> None:
    headers = {
        "authorization": f"Bearer {running.access_token(CLIENT_ID, PARTIES_SCOPE)}",
        "ocp-apim-subscription-key": running.subscription_key,
    }
    url = f"{running.altinn}/accessmanagement/api/v1/resourceowner/authorizedparties"
    body = {"type": "urn:altinn:person:identifier-no", "value": register_responses.PER}
    parties = httpx.post(url, json=body, headers=headers).json()
    assert all(party.keys() <= register_responses.AUTHORIZED_PARTIES[0].keys() for party in parties)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        (f"enheter/{register_responses.FJELL}", register_responses.UNIT),
        (f"underenheter/{register_responses.FJELL_TROMSO}", register_responses.SUBUNIT),
        (f"enheter/{register_responses.DELETED}", register_responses.DELETED_UNIT),
    ],
)
def test_the_simulated_enhetsregisteret_sends_no_field_that_the_real_one_does_not(
    running: Running, path: str, shape: dict[str, Any]
) -> None:
    unit = httpx.get(f"{running.enhetsregisteret}/enhetsregisteret/api/{path}").json()
    assert unit.keys() <= shape.keys()


def test_the_simulated_providers_describe_themselves_as_the_real_ones(running: Running) -> None:
    idporten = httpx.get(f"{running.idporten}/.well-known/openid-configuration").json()
    assert idporten.keys() <= register_responses.IDPORTEN_METADATA.keys()
    url = f"{running.maskinporten_issuer}.well-known/oauth-authorization-server"
    assert httpx.get(url).json().keys() <= register_responses.MASKINPORTEN_METADATA.keys()
