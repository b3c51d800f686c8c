"""A login in a customer's name: asked for, and believed only when the token names the same one and nobody else."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt

from deldokument.adapters.http.client import signing_key
from deldokument.adapters.idporten.id_tokens import LoginRefused
from deldokument.adapters.idporten.login import IdPorten
from deldokument.adapters.idporten.metadata import ProviderUnavailable
from tests.support.deployment.simulators import CLIENT_ID, Running, log_in
from tests.support.faults.hostile_provider import HostileProvider
from tests.support.faults.rsa_keys import rsa_key

SIMULATORS = ["idporten"]

BACK, GOODBYE = "http://127.0.0.1:9/logg-inn/svar", "http://127.0.0.1:9/logget-ut"
OURS = "eksempel_kommune"


@pytest.fixture(scope="module")
def provider() -> Iterator[HostileProvider]:
    with HostileProvider() as provider:
        yield provider


def answered(provider: HostileProvider, http: httpx.Client, asked_for: str, **claims: Any) -> str:
    """Return the person of a login on behalf of ``asked_for`` with ``claims`` in the token."""
    idporten = IdPorten(provider.issuer, CLIENT_ID, rsa_key("client"), BACK, GOODBYE, http)
    login = idporten.begin("nb", on_behalf_of=asked_for)
    contents = provider.claims(CLIENT_ID, login.nonce, **claims)
    provider.make_token = lambda it: jwt.encode({"alg": "RS256", "kid": it.key.kid}, contents, it.key)
    return idporten.complete({"state": login.state, "code": "c"}, login).person_identifier


@pytest.mark.parametrize(
    "claims",
    [{"client_onbehalfof": OURS}, {"aud_onbehalfof": OURS}, {"client_onbehalfof": OURS, "aud_onbehalfof": OURS}],
    ids=str,
)
def test_a_token_that_names_the_customer_is_believed(
    provider: HostileProvider, outbound: httpx.Client, claims: dict[str, str]
) -> None:
    assert answered(provider, outbound, OURS, **claims)


def test_a_login_in_nobodys_name_is_as_it_always_was(provider: HostileProvider, outbound: httpx.Client) -> None:
    assert answered(provider, outbound, "")


@pytest.mark.parametrize(
    ("asked_for", "claims"),
    [
        (OURS, {}),
        (OURS, {"client_onbehalfof": "another"}),
        (OURS, {"client_onbehalfof": OURS, "aud_onbehalfof": "another"}),
        (OURS, {"client_onbehalfof": [OURS]}),
        (OURS, {"client_onbehalfof": ""}),
        (OURS, {"onbehalfof": OURS}),
        ("", {"client_onbehalfof": "another"}),
        ("", {"aud_onbehalfof": "another"}),
    ],
    ids=str,
)
def test_a_token_for_another_customer_is_refused(
    provider: HostileProvider, outbound: httpx.Client, asked_for: str, claims: dict[str, Any]
) -> None:
    with pytest.raises(LoginRefused, match="on behalf"):
        answered(provider, outbound, asked_for, **claims)


def test_the_customer_is_asked_for_as_idporten_documents_it(provider: HostileProvider, outbound: httpx.Client) -> None:
    idporten = IdPorten(provider.issuer, CLIENT_ID, rsa_key("client"), BACK, GOODBYE, outbound)
    asked = [dict(parse_qsl(urlsplit(idporten.begin("nb", on_behalf_of=name).url).query)) for name in (OURS, "")]
    assert [question.get("onbehalfof") for question in asked] == [OURS, None]


# The simulator.


@pytest.fixture(scope="module")
def running(running: Running) -> Running:
    known = {"client_id": CLIENT_ID, "jwks": "client-jwks.json", "redirect_uris": [running.redirect_uri]}
    running.register_client(known | {"customers": [OURS]})
    return running


def test_only_registered_pairs_log_in_at_the_simulator(running: Running, outbound: httpx.Client) -> None:
    idporten = IdPorten(
        running.idporten, CLIENT_ID, signing_key(running.client_key), running.redirect_uri, GOODBYE, outbound
    )
    login = idporten.begin("nb", on_behalf_of=OURS)
    with httpx.Client() as browser:
        back = dict(parse_qsl(urlsplit(log_in(browser, login.url, person="Ola Nordmann")).query))
    assert idporten.complete(back, login).person_identifier == "21879498012"
    with pytest.raises(ProviderUnavailable, match="400"):
        idporten.begin("nb", on_behalf_of="another")
