"""Login with ID-porten: the relying party of OpenID Connect, one login at a time.

Guarantees:
- An Identity is returned only for a person who was sent back to this login (state, nonce, PKCE).
- It comes from the issuer of the request (RFC 9207), in a token that `id_tokens` has validated.
- A logout needs a token of that issuer for this client, and is accepted once.
- Any other response raises LoginFailed.
- No error contains a person's number.

Stores no sessions and no logins.

Sources: Digdir's ID-porten documentation; OpenID Connect Core; RFC 7523, 7636, 9126 and 9207.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Final
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc.jwk import RSAKey

from deldokument.adapters.http.circuit_breaker import Breaker
from deldokument.adapters.idporten.id_tokens import IdTokenValidator, LoginRefused
from deldokument.adapters.idporten.metadata import Metadata, Provider, ProviderUnavailable, read_answer
from deldokument.client.jwt_grant import sign_assertion
from deldokument.domain.errors import LoginFailed
from deldokument.ports.login import Identity, LoginRequest, LogoutForm

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ERROR_CODE: Final = re.compile(r"[a-z_]{1,40}")
_PROVIDER_ERRORS: Final = frozenset({"server_error", "temporarily_unavailable"})


class LoginCancelled(LoginFailed):
    """The person pressed cancel at ID-porten."""

    def __init__(self) -> None:
        super().__init__("login_cancelled")


class IdPorten:
    """One client of ID-porten at ``issuer``. Thread-safe.

    ``client_key`` is one that `signing_key` returns. ``clock`` is Unix time in seconds, for validating
    tokens.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_key: RSAKey,
        redirect_uri: str,
        post_logout_redirect_uri: str,
        http: httpx.Client,
        required_acr: str = "idporten-loa-high",
        clock: Callable[[], float] = time.time,
        breaker: Breaker | None = None,
    ) -> None:
        self._client_id = client_id
        self._key = client_key
        self._redirect_uri = redirect_uri
        self._post_logout_redirect_uri = post_logout_redirect_uri
        self._http = http
        self._required_acr = required_acr
        self._clock = clock
        self._provider = Provider(issuer, http, clock, breaker or Breaker())
        self._judge = IdTokenValidator(self._provider, client_id, required_acr, clock)

    @property
    def issuer(self) -> str:
        """The issuer, as in the provider's tokens and requests."""
        return self._provider.issuer

    def begin(self, locale: str, *, fresh: bool = False, nonce: str = "", on_behalf_of: str = "") -> LoginRequest:
        """Start a login, with ID-porten's page in ``locale`` (nb, nn, en, se).

        ``on_behalf_of`` is the name under which one of our customers is registered at ID-porten for this client.
        ``fresh`` sends ``prompt=login``, as ID-porten documents (it documents no ``max_age``). The caller must check by
        the times of the Identity that the login was fresh.

        Raises: ProviderUnavailable.
        """
        state, own_nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        nonce = nonce or own_nonce
        params = {
            "client_id": self._client_id,
            "response_type": "code",
            "scope": "openid",
            "redirect_uri": self._redirect_uri,
            "state": state,
            "nonce": nonce,
            "code_challenge": _base64url(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
            "acr_values": self._required_acr,
            "ui_locales": locale,
        }
        if fresh:
            params["prompt"] = "login"
        if on_behalf_of:
            params["onbehalfof"] = on_behalf_of
        metadata = self._provider.metadata()
        if metadata.pushed is not None:
            params = {"client_id": self._client_id, "request_uri": self._push(metadata.pushed, params)}
        return LoginRequest(_with_query(metadata.authorization, params), state, nonce, verifier, on_behalf_of)

    def complete(self, params: Mapping[str, str], request: LoginRequest) -> Identity:
        """Return the person who came back with ``params``.

        Raises: a LoginFailed, or ProviderUnavailable; each ends the login for good.
        """
        metadata = self._provider.metadata()
        self._check_callback(params, request.state, metadata)
        id_token = self._redeem(metadata, params["code"], request.code_verifier)
        return self._judge.identity(id_token, request)

    def logout(self, id_token: str, state: str) -> LogoutForm:
        """Return the form with which the browser ends its session at ID-porten and comes back with ``state``.

        Raises: ProviderUnavailable.
        """
        fields = {
            "id_token_hint": id_token,
            "post_logout_redirect_uri": self._post_logout_redirect_uri,
            "state": state,
        }
        return LogoutForm(self._provider.metadata().end_session, fields)

    def framing_origins(self) -> tuple[str, ...]:
        """Return the origins of the provider's pages: ID-porten's logout page has another host than its issuer."""
        metadata = self._provider.metadata()
        addresses = (self._provider.issuer, metadata.authorization, metadata.end_session)
        return tuple(sorted({"{0.scheme}://{0.netloc}".format(urlsplit(address)) for address in addresses}))

    def ended_session(self, logout_token: str) -> AbstractContextManager[str]:
        """Return a context manager with the session that a back-channel logout token ends; see LoginProvider."""
        return self._judge.ended_session(logout_token)

    def _check_callback(self, params: Mapping[str, str], expected_state: str, metadata: Metadata) -> None:
        if not expected_state or not _same(params.get("state", ""), expected_state):
            raise LoginRefused("state of another login")
        issuer = params.get("iss")
        if issuer != self._provider.issuer and (issuer is not None or metadata.names_issuer):
            raise LoginRefused("answer of another issuer")
        error = params.get("error")
        if error == "access_denied":
            raise LoginCancelled
        if error in _PROVIDER_ERRORS:
            raise ProviderUnavailable(f"error {error}")
        if error is not None or not params.get("code"):
            known = error is not None and _ERROR_CODE.fullmatch(error)
            raise LoginRefused(f"error {error}" if known else "neither code nor known error")

    def _push(self, endpoint: str, params: Mapping[str, str]) -> str:
        response = self._post(endpoint, params)
        if response.status_code != httpx.codes.CREATED:
            raise ProviderUnavailable(f"pushed request: status {response.status_code}")
        request_uri = read_answer(response).get("request_uri")
        if not isinstance(request_uri, str):
            raise ProviderUnavailable("pushed request: malformed answer")
        return request_uri

    def _redeem(self, metadata: Metadata, code: str, code_verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": code_verifier,
        }
        response = self._post(metadata.token, form)
        if response.is_client_error:
            raise LoginRefused(f"token: status {response.status_code}")
        if response.status_code != httpx.codes.OK:
            raise ProviderUnavailable(f"token: status {response.status_code}")
        id_token = read_answer(response).get("id_token")
        if not isinstance(id_token, str):
            raise LoginRefused("token: no id_token")
        return id_token

    def _post(self, endpoint: str, form: Mapping[str, str]) -> httpx.Response:
        """Send a form with client authentication (private_key_jwt)."""
        claims = {"iss": self._client_id, "sub": self._client_id, "aud": self._provider.issuer}
        authentication = {
            "client_id": self._client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": sign_assertion(self._key, claims, self._clock()),
        }
        try:
            return self._provider.ask(lambda: self._http.post(endpoint, data={**form, **authentication}))
        except httpx.HTTPError as error:
            raise ProviderUnavailable(type(error).__name__) from error


def _with_query(url: str, params: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
