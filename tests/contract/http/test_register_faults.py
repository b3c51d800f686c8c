"""The faults of every register: each adapter raises the same error for all, without a number in it.

    down         the connection breaks in the middle of an answer
    slow         longer than we wait
    500          with the problem document that servers send
    garbage      no JSON
    mislabelled  the right answer, called text/html

Adapters cache answers, so each request here is the first of a new adapter. The tests of each adapter have the false
answers of a lying server.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from deldokument.adapters.altinn.authorized_parties import (
    AltinnAuthorizedParties,
    AltinnCalls,
    RightsUnavailable,
    Silent,
)
from deldokument.adapters.altinn.decision_point import AltinnDecisionPoint
from deldokument.adapters.altinn.token_exchange import AltinnTokens
from deldokument.adapters.enhetsregisteret import Enhetsregisteret, RegisterUnavailable
from deldokument.adapters.http.client import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS, outbound_client, signing_key
from deldokument.adapters.http.token_cache import TokenUnavailable
from deldokument.adapters.idporten.login import IdPorten
from deldokument.adapters.idporten.metadata import ProviderUnavailable
from deldokument.adapters.maskinporten.client import MaskinportenClient
from deldokument.config.groups import DECISION_SCOPE, PARTIES_SCOPE
from deldokument.domain.errors import Unavailable
from deldokument.domain.identifiers import OrganizationNumber, PersonIdentifier
from deldokument.ports.registers import OrganizationGrant
from tests.support.deployment.simulators import Running, log_in

SIMULATORS = ["idporten", "altinn", "enhetsregisteret"]

PER = PersonIdentifier("05877914102", "foedselsnummer")
FJELL = OrganizationNumber("312824450")
MODES = ("down", "slow", "500", "garbage", "mislabelled")
_PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Case:
    """A request to a register, prepared before the register fails, and the error that it raises then."""

    register: str
    error: type[Unavailable]
    ask: Callable[[Running, httpx.Client], Callable[[], object]]


def _idporten(running: Running, http: httpx.Client) -> IdPorten:
    uris = running.redirect_uri, running.post_logout_redirect_uri
    return IdPorten(running.idporten, running.client_id, signing_key(running.client_key), *uris, http)


def _begin(running: Running, http: httpx.Client) -> Callable[[], object]:
    idporten = _idporten(running, http)
    return lambda: idporten.begin("nb")


def _push(running: Running, http: httpx.Client) -> Callable[[], object]:
    """Discovery is known; the request is to be pushed."""
    idporten = _idporten(running, http)
    idporten.begin("nb")
    return lambda: idporten.begin("nb")


def _complete(running: Running, http: httpx.Client) -> Callable[[], object]:
    """The person has logged in; code and keys are to be fetched."""
    idporten = _idporten(running, http)
    login = idporten.begin("nb")
    with httpx.Client() as browser:
        back = dict(parse_qsl(urlsplit(log_in(browser, login.url, person="Ola Nordmann")).query))
    return lambda: idporten.complete(back, login)


def _maskinporten(running: Running, http: httpx.Client) -> MaskinportenClient:
    return MaskinportenClient(running.maskinporten_issuer, running.client_id, signing_key(running.client_key), http)


def _token(running: Running, http: httpx.Client) -> Callable[[], object]:
    return lambda: _maskinporten(running, http).token(PARTIES_SCOPE)


def _another_token(running: Running, http: httpx.Client) -> Callable[[], object]:
    """The metadata are known."""
    client = _maskinporten(running, http)
    client.token(PARTIES_SCOPE)
    return lambda: client.token(DECISION_SCOPE)


def _exchange(running: Running, http: httpx.Client) -> Callable[[], object]:
    token = _maskinporten(running, http).token(PARTIES_SCOPE)
    return lambda: AltinnTokens(running.altinn, lambda _: token, http).token(PARTIES_SCOPE)


def _calls(running: Running, http: httpx.Client, scope: str) -> AltinnCalls:
    token = _maskinporten(running, http).token(scope)
    return AltinnCalls(running.altinn, lambda: token, running.subscription_key, http)


def _parties(running: Running, http: httpx.Client) -> Callable[[], object]:
    parties = AltinnAuthorizedParties(_calls(running, http, PARTIES_SCOPE))
    return lambda: parties.grants(PER)


class _Listed:
    def grants(self, _: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
        return (OrganizationGrant(FJELL.value, "FJELL AS", frozenset()),)


def _decision(running: Running, http: httpx.Client) -> Callable[[], object]:
    point = AltinnDecisionPoint(_calls(running, http, DECISION_SCOPE), _Listed(), ["deldokument-ordinaer"])
    return lambda: point.grants(PER)


def _unit(running: Running, http: httpx.Client) -> Callable[[], object]:
    return lambda: Enhetsregisteret(running.enhetsregisteret, http).find(FJELL)


CASES = {
    "idporten: discovery": Case("idporten", ProviderUnavailable, _begin),
    "idporten: pushed request": Case("idporten", ProviderUnavailable, _push),
    "idporten: code": Case("idporten", ProviderUnavailable, _complete),
    "maskinporten: metadata": Case("maskinporten", TokenUnavailable, _token),
    "maskinporten: token": Case("maskinporten", TokenUnavailable, _another_token),
    "altinn: exchange": Case("altinn", TokenUnavailable, _exchange),
    "altinn: parties": Case("altinn", RightsUnavailable, _parties),
    "altinn: decision": Case("altinn", RightsUnavailable, _decision),
    "enhetsregisteret": Case("enhetsregisteret", RegisterUnavailable, _unit),
}


# Altinn's exchange answers with a token as text; any content type will do.
QUESTIONS = [
    pytest.param(case, mode, id=f"{name}-{mode}")
    for name, case in CASES.items()
    for mode in MODES
    if (name, mode) != ("altinn: exchange", "mislabelled")
]


@pytest.mark.parametrize(("case", "mode"), QUESTIONS)
def test_a_failing_register_is_unavailable_and_says_nothing_of_anybody(running: Running, case: Case, mode: str) -> None:
    with httpx.Client(timeout=30) as http:
        question = case.ask(running, http)
        http.timeout = httpx.Timeout(_PATIENCE_SECONDS if mode == "slow" else 30)
        running.fail(case.register, mode, seconds=5)
        try:
            with pytest.raises(case.error) as failure:
                question()
        finally:
            running.fail(case.register, "ok")
    said = f"{failure.value} {failure.value.params}"
    assert not any(number in said for number in (PER.value, FJELL.value, "21879498012"))
    assert len(said) < 200


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_same_question_is_answered_when_nothing_fails(running: Running, case: Case) -> None:
    with httpx.Client(timeout=30) as http:
        assert case.ask(running, http)()


@pytest.mark.parametrize(("mode", "silent"), [("down", True), ("slow", True), ("500", True), ("garbage", False)])
def test_a_silent_altinn_is_distinguished_from_an_invalid_answer(running: Running, mode: str, silent: bool) -> None:
    """Only silence counts for the breaker: what is wrong with one person's list keeps nobody else out."""
    with httpx.Client(timeout=30) as http:
        question = _parties(running, http)
        http.timeout = httpx.Timeout(_PATIENCE_SECONDS if mode == "slow" else 30)
        running.fail("altinn", mode, seconds=5)
        try:
            with pytest.raises(RightsUnavailable) as failure:
                question()
        finally:
            running.fail("altinn", "ok")
    assert isinstance(failure.value, Silent) == silent


def test_no_register_is_waited_for_longer_than_two_seconds_to_connect_and_five_to_answer() -> None:
    assert (CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS) == (2.0, 5.0)
    with outbound_client() as http:
        assert (http.timeout.connect, http.timeout.read) == (2.0, 5.0)
        assert not http.follow_redirects
