"""The OpenAPI document: what the routes say of themselves, and what the gate before them adds to each.

Promises that every status that can be answered is there with its headers and its problem, and that the document can be
read without a token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import Field

from deldokument.web.api.models import Given
from deldokument.web.http.problems import MEDIA_TYPE
from deldokument.web.http.site import Site

_PROBLEMS = {
    401: "The access token is missing or not valid.",
    403: "The token lacks the scope; or you may only read in the account; or the operator has stopped sharing.",
    404: "There is no such thing, or it is not yours.",
    408: "The body did not come in two minutes.",
    409: "The state does not allow it; or the first request of that Idempotency-Key is still running.",
    413: "The body, or a document, is too large.",
    415: "The body is of another kind than the route takes.",
    422: "Something that was sent breaks a rule; `errors` names each field.",
    429: "You are calling too often.",
    500: "Something went wrong with us.",
    503: "Something that we depend on gives no answer. Try again.",
    507: "There is no room for more right now.",
}
_EVERYWHERE = (401, 403, 422, 429, 500, 503)
_BODY = (408, 413, 415, 507)
_CHANGES = {"post": (409, *_BODY), "put": _BODY, "patch": _BODY, "delete": (507,)}
_DESCRIPTION = """\
Share documents with persons and organisations for a period, from a fagsystem.

Get a token from Maskinporten with the scope of this service; it is your organisation, the token's consumer, that must
have been given rights to an account, on that account's page of configuration. `integrating.md` leads from nothing to
a published share.

Instants are RFC 3339, and told in UTC. Sizes are in bytes. Fields that are not known are refused. Lists come in pages:
go on with `next`. What is not yours is not found.
"""
_LICENSE = {"name": "European Union Public Licence 1.2", "identifier": "EUPL-1.2"}
_TAGS = {
    "accounts": "The accounts that you may use.",
    "shares": "Shares from draft to expiry: change, publish, extend, withdraw.",
    "documents": "Documents of a draft. Their bytes are uploaded with tus 1.0.0.",
    "receipts": "Who has opened a share and downloaded its documents.",
    "webhooks": "Calls to your system when something happens to a share.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A name of your own for this request, for 24 hours: sent again, it is answered as the first time.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "example": "3f1d6c0e-6d0c-4d44-9f0e-8a2e3a1b7c55",
}
_HEADERS: dict[str, Any] = {
    "RateLimit-Policy": {
        "description": "How many calls (`q`) a consumer has in how many seconds (`w`).",
        "schema": {"type": "string"},
        "example": '"consumer";q=600;w=60',
    },
    "RateLimit": {
        "description": "How many are left now (`r`), and in how many seconds all are there again (`t`).",
        "schema": {"type": "string"},
        "example": '"consumer";r=599;t=1',
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "The answer is that of the first request of its Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    },
    "Location": {"description": "Where it is from now on.", "schema": {"type": "string"}},
}
_ALLOWANCE = ["RateLimit-Policy", "RateLimit"]
_OF_STATUS = {
    401: ["WWW-Authenticate"],
    403: ["WWW-Authenticate"],
    409: ["Retry-After"],
    429: ["Retry-After"],
    503: ["Retry-After"],
}
_DONE = {"200": "Here it is.", "201": "It has been made.", "202": "It will be done.", "204": "It has been done."}


_PARAMETER = re.compile(r"\{(\w+)\}")
_SHARE, _WEBHOOK = {"share_id": "$request.path.share_id"}, {"webhook_id": "$request.path.webhook_id"}
_LINKS = {
    "create_share": {"share_id": "$response.body#/id"},
    "create_small_share": {"share_id": "$response.body#/id"},
    "add_recipients": _SHARE | {"recipient_id": "$response.body#/recipients/0/id"},
    "add_document": _SHARE | {"document_id": "$response.body#/document/id"},
    "add_webhook": {"webhook_id": "$response.body#/id"},
    "list_deliveries": _WEBHOOK | {"delivery_id": "$response.body#/items/0/id"},
}
"""What the answer of a route gives to the addresses of others."""


class FieldProblem(Given):
    """What is wrong with a field of what was sent."""

    field: str = Field(examples=["recipients[3].number"])
    code: str = Field(examples=["person_number_unknown"])
    message: str


class Problem(Given):
    """RFC 9457. `code` is stable, and listed in errors.md; `detail` is for people, in the language you accept."""

    type: str = Field(pattern="^urn:deldokument:problem:[a-z_]+$")
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route can answer beside what every route can."""
    return {status: {"description": _PROBLEMS[status]} for status in statuses}


def describe(app: FastAPI, server: str, site: Site) -> dict[str, Any]:
    """The document of an application whose paths begin at ``server``; the contact is the site's operator."""
    document = get_openapi(
        title="Del dokument",
        version="1",
        description=_DESCRIPTION,
        routes=app.routes,
        servers=[{"url": server}],
        contact={"name": site.operator_name, "url": f"{site.public_url}/kontakt"},
        license_info=_LICENSE,
        tags=[{"name": name, "description": description} for name, description in _TAGS.items()],
    )
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"maskinporten": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    document["security"] = [{"maskinporten": []}]
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = Problem.model_json_schema(mode="validation", ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    components["headers"] = _HEADERS
    components["responses"] = {f"Problem{status}": _problem(status) for status in _PROBLEMS}
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    places = {operation["operationId"]: _PARAMETER.findall(path) for path, _, operation in operations}
    for _, method, operation in operations:
        _complete(method, operation)
        _link(operation, places)
    return document


def _problem(status: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers = ([] if status == 401 else _ALLOWANCE) + _OF_STATUS.get(status, [])
    return {"description": _PROBLEMS[status], "content": content, "headers": _headers(headers)}


def _headers(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _complete(method: str, operation: dict[str, Any]) -> None:
    """Add what the gate answers, and the headers that it sets."""
    responses = operation["responses"]
    refused = {*_EVERYWHERE, *_CHANGES.get(method, ()), *(int(status) for status in responses if status >= "4")}
    for status in sorted(refused):
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    for done in _DONE.keys() & responses.keys():
        names = _ALLOWANCE + (["Idempotency-Replayed"] if method == "post" else [])
        names += ["Location"] if done == "201" else []
        responses[done] |= {"description": _DONE[done], "headers": _headers(names)}
    if method == "post":
        operation.setdefault("parameters", []).append(_KEY)


def _link(operation: dict[str, Any], places: Mapping[str, list[str]]) -> None:
    """Say where the caller can go on with what it was answered."""
    given = _LINKS.get(operation["operationId"])
    if given is None:
        return
    done = next(operation["responses"][status] for status in _DONE if status in operation["responses"])
    done["links"] = {
        name: {"operationId": name, "parameters": {one: given[one] for one in wanted}}
        for name, wanted in places.items()
        if wanted and given.keys() >= set(wanted)
    }
