"""A signature confirmed at ID-porten: through the adapter, at the simulator and at a provider that lies."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt

from deldokument.adapters.http.client import signing_key
from deldokument.adapters.idporten.login import IdPorten
from deldokument.services.agreements import signing, status
from deldokument.services.auth.sessions import Session
from tests.support.browser import EWA
from tests.support.deployment.simulators import Running, log_in
from tests.support.faults.hostile_provider import HostileProvider
from tests.support.stage.agreement_texts import name_administrator, publish_texts, session, with_short_texts
from tests.support.stage.stage import OLA, Stage, set_stage

SIMULATORS = ["idporten"]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Ewa, logged in already, has a service agreement to sign."""
    new = with_short_texts(set_stage(tmp_path))
    publish_texts(new)
    name_administrator(new)
    yield new
    new.close()


def at(stage: Stage, issuer: str, running: Running, http: httpx.Client) -> Session:
    """Ewa's session; from now on logins go to ``issuer``."""
    stage.deps = replace(stage.deps, login=stage.login)
    ewa = session(stage)
    addresses = running.redirect_uri, running.post_logout_redirect_uri
    login = IdPorten(issuer, running.client_id, signing_key(running.client_key), *addresses, http)
    stage.deps = replace(stage.deps, login=login)
    return ewa


def begin(stage: Stage, ewa: Session) -> tuple[str, str]:
    """The intent, and the provider's address."""
    offer = signing.offer_signing(stage.deps, ewa, tenant_id=stage.tenant.id)
    shown = offer.document.sha256, offer.document_sha256
    where = {"tenant_id": stage.tenant.id}
    intent_id = signing.begin_signing(stage.deps, ewa, **where, shown=shown, role="Rådmann", confirmed=True)
    return intent_id, signing.start_login(stage.deps, ewa, **where, intent_id=intent_id, locale="nb")


def finish(stage: Stage, ewa: Session, address: str) -> str:
    """What the answer came to: empty when it became a signature."""
    stage.clock.advance(seconds=60)
    done = signing.complete_signing(stage.deps, ewa, dict(parse_qsl(urlsplit(address).query)))
    return done.refusal.code if done.refusal else ""


def signatures(stage: Stage) -> int:
    return len(status.agreements_of(stage.deps, tenant_id=stage.tenant.id).services)


def test_a_person_with_a_session_is_asked_again_and_signs(
    stage: Stage, running: Running, outbound: httpx.Client, browser: httpx.Client
) -> None:
    ewa = at(stage, running.idporten, running, outbound)
    log_in(browser, stage.deps.login.begin("nb").url, identifier=EWA)
    assert browser.get(stage.deps.login.begin("nb").url).is_redirect, "no single sign-on to be asked in spite of"
    _, url = begin(stage, ewa)
    assert browser.get(url).status_code == 200
    _, url = begin(stage, ewa)
    assert finish(stage, ewa, log_in(browser, url, identifier=EWA)) == ""
    assert signatures(stage) == 1


def test_another_person_at_the_provider_does_not_sign(
    stage: Stage, running: Running, outbound: httpx.Client, browser: httpx.Client
) -> None:
    ewa = at(stage, running.idporten, running, outbound)
    _, url = begin(stage, ewa)
    assert finish(stage, ewa, log_in(browser, url, identifier=OLA)) == "signing_other_person"
    assert signatures(stage) == 0


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"level": "idporten-loa-substantial"}, "login_level"),
        ({"without_pid": True}, "login_person_missing"),
        ({"cancel": True}, "login_cancelled"),
    ],
    ids=["level", "nobody", "cancelled"],
)
def test_a_login_that_is_not_good_enough_does_not_sign(
    stage: Stage, running: Running, outbound: httpx.Client, browser: httpx.Client, how: dict[str, Any], code: str
) -> None:
    ewa = at(stage, running.idporten, running, outbound)
    _, url = begin(stage, ewa)
    assert finish(stage, ewa, log_in(browser, url, identifier=EWA, **how)) == code
    assert signatures(stage) == 0


def test_the_code_of_an_ordinary_login_does_not_sign(
    stage: Stage, running: Running, outbound: httpx.Client, browser: httpx.Client
) -> None:
    """Somebody takes a code that Ewa got by logging in, and puts it into an answer to a signature."""
    ewa = at(stage, running.idporten, running, outbound)
    ordinary = dict(parse_qsl(urlsplit(log_in(browser, stage.deps.login.begin("nb").url, identifier=EWA)).query))
    _, url = begin(stage, ewa)
    answer = log_in(browser, url, identifier=EWA)
    own_code = dict(parse_qsl(urlsplit(answer).query))["code"]
    assert finish(stage, ewa, answer.replace(own_code, ordinary["code"])) == "login_refused"
    assert signatures(stage) == 0


def test_the_code_of_one_signature_is_of_no_use_for_the_next(
    stage: Stage, running: Running, outbound: httpx.Client, browser: httpx.Client
) -> None:
    ewa = at(stage, running.idporten, running, outbound)
    _, first = begin(stage, ewa)
    used = dict(parse_qsl(urlsplit(log_in(browser, first, identifier=EWA)).query))["code"]
    _, second = begin(stage, ewa)
    answer = log_in(browser, second, identifier=EWA)
    own_code = dict(parse_qsl(urlsplit(answer).query))["code"]
    assert finish(stage, ewa, answer.replace(own_code, used)) == "login_refused"
    assert signatures(stage) == 0


def outcome_of(stage: Stage, running: Running, provider: HostileProvider, http: httpx.Client, **changes: Any) -> str:
    """Sign with a token with these changes. Times are in seconds from now."""
    ewa = at(stage, provider.issuer, running, http)
    _, url = begin(stage, ewa)
    asked = dict(parse_qsl(urlsplit(url).query))
    assert asked["prompt"] == "login"
    now = int(time.time())
    times = {name: now + changes.pop(name) for name in ("auth_time", "iat", "exp") if name in changes}

    def make_token(_: HostileProvider) -> str:
        claims = provider.claims(running.client_id, changes.pop("nonce", asked["nonce"]), pid=EWA, **(changes | times))
        return jwt.encode({"alg": "RS256", "kid": provider.key.kid}, claims, provider.key)

    provider.make_token = make_token
    return finish(stage, ewa, f"{running.redirect_uri}?state={asked['state']}&code=c")


def test_the_lying_provider_signs_when_it_does_not_lie(
    stage: Stage, running: Running, hostile: HostileProvider, outbound: httpx.Client
) -> None:
    assert outcome_of(stage, running, hostile, outbound) == ""
    assert signatures(stage) == 1


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ({"auth_time": -70}, "signing_old_login"),
        ({"auth_time": -3600}, "signing_old_login"),
        ({"auth_time": 9, "iat": 0}, "signing_old_login"),
        ({"acr": "idporten-loa-substantial"}, "login_level"),
        ({"nonce": "of another document"}, "login_refused"),
        ({"iat": -200, "exp": -80}, "login_refused"),
    ],
    ids=["a minute old", "an hour old", "from after the token", "low", "another nonce", "an old token"],
)
def test_a_token_that_lies_does_not_sign(
    stage: Stage, running: Running, hostile: HostileProvider, outbound: httpx.Client, lie: dict[str, Any], code: str
) -> None:
    assert outcome_of(stage, running, hostile, outbound, **lie) == code
    assert signatures(stage) == 0


def test_a_token_that_was_good_once_is_not_good_for_the_next_signature(
    stage: Stage, running: Running, hostile: HostileProvider, outbound: httpx.Client
) -> None:
    """A kept token has the nonce of the statement that it was for."""
    assert outcome_of(stage, running, hostile, outbound, acr="idporten-loa-low") == "login_level"
    kept = hostile.make_token(hostile)
    ewa = at(stage, hostile.issuer, running, outbound)
    _, url = begin(stage, ewa)
    hostile.make_token = lambda _: kept
    state = dict(parse_qsl(urlsplit(url).query))["state"]
    assert finish(stage, ewa, f"{running.redirect_uri}?state={state}&code=c") == "login_refused"
    assert signatures(stage) == 0
