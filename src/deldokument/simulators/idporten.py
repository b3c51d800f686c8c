"""ID-porten on loopback: an OpenID Provider that lets the cast, or any synthetic number, log in.

Guarantees:
- Like the real one, it requires PKCE, a registered redirect address, the right audience and the right algorithm.
- A code, pushed request or assertion is accepted only once.
- ``onbehalfof`` must be one of the client's ``customers``.
- When a session ends, every client of that session is logged out (front-channel or back-channel).

Client secrets, refresh tokens, userinfo, ``max_age`` and ``prompt=none`` are missing. It shows no logout frames if the
client asks for a redirect after logout.

Source: Digdir's ID-porten documentation; OpenID Connect Core and RP-Initiated Logout; RFC 7636, 9126, 9207.
"""

import base64
import hashlib
import secrets
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from deldokument.simulators import idporten_logout as logout
from deldokument.simulators import idporten_pages as pages
from deldokument.simulators.common.cast import Cast, load_cast
from deldokument.simulators.common.failures import Failures
from deldokument.simulators.common.numbers import is_synthetic_person
from deldokument.simulators.common.server import command_line, serve
from deldokument.simulators.common.tokens import (
    AssertionRefused,
    Authenticator,
    Client,
    Clients,
    add_client_options,
    public_jwks,
    sign,
    signing_key,
)
from deldokument.simulators.idporten_requests import (
    HIGH,
    LEVELS,
    AuthorizationRequest,
    RequestRefused,
    read_request,
)
from deldokument.simulators.idporten_state import (
    ACCESS_TOKEN_SECONDS,
    CODE_SECONDS,
    LOGIN_PAGE_SECONDS,
    PUSHED_SECONDS,
    SESSION_MAX_SECONDS,
    Grant,
    Login,
    Sessions,
    Shelf,
)

COOKIE: Final = "idporten_simulator_sso"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ID_TOKEN_SECONDS: Final = 120
_REQUEST_URI_PREFIX: Final = "urn:idporten:"
_METHODS: Final = {HIGH: "BankID", "idporten-loa-substantial": "Minid-OTP"}


class IdPorten:
    """One running ID-porten simulator with its key, clients and sessions."""

    def __init__(self, url: str, cast: Cast, clients: Clients, state: Path | None) -> None:
        self._issuer = url
        self._cast = cast
        self._clients = clients
        self._key = signing_key(state, "idporten")
        self._authenticator = Authenticator(clients, {url, f"{url}/token", f"{url}/par"}, {"RS256"})
        self._pushed: Shelf[AuthorizationRequest] = Shelf(PUSHED_SECONDS)
        self._open: Shelf[AuthorizationRequest] = Shelf(LOGIN_PAGE_SECONDS)
        self._codes: Shelf[Grant] = Shelf(CODE_SECONDS)
        self._sessions = Sessions()

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self._metadata),
            Route("/jwks.json", self._jwks),
            Route("/par", self._par, methods=["POST"]),
            Route("/authorize", self._authorize),
            Route("/login", self._login_page),
            Route("/login", self._login, methods=["POST"]),
            Route("/token", self._token, methods=["POST"]),
            Route("/endsession", self._end_session, methods=["GET", "POST"]),
            Route("/idporten.css", self._stylesheet),
        ]

    async def _metadata(self, _: Request) -> Response:
        return JSONResponse(_metadata(self._issuer))

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse(public_jwks(self._key))

    async def _stylesheet(self, _: Request) -> Response:
        return pages.stylesheet()

    async def _par(self, request: Request) -> Response:
        form = _texts(await request.form())
        try:
            client = self._authenticate(form)
            if "request_uri" in form:
                raise RequestRefused("invalid_request", "request_uri cannot be pushed.")
            name = self._pushed.put(read_request(form, client))
        except RequestRefused as refusal:
            return _oauth_error(refusal)
        return _uncached_json({"request_uri": f"{_REQUEST_URI_PREFIX}{name}", "expires_in": PUSHED_SECONDS}, 201)

    async def _authorize(self, request: Request) -> Response:
        try:
            asked = self._find_request(request.query_params)
        except RequestRefused as refusal:
            if refusal.redirect_uri is None:
                return pages.message_page("Feil i forespørselen", str(refusal), 400)
            return self._back(refusal.redirect_uri, refusal.state, error=refusal.error, error_description=refusal.words)
        login = self._sessions.use(request.cookies.get(COOKIE, ""))
        if login is not None and login.satisfies(asked):
            return self._back_with_code(Grant(asked, login))
        return pages.login_page(self._open.put(asked), self._cast.people, asked.customer)

    def _find_request(self, params: Mapping[str, str]) -> AuthorizationRequest:
        if "request_uri" not in params:
            return read_request(params, self._clients.find(params.get("client_id")))
        pushed = self._pushed.take(params["request_uri"].removeprefix(_REQUEST_URI_PREFIX))
        if pushed is None or pushed.client_id != params.get("client_id") or len(params) != 2:
            raise RequestRefused("invalid_request", "request_uri is unknown, used or expired.")
        return pushed

    async def _login_page(self, request: Request) -> Response:
        transaction = request.query_params.get("transaction", "")
        asked = self._open.get(transaction)
        if asked is None:
            return _page_expired()
        person = self._cast.person(request.query_params.get("person", ""))
        identifier = person.identifier if person else ""
        return pages.login_page(transaction, self._cast.people, asked.customer, identifier=identifier)

    async def _login(self, request: Request) -> Response:
        form = _texts(await request.form())
        transaction = form.get("transaction", "")
        asked = self._open.get(transaction)
        if asked is None:
            return _page_expired()
        if form.get("action") == "cancel":
            self._open.drop(transaction)
            return self._back(asked.redirect_uri, asked.state, error="access_denied")
        identifier = "".join(form.get("identifier", "").split())
        if not is_synthetic_person(identifier):
            error = "Skriv et gyldig syntetisk fødselsnummer eller D-nummer, 11 sifre."
            return pages.login_page(transaction, self._cast.people, asked.customer, identifier=identifier, error=error)
        self._open.drop(transaction)
        login = Login(
            subject=identifier,
            identifier=None if form.get("without_pid") else identifier,
            acr=form["level"] if form.get("level") in LEVELS else HIGH,
            auth_time=int(time.time()),
        )
        self._sessions.end(cookie=request.cookies.get(COOKIE, ""))
        response = self._back_with_code(Grant(asked, login))
        response.set_cookie(
            COOKIE, self._sessions.start(login), max_age=SESSION_MAX_SECONDS, httponly=True, samesite="lax"
        )
        return response

    def _back_with_code(self, grant: Grant) -> Response:
        self._sessions.visit(grant.login.sid, grant.request.client_id)
        return self._back(grant.request.redirect_uri, grant.request.state, code=self._codes.put(grant))

    def _back(self, redirect_uri: str, state: str, **answer: str) -> Response:
        answer |= {"iss": self._issuer} | ({"state": state} if state else {})
        return _redirect(redirect_uri, answer)

    async def _token(self, request: Request) -> Response:
        form = _texts(await request.form())
        try:
            client = self._authenticate(form)
            grant = self._redeem_code(form, client)
        except RequestRefused as refusal:
            return _oauth_error(refusal)
        return _uncached_json(
            {
                "access_token": secrets.token_urlsafe(16),
                "id_token": sign(self._key, self._id_claims(grant)),
                "token_type": "Bearer",
                "expires_in": ACCESS_TOKEN_SECONDS,
                "scope": "openid",
            }
        )

    def _authenticate(self, form: Mapping[str, str]) -> Client:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise RequestRefused("invalid_client", "private_key_jwt is required.")
        try:
            client, claims = self._authenticator.authenticate(form.get("client_assertion", ""))
        except AssertionRefused as refusal:
            raise RequestRefused("invalid_client", f"client_assertion: {refusal.flaw}.") from refusal
        if claims.get("sub") != client.client_id or form.get("client_id", client.client_id) != client.client_id:
            raise RequestRefused("invalid_client", "iss, sub and client_id differ.")
        return client

    def _redeem_code(self, form: Mapping[str, str], client: Client) -> Grant:
        if form.get("grant_type") != "authorization_code":
            raise RequestRefused("unsupported_grant_type", "Only authorization_code is supported.")
        grant = self._codes.take(form.get("code", ""))
        if grant is None or grant.request.client_id != client.client_id:
            raise RequestRefused("invalid_grant", "The code is unknown, used or expired.")
        if form.get("redirect_uri") != grant.request.redirect_uri:
            raise RequestRefused("invalid_grant", "redirect_uri differs from the request's.")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if not secrets.compare_digest(_base64url(digest), grant.request.code_challenge):
            raise RequestRefused("invalid_grant", "code_verifier does not fit.")
        return grant

    def _id_claims(self, grant: Grant) -> dict[str, Any]:
        now = int(time.time())
        login, request = grant.login, grant.request
        return {
            "iss": self._issuer,
            "aud": request.client_id,
            "sub": _pairwise_subject(request.client_id, login.subject),
            **({"pid": login.identifier} if login.identifier else {}),
            "acr": login.acr,
            "amr": [_METHODS[login.acr]],
            "auth_time": login.auth_time,
            "iat": now,
            "exp": now + ID_TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(16),
            "locale": request.locale,
            **({"nonce": request.nonce} if request.nonce else {}),
            **({"client_onbehalfof": request.customer} if request.customer else {}),
            "sid": login.sid,
        }

    async def _end_session(self, request: Request) -> Response:
        form = _texts(await request.form()) if request.method == "POST" else {}
        params = {**request.query_params, **form}
        if "id_token_hint" not in params:
            if "confirmed" not in form:
                return pages.logout_page()
            return await self._goodbye(self._sessions.end(cookie=request.cookies.get(COOKIE, "")))
        claims = self._read_hint(params["id_token_hint"])
        client = self._clients.find(claims.get("aud"))
        if client is None:
            return pages.message_page("Feil i forespørselen", "id_token_hint er ikke gyldig.", 400)
        ended = self._sessions.end(cookie=request.cookies.get(COOKIE, ""), sid=str(claims.get("sid")))
        target = params.get("post_logout_redirect_uri")
        if target is None:
            return await self._goodbye(ended)
        await logout.call(self._issuer, self._key, ended, self._clients)
        if target not in client.post_logout_redirect_uris:
            return pages.message_page("Feil i forespørselen", "post_logout_redirect_uri er ikke registrert.", 400)
        return _redirect(target, {"state": params["state"]} if "state" in params else {})

    async def _goodbye(self, ended: logout.Ended) -> Response:
        await logout.call(self._issuer, self._key, ended, self._clients)
        frames = logout.frames(self._issuer, ended, self._clients)
        return pages.message_page("Du er logget ut", "Du kan lukke dette vinduet.", frames=frames)

    def _read_hint(self, id_token: str) -> dict[str, Any]:
        """Return the claims of a token that this simulator issued, of any age; empty for any other token."""
        try:
            claims = jwt.decode(id_token, self._key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return {}
        return claims if claims.get("iss") == self._issuer else {}


def _metadata(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "token_endpoint": f"{issuer}/token",
        "end_session_endpoint": f"{issuer}/endsession",
        "jwks_uri": f"{issuer}/jwks.json",
        "authorization_response_iss_parameter_supported": True,
    }


def _texts(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _redirect(target: str, params: Mapping[str, str]) -> Response:
    if not params:
        return RedirectResponse(target, 303)
    return RedirectResponse(f"{target}{'&' if '?' in target else '?'}{urlencode(params)}", 303)


def _uncached_json(body: Mapping[str, Any], status: int = 200) -> Response:
    return JSONResponse(dict(body), status, headers={"cache-control": "no-store"})


def _oauth_error(refusal: RequestRefused) -> Response:
    status = 401 if refusal.error == "invalid_client" else 400
    return _uncached_json({"error": refusal.error, "error_description": refusal.words}, status)


def _page_expired() -> Response:
    return pages.message_page("Siden er utløpt", "Gå tilbake til tjenesten og prøv på nytt.", 400)


def _pairwise_subject(client_id: str, subject: str) -> str:
    return _base64url(hashlib.sha256(f"idporten-simulator:{client_id}:{subject}".encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def build(url: str, options: Namespace) -> ASGIApp:
    return Failures().application(IdPorten(url, load_cast(), Clients(options.clients), options.state).routes())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("idporten", "ID-porten for the demo and the tests, on loopback")
    add_client_options(parser)
    serve("idporten", parser.parse_args(arguments), build)


if __name__ == "__main__":
    main()
