"""The OpenAPI document: the descriptions of the routes, with the responses and headers of the middleware.

Guarantees:
- Every status that can be returned is documented, with its headers and its problem.
- The document can be read without a token.
"""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import Field

from deldokument.web.api.models import Given
from deldokument.web.http.responses.problems import MEDIA_TYPE
from deldokument.web.http.site import Site

_PROBLEMS = {
    401: "The access token is missing or invalid.",
    403: "The token lacks the scope, you may only read in the account, or the operator has stopped sharing.",
    404: "The object does not exist, or is not yours.",
    408: "The body did not arrive within two minutes.",
    409: "The current state does not allow it, or the first request with that Idempotency-Key is still running.",
    410: "The share has ended, or was withdrawn.",
    413: "The body or a document is too large.",
    415: "The route does not accept this media type.",
    422: "The request breaks a rule. `errors` names each field.",
    429: "Too many requests.",
    500: "The service failed.",
    503: "A dependency of the service does not answer. Try again.",
    507: "Storage is full. Try again later.",
}
_EVERYWHERE = (401, 403, 422, 429, 500, 503)
_BODY = (408, 413, 415, 507)
_CHANGES = {"post": (409, *_BODY), "put": _BODY, "patch": _BODY, "delete": (507,)}
_DESCRIPTION = """\
Share documents with persons and organisations for a limited period, from a fagsystem.

Get a token from Maskinporten with the scope of this service. An administrator must have given your organisation, the
token's consumer, rights to an account, on the account's configuration page. `integrating.md` explains every step to
a published share.

Instants are RFC 3339; responses have them in UTC. Sizes are in bytes. Unknown fields and query parameters are rejected.
Lists are paginated: `next` is the cursor of the next page. Objects that are not yours are answered with 404.
"""
_LICENSE = {"name": "European Union Public Licence 1.2", "identifier": "EUPL-1.2"}
PROGRAMS = "receiving"
"""The tag of the routes for programs that receive. Their tokens are not Maskinporten's."""
_TAGS = {
    "accounts": "The accounts that you may use.",
    "shares": "Shares from draft to expiry: change, publish, extend, withdraw.",
    "documents": "Documents of a draft. Their bytes are uploaded with tus 1.0.0.",
    "receipts": "Who has opened a share, and downloaded and confirmed its documents.",
    "events": "What has happened to a share.",
    "reports": "The report of a share, signed.",
    "webhooks": "Calls to your system when something happens to a share.",
    PROGRAMS: "For a program on a recipient's machine, after the recipient has approved it in a browser.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A key of your choice. Requests that repeat it within 24 hours get the first response again.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "example": "3f1d6c0e-6d0c-4d44-9f0e-8a2e3a1b7c55",
}
_HEADERS: dict[str, Any] = {
    "RateLimit-Policy": {
        "description": "A consumer may make `q` requests in `w` seconds.",
        "schema": {"type": "string"},
        "example": '"consumer";q=600;w=60',
    },
    "RateLimit": {
        "description": "`r` requests are left; in `t` seconds all are available again.",
        "schema": {"type": "string"},
        "example": '"consumer";r=599;t=1',
    },
    "Retry-After": {"description": "Seconds to wait before a retry.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "This is the stored response to the first request with the Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    },
    "Location": {"description": "Address of the new object.", "schema": {"type": "string"}},
}
_ALLOWANCE = ["RateLimit-Policy", "RateLimit"]
_OF_STATUS = {
    401: ["WWW-Authenticate"],
    403: ["WWW-Authenticate"],
    409: ["Retry-After"],
    429: ["Retry-After"],
    503: ["Retry-After"],
}
_DONE = {"200": "Success.", "201": "Created.", "202": "Accepted; it will be done.", "204": "Done; no content."}


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
"""Parameters of other routes' paths that a route's response provides."""


class FieldProblem(Given):
    """A field of the request that breaks a rule."""

    field: str = Field(examples=["recipients[3].number"])
    code: str = Field(examples=["person_number_unknown"])
    message: str


class Problem(Given):
    """An error (RFC 9457).

    `code` is stable and listed in errors.md. `detail` is for people, in a language that you accept.
    """

    type: str = Field(pattern="^urn:deldokument:problem:[a-z_]+$")
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors of a route, in addition to those of every route."""
    return {status: {"description": _PROBLEMS[status]} for status in statuses}


def describe(app: FastAPI, server: str, site: Site) -> dict[str, Any]:
    """Return the document of an application whose paths begin at ``server``; the contact is the site's operator."""
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
    components["securitySchemes"] = {
        "maskinporten": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "program": {"type": "http", "scheme": "bearer"},
    }
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
    places = {
        operation["operationId"]: _PARAMETER.findall(path)
        for path, _, operation in operations
        if not _is_for_programs(operation)
    }
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
    """Add the middleware's responses and headers to an operation."""
    responses, is_for_programs = operation["responses"], _is_for_programs(operation)
    if is_for_programs:
        operation["security"] = [] if operation["operationId"] == "get_program_token" else [{"program": []}]
    refused = {*_EVERYWHERE, *_CHANGES.get(method, ()), *(int(status) for status in responses if status >= "4")}
    for status in sorted(refused):
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    for done in _DONE.keys() & responses.keys():
        names = [] if is_for_programs else _ALLOWANCE + (["Idempotency-Replayed"] if method == "post" else [])
        names += ["Location"] if done == "201" else []
        responses[done] |= {"description": _DONE[done], "headers": _headers(names)}
    if method == "post" and not is_for_programs:
        operation.setdefault("parameters", []).append(_KEY)


def _is_for_programs(operation: Mapping[str, Any]) -> bool:
    return PROGRAMS in operation["tags"]


def _link(operation: dict[str, Any], places: Mapping[str, list[str]]) -> None:
    """Add links to the operations that can use the response's ids."""
    given = _LINKS.get(operation["operationId"])
    if given is None:
        return
    done = next(operation["responses"][status] for status in _DONE if status in operation["responses"])
    done["links"] = {
        name: {"operationId": name, "parameters": {one: given[one] for one in wanted}}
        for name, wanted in places.items()
        if wanted and given.keys() >= set(wanted)
    }
