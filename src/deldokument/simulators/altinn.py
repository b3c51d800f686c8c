"""Altinn's list of authorized parties on loopback, for service owners (Access Management, Altinn 3).

Guarantees:
- Like the real API, it requires a token with the scope (Maskinporten's or Altinn's own) and a subscription key.
- It refuses unknown query parameters and values.

The real API's filter of parties is missing.

Rights can be changed at run time: ``POST /_simulator/rights``. The token exchange (altinn_tokens) and the decision
point (altinn_pdp) run at the same address.

Source: Altinn/altinn-authorization-tmp, AuthorizedPartiesController and AuthorizedPartyDto (2026-08).
"""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
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
from deldokument.simulators.common.validation import invalid

DEFAULT_SUBSCRIPTION_KEY: Final = "simulator-subscription-key"
YesNo = Literal["true", "false"]


class Query(BaseModel):
    """The supported query parameters of the API."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    include_roles: YesNo = "true"
    include_access_packages: YesNo = "false"
    include_resources: YesNo = "false"
    include_instances: YesNo = "false"
    include_inactive_parties: Literal[YesNo, "auto"] = "true"


class Subject(BaseModel):
    """The person whose parties are requested."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["urn:altinn:person:identifier-no"]
    value: str = Field(pattern=r"^[0-9]{11}$")


def read_question(query: Mapping[str, str], body: bytes) -> Question:
    """Return the query in a request. Raises: ValidationError."""
    wanted = Query.model_validate(query)
    return Question(
        person=Subject.model_validate_json(body).value,
        roles=wanted.include_roles == "true",
        packages=wanted.include_access_packages == "true",
        inactive=wanted.include_inactive_parties != "false",
    )


class Altinn:
    """One running Altinn simulator."""

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
            question = read_question(request.query_params, await request.body())
        except ValidationError as error:
            return invalid(error)
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


def build(url: str, options: Namespace) -> ASGIApp:
    register = Register(load_cast())
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
    serve("altinn", parser.parse_args(arguments), build)


if __name__ == "__main__":
    main()
