"""Signature page of a signed agreement: the confirmed statement, signer, time and proof. In bokmål, like the texts.

The statement is a few lines of text. The nonce of the login that confirms it is SHA-256 over exactly these lines in
UTF-8, in base64url without padding. So the provider's signature on the ID token also covers the statement. Nobody, this
service included, can claim afterwards that it was for another document.

Guarantees:
- The person's number is masked in the document.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deldokument.domain.norwegian_time import OSLO
from deldokument.domain.tenants.agreement import escape

_CLAIMS = {
    "iss": "Utsteder (iss)",
    "aud": "Mottaker (aud)",
    "sub": "Underskriveren hos mottakeren (sub)",
    "acr": "Nivå (acr)",
    "auth_time": "Logget inn (auth_time)",
    "iat": "ID-token utstedt (iat)",
    "jti": "ID-tokenets id (jti)",
    "nonce": "Engangsverdi (nonce)",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement that a signer confirms. ``salt`` makes it different for each login."""

    version: str
    organization_name: str
    organization_number: str
    role: str
    text_sha256: str
    document_sha256: str
    salt: str

    @property
    def text(self) -> str:
        """The lines that the signer confirms."""
        return "\n".join(
            (
                f"Tjenesteavtale, versjon {self.version}",
                f"Virksomhet: {self.organization_name}, {self.organization_number}",
                f"Jeg har fullmakt til å signere for {self.organization_name}.",
                f"Stilling eller rolle: {self.role}",
                f"SHA-256 av teksten: {self.text_sha256}",
                f"SHA-256 av PDF-en: {self.document_sha256}",
                f"Tilfeldig verdi: {self.salt}",
            )
        )

    @property
    def nonce(self) -> str:
        """The nonce by which a login commits to the statement."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.text.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A confirmed statement with signer, time and the provider's proof. ``id_token`` contains the person's number."""

    statement: Statement
    signer: str
    masked: str
    signed_at: datetime
    claims: Mapping[str, str | int]
    id_token: str = field(repr=False)

    @property
    def token_sha256(self) -> str:
        """The hash of the ID token, which binds the document to it. The token is stored encrypted."""
        return hashlib.sha256(self.id_token.encode()).hexdigest()

    def as_json(self) -> str:
        """Return all evidence for a court as JSON, to be stored encrypted."""
        return json.dumps({"statement": self.statement.text, "claims": dict(self.claims), "id_token": self.id_token})


def with_signature(markdown: str, evidence: Evidence) -> str:
    """Return an agreement's text with the signature page appended."""
    statement = evidence.statement
    who = {
        "Avtale": f"Tjenesteavtale, versjon {statement.version}",
        "Virksomhet": statement.organization_name,
        "Organisasjonsnummer": statement.organization_number,
        "Signert av": evidence.signer,
        "Stilling eller rolle": statement.role,
        "Fødselsnummer eller D-nummer": evidence.masked,
        "Signert": f"{_oslo_time(evidence.signed_at)} (norsk tid)",
        "SHA-256 av avtaleteksten": statement.text_sha256,
        "SHA-256 av PDF-en som ble vist": statement.document_sha256,
    }
    login = {words: _claim(name, evidence.claims[name]) for name, words in _CLAIMS.items() if name in evidence.claims}
    page = _PAGE.format(
        who=_table(who),
        statement=statement.text,
        login=_table(login | {"SHA-256 av ID-tokenet": evidence.token_sha256}),
    )
    return f"{markdown.rstrip()}\n\n{page}"


_PAGE = """# Signatur

Avtalen er signert digitalt i Del dokument. Etter at denne siden ble lagt til, er dokumentet forseglet med tjenestens
elektroniske segl. Et program som kontrollerer signaturer i PDF, viser om noe er endret siden.

{who}

## Erklæringen

Dette bekreftet den som signerte:

```
{statement}
```

## Innloggingen

Den som signerte, logget inn på nytt med ID-porten på nivå høyt for å bekrefte erklæringen.

{login}

Engangsverdien er SHA-256 av linjene i erklæringen, i UTF-8 og uten linjeskift til slutt, skrevet som base64url uten
utfylling. ID-porten har signert den, så innloggingen gjelder bare denne erklæringen. ID-tokenet inneholder
fødselsnummeret. Det er lagret kryptert i tjenesten og kan legges fram hvis noen bestrider signaturen.
"""


def _table(rows: Mapping[str, str]) -> str:
    lines = [f"| {words} | {escape(value)} |" for words, value in rows.items()]
    return "\n".join(("| Opplysning | Verdi |", "|---|---|", *lines))


def _claim(name: str, value: str | int) -> str:
    if name in {"auth_time", "iat"}:
        return f"{_oslo_time(datetime.fromtimestamp(int(value), UTC))} (norsk tid)"
    return str(value)


def _oslo_time(instant: datetime) -> str:
    return instant.astimezone(OSLO).strftime("%d.%m.%Y kl. %H.%M.%S")
