"""Base models and types of the API's requests and responses.

Guarantees:
- A body with an unknown field is rejected.
- No value is coerced into another type.
- Instants are RFC 3339; responses have them in UTC with ``Z``.
- Sizes are in bytes.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

Item = TypeVar("Item")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def _encodable(text: str) -> str:
    """Reject a lone surrogate, which cannot be encoded."""
    text.encode()
    return text


def _instant(value: Any) -> Any:
    """Parse an RFC 3339 instant; return a datetime unchanged."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _INSTANT.fullmatch(value.upper()):
        raise ValueError("no instant")
    try:
        return datetime.fromisoformat(_to_microseconds(value.upper())).astimezone(UTC)
    except OverflowError:
        raise ValueError("no instant") from None


def _to_microseconds(text: str) -> str:
    return re.sub(r"(\.\d{6})\d+", r"\1", text)


def utc_text(instant: datetime) -> str:
    """Return an instant as the API writes it."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


Text = Annotated[str, AfterValidator(_encodable)]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(utc_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-12-24T11:00:00Z"]}),
]


class Sent(BaseModel):
    """Base of request models."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Given(BaseModel):
    """Base of response models. Every field is always present.

    ``model_validate`` takes a view of the services with fields of the same names.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True, json_schema_serialization_defaults_required=True)


class Items(Given, Generic[Item]):
    """One page of a list. `next` is the cursor of the next page, null on the last one."""

    items: list[Item]
    next: str | None = None
