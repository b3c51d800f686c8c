"""Altinn's policy decision point on loopback: decides whether a person has a right for an organisation.

Guarantees:
- Like the real one, it requires a token with the scope, a subscription key, known attributes and valid references.
- ``Permit`` comes with a minimum level of authentication.
- ``NotApplicable`` means that no rule matches; ``Indeterminate`` means an unknown person, organisation or resource.
- Results come in the order of the requests, and repeat the attributes marked for the result.

Policies can be changed at run time: ``POST /_simulator/policy``.

Source: Altinn's XACML guide, and the JSON profile of XACML 3.0 with multiple requests, as Altinn serves it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deldokument.simulators.altinn_register import Register
from deldokument.simulators.altinn_tokens import TokenCheck
from deldokument.simulators.common.failures import CONTROL_PREFIX, read_order

SCOPE: Final = "altinn:authorization/authorize"
PATH: Final = "/authorization/api/v1/authorize"
_PERSON: Final = "urn:altinn:person:identifier-no"
_ORGANIZATION: Final = "urn:altinn:organization:identifier-no"
_RESOURCE: Final = "urn:altinn:resource"
_ACTION: Final = "urn:oasis:names:tc:xacml:1.0:action:action-id"
_LEVEL: Final = "urn:altinn:minimum-authenticationlevel"
_CATEGORIES: Final = {"AccessSubject": [_PERSON], "Action": [_ACTION], "Resource": [_RESOURCE, _ORGANIZATION]}
"""The attributes that each category must have."""
_MEMBERS: Final = frozenset({*_CATEGORIES, "ReturnPolicyIdList", "MultiRequests"})


@dataclass(frozen=True, slots=True)
class Policy:
    """Rule for reading a resource: one of the codes is required. ``obligation`` is an additional obligation."""

    codes: frozenset[str]
    level: int = 3
    obligation: str = ""


_POLICIES: Final = {
    "deldokument-taushetsbelagt": Policy(frozenset({"a0236", "post-til-virksomheten-med-taushetsbelagt-innhold"})),
    "deldokument-ordinaer": Policy(
        frozenset({"a0236", "post-til-virksomheten-med-taushetsbelagt-innhold", "ordinaer-post-til-virksomheten"})
    ),
}


class _Malformed(Exception):
    """A malformed request."""


Question = tuple[dict[str, Any], ...]


class DecisionPoint:
    """The decision point over one register."""

    def __init__(self, register: Register, tokens: TokenCheck, subscription_key: str) -> None:
        self._register = register
        self._tokens = tokens
        self._subscription_key = subscription_key
        self._policies = dict(_POLICIES)

    def routes(self) -> list[Route]:
        return [
            Route(PATH, self._authorize, methods=["POST"]),
            Route(f"{CONTROL_PREFIX}policy", self._change, methods=["POST"]),
        ]

    async def _authorize(self, request: Request) -> Response:
        if refusal := await self._tokens.refusal(request, self._subscription_key, frozenset({SCOPE})):
            return refusal
        try:
            questions = list(_questions(await request.body()))
        except (_Malformed, ValueError, KeyError, TypeError, AttributeError):
            return Response(status_code=400)
        return JSONResponse({"response": [self._result(question) for question in questions]})

    async def _change(self, request: Request) -> Response:
        order = await read_order(request) or {}
        policy = self._policies.get(str(order.get("resource")))
        if policy is None:
            return JSONResponse({"error": "expected application/json with a known resource"}, 400)
        changed = replace(
            policy, level=int(order.get("level", policy.level)), obligation=str(order.get("obligation", ""))
        )
        self._policies[str(order["resource"])] = changed
        return JSONResponse({"level": changed.level, "obligation": changed.obligation})

    def _result(self, question: Question) -> dict[str, Any]:
        asked = {attribute["AttributeId"]: attribute["Value"] for part in question for attribute in part["Attribute"]}
        policy = self._policies.get(asked[_RESOURCE])
        decision = self._decision(asked, policy)
        obligations = _obligations(policy) if policy and decision == "Permit" else None
        repeated = [{"attribute": _in_result(part)} for part in question if _in_result(part)]
        return {"decision": decision, "obligations": obligations, "category": repeated or None}

    def _decision(self, asked: Mapping[str, str], policy: Policy | None) -> str:
        held = self._register.held(asked[_PERSON], asked[_ORGANIZATION])
        if held is None or policy is None:
            return "Indeterminate"
        may = asked[_ACTION] == "read" and policy.codes & {code.casefold() for code in held.roles + held.packages}
        return "Permit" if may else "NotApplicable"


def _obligations(policy: Policy) -> list[dict[str, Any]]:
    categories = [_LEVEL, f"{_LEVEL}-org", *([policy.obligation] if policy.obligation else [])]
    return [
        {
            "id": f"urn:altinn:obligation:authenticationLevel{number}",
            "attributeAssignment": [
                {
                    "attributeId": f"urn:altinn:obligation{number}-assignment{number}",
                    "value": str(policy.level),
                    "category": category,
                }
            ],
        }
        for number, category in enumerate(categories, 1)
    ]


def _in_result(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the attributes that are marked for the result."""
    return [
        {"attributeId": attribute["AttributeId"], "value": attribute["Value"]}
        for attribute in part["Attribute"]
        if attribute.get("IncludeInResult")
    ]


def _questions(body: bytes) -> Iterator[Question]:
    """Yield each combination of subject, action and resource that a request asks about.

    Raises: _Malformed, ValueError, KeyError, TypeError or AttributeError if the request is malformed.
    """
    asked = json.loads(body)["Request"]
    if not _MEMBERS.issuperset(asked):
        raise _Malformed
    parts = {name: [_part(name, part) for part in asked[name]] for name in _CATEGORIES}
    if "MultiRequests" not in asked:
        [subject], [action], [resource] = parts.values()
        yield subject, action, resource
        return
    by_id = {part["Id"]: (name, part) for name, found in parts.items() for part in found}
    for reference in asked["MultiRequests"]["RequestReference"]:
        named = dict(by_id[identifier] for identifier in reference["ReferenceId"])
        if named.keys() != _CATEGORIES.keys():
            raise _Malformed
        yield tuple(named[name] for name in _CATEGORIES)


def _part(name: str, part: dict[str, Any]) -> dict[str, Any]:
    attributes = part["Attribute"]
    if sorted(attribute["AttributeId"] for attribute in attributes) != sorted(_CATEGORIES[name]):
        raise _Malformed
    if not all(isinstance(attribute["Value"], str) for attribute in attributes):
        raise _Malformed
    return part
