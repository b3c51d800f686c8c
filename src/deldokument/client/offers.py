"""A share as its recipient sees it, and the API calls of a program that receives for the recipient."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from deldokument.client.errors import Unreachable
from deldokument.client.models import parse, read_response
from deldokument.client.transport import Transport


@dataclass(frozen=True, slots=True)
class OfferedDocument:
    """A document that the recipient may get.

    - ``name``: a relative path, with slashes
    - ``handling``: released, or warned (the person must accept a warning), or waiting, held or refused
    - ``state``: None, started (partly downloaded), sent (downloaded) or received (confirmed)
    """

    id: str
    name: str
    length: int
    sha256: str
    etag: str
    handling: str
    state: str | None


@dataclass(frozen=True, slots=True)
class Offer:
    """A share as its recipient sees it."""

    id: str
    title: str
    sender: str
    expires_at: datetime
    documents: tuple[OfferedDocument, ...]


class ProgramToken:
    """The token of an approved program. Before the approval it is a placeholder, which the service refuses."""

    def __init__(self) -> None:
        self._token = "none"  # noqa: S105

    def token(self) -> str:
        """Return the token."""
        return self._token

    def forget(self, token: str) -> None:
        """Do nothing: only a new approval by the person gives another token."""

    def replace(self, token: str) -> None:
        """Use this token from now on."""
        self._token = token


class OfferApi:
    """The API calls for one share. Every method raises Refused, Unreachable or Interrupted."""

    def __init__(self, transport: Transport, share_id: str) -> None:
        self._transport = transport
        self._path = f"/offers/{quote(share_id, safe='')}"

    def token(self, code: str, verifier: str) -> str:
        """Return the token for a code."""
        found = self._transport.call("POST", f"{self._path}/token", body={"code": code, "verifier": verifier})
        if not isinstance(token := found.get("token"), str):
            raise Unreachable("invalid response: no token")
        return token

    def get(self) -> Offer:
        """Return the share. The service records that the person has opened it."""
        return read_response(_offer, self._transport.call("GET", self._path))

    def confirm(self, documents: Collection[str] = (), warnings: Collection[str] = ()) -> None:
        """Confirm documents that have been received, or warnings that the person has accepted."""
        body = {"documents": list(documents), "warnings": list(warnings)}
        self._transport.call("POST", f"{self._path}/confirmation", body=body)


def _offer(found: Mapping[str, Any]) -> Offer:
    return parse(Offer, found, documents=tuple(map(_document, found["documents"])))


def _document(found: Mapping[str, Any]) -> OfferedDocument:
    sums = {"sha256": found["sha256"] or "", "etag": found["etag"] or ""}
    return parse(OfferedDocument, found, name=found["path"], length=int(found["length"]), **sums)
