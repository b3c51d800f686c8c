"""A client that sends what KS' Java client for Dokumentlager sends (version 4.0.2), and reads what it reads.

Paths, headers, the order and names of parts, null fields and the precision of times are that client's. It differs in
what docs/ks-compatible.md lists under «Differences from the published client». Answers are read more strictly: a field
that the Java class does not have is refused, and so is one that is missing.
"""

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import httpx
from cryptography import x509

from tests.support.stage.envelopes import enveloped

_Answer = TypeVar("_Answer")
_PIECE = 8192


@dataclass(frozen=True)
class OffsetDateTime:
    """An instant with nanoseconds and the offset that it is written with."""

    at: datetime
    nanoseconds: int = 0

    def __str__(self) -> str:
        text = self.at.replace(microsecond=0).isoformat()
        return f"{text[:19]}.{self.nanoseconds:09}{text[19:]}"


@dataclass(frozen=True)
class Person:
    fnr: str

    def as_json(self) -> dict[str, Any]:
        return {"fnr": self.fnr, "type": "PERSON"}


@dataclass(frozen=True)
class Organisasjon:
    orgnr: str
    ressurs_type: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"orgnr": self.orgnr, "ressursType": self.ressurs_type, "type": "ORGANISASJON"}


@dataclass(frozen=True)
class Integrasjon:
    id: UUID

    def as_json(self) -> dict[str, Any]:
        return {"id": str(self.id), "type": "INTEGRASJON"}


@dataclass(frozen=True)
class Autorisasjon:
    privilegium: str
    ressurs: UUID

    def as_json(self) -> dict[str, Any]:
        return {"privilegium": self.privilegium, "ressurs": str(self.ressurs), "type": "AUTORISASJON"}


Exposed = Person | Organisasjon | Integrasjon | Autorisasjon


@dataclass(frozen=True)
class DokumentMetadataUpload:
    """The metadata of an upload. Unset fields are sent as null."""

    dokumentnavn: str | None = None
    mimetype: str | None = None
    ttl: int | None = None
    tilgjengelig_til: OffsetDateTime | None = None
    eksponert_for: tuple[Exposed, ...] | None = None
    sikkerhetsniva: int | None = None
    korrelasjonsid: UUID | None = None
    ikke_lagre_dokument_lastet_ned: bool | None = None

    def to_json(self) -> str:
        """The object, without spaces, its fields in the order of the Java class."""
        exposed = self.eksponert_for
        return _json(
            {
                "dokumentnavn": self.dokumentnavn,
                "mimetype": self.mimetype,
                "ttl": self.ttl,
                "tilgjengeligTil": self.tilgjengelig_til and str(self.tilgjengelig_til),
                "eksponertFor": None if exposed is None else [one.as_json() for one in exposed],
                "sikkerhetsniva": self.sikkerhetsniva,
                "korrelasjonsid": self.korrelasjonsid and str(self.korrelasjonsid),
                "ikkeLagreDokumentLastetNed": self.ikke_lagre_dokument_lastet_ned,
            }
        )


@dataclass(frozen=True)
class UploadResult:
    id: str
    dokumentnavn: str
    mimeType: str  # noqa: N815
    ukryptertStorrelse: int  # noqa: N815
    kryptertStorrelse: int  # noqa: N815


@dataclass(frozen=True)
class DownloadMetadata:
    id: str
    dokumentnavn: str
    mimeType: str  # noqa: N815
    kryptertStorrelse: int  # noqa: N815
    ukryptertStorrelse: int  # noqa: N815
    korrelasjonsid: str | None


@dataclass(frozen=True)
class UpdateResult:
    id: str
    tilgjengeligTil: str  # noqa: N815


@dataclass(frozen=True)
class Treff:
    id: str
    dokumentnavn: str
    kryptertStorrelse: int | None  # noqa: N815
    ukryptertStorrelse: int  # noqa: N815
    opprettet: str
    mimetype: str
    slettet: bool
    korrelasjonsid: str | None


class DokumentlagerHttpError(Exception):
    """An answer of 400 or more, as the Java client raises it: with status and content."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.status_code}: {answer.text}")
        self.status, self.response = answer.status_code, answer.text


class EmptyDokumentError(Exception):
    """An upload without content, which the client refuses itself."""


class JavaClient:
    """The client, for one integration at one address."""

    def __init__(self, address: str, token: str, integrasjon_id: UUID, integrasjon_passord: str) -> None:
        self._http = httpx.Client(
            base_url=address,
            headers={
                "Accept-Encoding": "gzip",
                "User-Agent": "Jetty/12.0.3",
                "Authorization": f"Bearer {token}",
                "IntegrasjonId": str(integrasjon_id),
                "IntegrasjonPassord": integrasjon_passord,
            },
        )
        self._certificate: x509.Certificate | None = None

    def close(self) -> None:
        self._http.close()

    def upload(
        self, content: bytes, metadata: DokumentMetadataUpload, org: UUID, konto: UUID, *, encrypt: bool = False
    ) -> UploadResult:
        """Upload; encrypted if asked for, and by itself above level 3."""
        if not content:
            raise EmptyDokumentError
        if encrypt or (metadata.sikkerhetsniva or 0) > 3:
            self._certificate = self._certificate or self.public_certificate()
            return self.upload_already_encrypted(enveloped(self._certificate, content), metadata, org, konto)
        return self._upload(content, metadata, org, konto, encrypted=False)

    def upload_already_encrypted(
        self, content: bytes, metadata: DokumentMetadataUpload, org: UUID, konto: UUID
    ) -> UploadResult:
        return self._upload(content, metadata, org, konto, encrypted=True)

    def _upload(
        self, content: bytes, metadata: DokumentMetadataUpload, org: UUID, konto: UUID, *, encrypted: bool
    ) -> UploadResult:
        boundary = secrets.token_urlsafe(24)
        answer = self._send(
            "POST",
            f"{_konto(org, konto)}/dokumenter/",
            params={"kryptert": str(encrypted).lower()},
            content=_multipart(boundary, metadata, content),
            headers={"Content-Type": f'multipart/form-data; boundary="{boundary}"'},
        )
        return _read(UploadResult, answer.json())

    def update_metadata(
        self, org: UUID, konto: UUID, dokument: UUID, *, ttl: int | None = None, til: OffsetDateTime | None = None
    ) -> UpdateResult:
        body = {"ttl": ttl, "tilgjengeligTil": til and str(til)}
        return _read(UpdateResult, self._json("PATCH", _dokument(org, konto, dokument), body).json())

    def delete(self, org: UUID, konto: UUID, dokument: UUID) -> None:
        self._send("DELETE", _dokument(org, konto, dokument))

    def delete_by_korrelasjonsid(self, org: UUID, konto: UUID, korrelasjonsid: UUID) -> None:
        self._send("DELETE", f"{_konto(org, konto)}/korrelasjonsid/{korrelasjonsid}")

    def download(self, dokument: UUID) -> bytes:
        return self._send("GET", f"/dokumentlager/nedlasting/{dokument}").content

    def download_metadata(self, dokument: UUID) -> DownloadMetadata:
        return _read(DownloadMetadata, self._send("GET", f"/dokumentlager/nedlasting/{dokument}/metadata").json())

    def search(
        self, org: UUID, konto: UUID, korrelasjonsid: UUID, fra: int | None = None, til: int | None = None
    ) -> tuple[int, list[Treff]]:
        query = {"fra": _java(fra), "til": _java(til)}
        body = {"korrelasjonsid": str(korrelasjonsid)}
        found = self._json("POST", f"{_konto(org, konto)}/dokumenter/sok", body, params=query).json()
        assert set(found) == {"totaltAntallTreff", "dokumenter"}
        return found["totaltAntallTreff"], [_read(Treff, one) for one in found["dokumenter"]]

    def public_key(self) -> str:
        return self._send("GET", "/dokumentlager/api/v1/public-key").text

    def public_certificate(self) -> x509.Certificate:
        """The certificate, read as the client does: the text between the PEM's lines, in MIME's base64."""
        text = self.public_key().replace("-----BEGIN CERTIFICATE-----", "").replace("-----END CERTIFICATE-----", "")
        return x509.load_der_x509_certificate(base64.b64decode(text))

    def _json(self, method: str, path: str, body: Mapping[str, Any], **options: Any) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        return self._send(method, path, content=_json(body).encode(), headers=headers, **options)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self._http.request(method, path, **options)
        if answer.status_code >= 400:
            raise DokumentlagerHttpError(answer)
        return answer


def _konto(org: UUID, konto: UUID) -> str:
    return f"/dokumentlager/api/v1/{org}/kontoer/{konto}"


def _dokument(org: UUID, konto: UUID, dokument: UUID) -> str:
    return f"{_konto(org, konto)}/dokumenter/{dokument}"


def _java(value: object) -> str:
    """What Java's String.valueOf makes of it."""
    return "null" if value is None else str(value)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _multipart(boundary: str, metadata: DokumentMetadataUpload, content: bytes) -> Iterator[bytes]:
    """The form in pieces, so that it is sent without a length: each part's Content-Type first, as Jetty writes them."""
    name = (metadata.dokumentnavn or "").replace("\\", "\\\\").replace('"', '\\"')
    yield f"--{boundary}\r\nContent-Type: application/json\r\n".encode()
    yield f'Content-Disposition: form-data; name="metadata"\r\n\r\n{metadata.to_json()}'.encode()
    yield f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n".encode()
    yield f'Content-Disposition: form-data; name="dokument"; filename="{name}"\r\n\r\n'.encode()
    yield from (content[at : at + _PIECE] for at in range(0, len(content), _PIECE))
    yield f"\r\n--{boundary}--\r\n".encode()


def _read(kind: type[_Answer], answer: Mapping[str, Any]) -> _Answer:
    """The answer as its class, whose fields it must have, and no others."""
    assert set(answer) == {field.name for field in fields(kind)}, answer  # type: ignore[arg-type]
    read = kind(**answer)
    assert all(type(value).__name__ in _types(kind, name) for name, value in asdict(read).items())  # type: ignore[call-overload]
    UUID(answer["id"])
    return read


def _types(kind: type, name: str) -> str:
    return str(next(field.type for field in fields(kind) if field.name == name)).replace("None", "NoneType")
