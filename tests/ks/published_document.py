"""What KS has published, as an OpenAPI document of our own: the facts of ``published``, for programs that read one.

Two things differ from KS' documents. A 204 has no content here, because HTTP gives it none. The form of an upload is
described, which KS' document of Dokumentdeling leaves out.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from deldokument.web.ks.app import PREFIX, STORE_PREFIX
from tests.ks import published
from tests.ks.published import ACCOUNT_NAME, SMS_SENDER, STORE_SUCCESS, SUCCESS, Published

Schema = dict[str, Any]
_UUID: Schema = {"type": "string", "format": "uuid"}
_FORMS: Mapping[Any, Schema] = {
    published._text: {"type": "string"},
    published._whole: {"type": "integer"},
    published._flag: {"type": "boolean"},
    published._uuid: _UUID,
}
_NAME: Schema = {"type": "string", "pattern": f"^{ACCOUNT_NAME}$", "minLength": 2, "maxLength": 200}
_SMS: Schema = {
    "type": "object",
    "required": ["avsendernavn"],
    "properties": {
        "avsendernavn": {"type": "string", "pattern": f"^{SMS_SENDER.pattern}$"},
        "konteringskode": {"type": "string"},
    },
}
_BODIES: Mapping[tuple[str, str], Schema] = {
    ("POST", "/{fiksOrgId}/kontoer"): {
        "type": "object",
        "required": ["navn"],
        "properties": {"navn": _NAME, "varsling": _SMS},
    },
    ("PUT", "/{fiksOrgId}/kontoer/{kontoId}"): {"type": "object", "required": ["navn"], "properties": {"navn": _NAME}},
    ("POST", "/{fiksOrgId}/kontoer/{kontoId}/aktiverVarsling"): _SMS,
}
_RESULTS: Mapping[tuple[str, str], Published | list[Published]] = {
    ("POST", "/kontoer/{kontoId}/deldokument"): published.UPLOADED,
    ("GET", "/kontoer/{kontoId}/mottakere/{dokumentId}"): [published.EXPOSED],
    ("GET", "/kontoer"): [published.AVAILABLE],
    ("GET", "/{fiksOrgId}/kontoer"): [published.ACCOUNT],
    ("POST", "/{fiksOrgId}/kontoer"): published.ACCOUNT,
}
_KONTO = "/api/v1/{fiksOrgId}/kontoer/{kontoId}"
_STORE_BODIES: Mapping[tuple[str, str], Schema] = {
    ("POST", f"{_KONTO}/dokumenter/sok"): {
        "type": "object",
        "required": ["korrelasjonsid"],
        # KS has UUIDs alone. Here it is a share's case number, which may be any text.
        "properties": {"korrelasjonsid": {"type": "string", "pattern": r"\S"}},
    },
    ("PATCH", f"{_KONTO}/dokumenter/{{dokumentId}}"): {
        "type": "object",
        "properties": {"ttl": {"type": "integer"}, "tilgjengeligTil": {"type": "string", "format": "date-time"}},
    },
}
_STORE_RESULTS: Mapping[tuple[str, str], Published | list[Published]] = {
    ("POST", f"{_KONTO}/dokumenter"): published.UPLOADED,
    ("POST", f"{_KONTO}/dokumenter/"): published.UPLOADED,
    ("POST", f"{_KONTO}/dokumenter/sok"): published.FOUND,
    ("GET", f"{_KONTO}/dokumenter/{{dokumentId}}"): published.WITH_EVENTS,
    ("PATCH", f"{_KONTO}/dokumenter/{{dokumentId}}"): published.UPDATED,
    ("GET", f"{_KONTO}/statistikk"): published.STATISTICS,
    ("GET", "/nedlasting/{dokumentId}/metadata"): published.DOWNLOADED,
}
_UPLOADS = frozenset({"/kontoer/{kontoId}/deldokument", f"{_KONTO}/dokumenter", f"{_KONTO}/dokumenter/"})
_FORM: Schema = {
    "type": "object",
    "required": ["metadata", "dokument"],
    "properties": {
        "metadata": {
            "type": "object",
            "required": ["dokumentnavn", "ttl", "eksponertFor"],
            "properties": {
                "dokumentnavn": {"type": "string"},
                "ttl": {"type": "integer"},
                "eksponertFor": {"type": "array", "items": {"type": "object"}},
            },
        },
        "dokument": {"type": "string", "format": "binary"},
    },
}


def document(wanted: Callable[[str], bool]) -> Schema:
    """The document of the wanted paths."""
    paths: dict[str, Any] = {}
    for prefix, success, bodies, results in (
        (PREFIX, SUCCESS, _BODIES, _RESULTS),
        (STORE_PREFIX, STORE_SUCCESS, _STORE_BODIES, _STORE_RESULTS),
    ):
        for (method, path), status in success.items():
            if wanted(path):
                operation = _operation(path, status, bodies.get((method, path)), results.get((method, path)))
                paths.setdefault(prefix + path, {})[method.lower()] = operation
    return {"openapi": "3.0.1", "info": {"title": "KS Fiks", "version": "v1"}, "paths": paths}


def _operation(path: str, status: int, body: Schema | None, result: Published | list[Published] | None) -> Schema:
    names = re.findall(r"\{(\w+)\}", path)
    parameters = [{"name": name, "in": "path", "required": True, "schema": _UUID} for name in names]
    done: Schema = {"description": "Success"}
    if result is not None:
        shape = {"type": "array", "items": _schema(result[0])} if isinstance(result, list) else _schema(result)
        done["content"] = {"application/json": {"schema": shape}}
    error = {"application/json": {"schema": _schema(published.ERROR_MESSAGE)}}
    operation: Schema = {
        "parameters": parameters,
        "responses": {str(status): done, "default": {"description": "Error", "content": error}},
    }
    if path in _UPLOADS:
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
    elif body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _schema(of: Published) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(of.required),
        "properties": {name: _form(check) for name, check in of.fields.items()},
    }


def _form(check: Any) -> Schema:
    inner = getattr(check, "__self__", None)
    return _schema(inner) if isinstance(inner, Published) else _FORMS.get(check, {})
