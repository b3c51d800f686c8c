"""Altinn's list of authorized parties on loopback, for service owners (Access Management, Altinn 3).

Guarantees:
- Like the real API, it requires a token with the scope (Maskinporten's or Altinn's own) and a subscription key.
- It refuses unknown query parameters and values.

Rights can be changed at run time: ``POST /_simulator/rights``. The token exchange (altinn_tokens) and the decision
point (altinn_pdp) run at the same address.

Source: Altinn/altinn-authorization-tmp, AuthorizedPartiesController and AuthorizedPartyDto (2026-08).
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from deldokument.simulators.altinn_pdp import DecisionPoint
from deldokument.simulators.altinn_register import Held, Question, Register
from deldokument.simulators.altinn_tokens import Exchange, TokenCheck
from deldokument.simulators.common.cast import load_cast
from deldokument.simulators.common.failures import CONTROL_PREFIX, Failures, read_order
from deldokument.simulators.common.server import command_line, serve

PERSON_TYPE: Final = "urn:altinn:person:identifier-no"
ORGANIZATION_TYPE: Final = "urn:altinn:organization:identifier-no"
DEFAULT_SUBSCRIPTION_KEY: Final = "simulator-subscription-key"
_MAX_FILTERED_PARTIES: Final = 20
_YES_NO: Final = frozenset({"true", "false"})
_YES_NO_AUTO: Final = _YES_NO | {"auto"}
_PARAMETERS: Final[Mapping[str, frozenset[str] | None]] = {
    "includeRoles": _YES_NO,
    "includeAccessPackages": _YES_NO,
    "includeResources": _YES_NO,
    "includeInstances": _YES_NO,
    "includePartiesViaKeyRoles": _YES_NO_AUTO,
    "includeSubParties": _YES_NO_AUTO,
    "includeInactiveParties": _YES_NO_AUTO,
    "orgCode": None,
    "anyOfResourceIds": None,
}


class BadRequest(Exception):
    """A query that breaks rules; ``errors`` names them by field."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("validation")
        self.errors = errors


def read_question(query: Sequence[tuple[str, str]], body: bytes) -> Question:
    """Return the query in a request.

    Raises: BadRequest for any parameter or value that the API does not have.
    """
    errors = {name: ["Unknown parameter."] for name, _ in query if name not in _PARAMETERS}
    for name, value in query:
        allowed = _PARAMETERS.get(name)
        if allowed is not None and value not in allowed:
            errors[name] = [f"The value '{value}' is not valid."]
    try:
        document = json.loads(body)
        parties = document.get("partyFilter") or []
        filtered = frozenset(party["value"] for party in parties if party["type"] == ORGANIZATION_TYPE)
        person = document["value"] if document.get("type") == PERSON_TYPE else None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadRequest({"$": ["The JSON value could not be converted."]}) from None
    if not isinstance(person, str) or len(person) != 11 or not person.isdecimal():
        errors["value"] = ["The person identifier is not valid."]
    if len(filtered) != len(parties) or len(parties) > _MAX_FILTERED_PARTIES:
        errors["partyFilter"] = ["The party filter is not valid."]
    if errors or person is None:
        raise BadRequest(errors)
    values = dict(query)
    return Question(
        person=person,
        parties=filtered,
        roles=values.get("includeRoles", "true") == "true",
        packages=values.get("includeAccessPackages", "false") == "true",
        subunits=values.get("includeSubParties", "true") != "false",
        inactive=values.get("includeInactiveParties", "true") != "false",
    )


class Altinn:
    """One running Altinn."""

    def __init__(self, register: Register, tokens: TokenCheck, subscription_key: str) -> None:
        self._register = register
        self._tokens = tokens
        self._subscription_key = subscription_key

    def routes(self) -> list[Route]:
        prefix = "/accessmanagement/api/v1"
        return [
            Route(f"{prefix}/resourceowner/authorizedparties", self._parties, methods=["POST"]),
            Route(f"{prefix}/serviceowner/authorizedparties", self._parties, methods=["POST"]),
            Route(f"{CONTROL_PREFIX}rights", self._change, methods=["POST"]),
        ]

    async def _parties(self, request: Request) -> Response:
        if refused := await self._tokens.refusal(request, self._subscription_key):
            return refused
        try:
            question = read_question(request.query_params.multi_items(), await request.body())
        except BadRequest as refusal:
            return _problem(refusal.errors)
        return JSONResponse(self._register.parties(question))

    async def _change(self, request: Request) -> Response:
        order = await read_order(request) or {}
        person = self._register.cast.person(str(order.get("person")))
        organization = self._register.cast.organization(str(order.get("organization")))
        if person is None or organization is None:
            return JSONResponse({"error": "expected application/json with person and organization"}, 400)
        held = Held(tuple(order.get("roles", ())), tuple(order.get("packages", ())))
        self._register.change(person, organization, held)
        return JSONResponse({"roles": held.roles, "packages": held.packages})


def _problem(errors: dict[str, list[str]]) -> Response:
    return JSONResponse(
        {
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
            "title": "One or more validation errors occurred.",
            "status": 400,
            "traceId": "00-00000000000000000000000000000001-0000000000000001-00",
            "errors": errors,
        },
        400,
        media_type="application/problem+json",
    )


def build(url: str, options: Namespace) -> ASGIApp:
    register = Register(load_cast(options.cast))
    tokens = TokenCheck(options.maskinporten_issuer, altinn=url, only_altinn=options.only_altinn_tokens)
    routes = [
        *Altinn(register, tokens, options.subscription_key).routes(),
        *DecisionPoint(register, tokens, options.subscription_key).routes(),
        *Exchange(url, TokenCheck(options.maskinporten_issuer)).routes(),
    ]
    return Failures().application(routes)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("altinn", "Altinn's authorized parties for the demo and the tests, on loopback")
    parser.add_argument("--maskinporten-issuer", required=True, help="URL of the Maskinporten simulator")
    parser.add_argument("--subscription-key", default=DEFAULT_SUBSCRIPTION_KEY)
    parser.add_argument("--only-altinn-tokens", action="store_true", help="reject Maskinporten's own tokens")
    options = parser.parse_args(arguments)
    serve("altinn", options, lambda url: build(url, options))


if __name__ == "__main__":
    main()
