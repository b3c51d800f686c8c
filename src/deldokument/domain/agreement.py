"""The texts that a tenant and the operator bind themselves by, and the templates for its assessments.

Promises that a merged text holds nothing but what its author wrote and the values as plain words, that its digest tells
it from every other text, and that one rule says when a newer version wants a new signature. A text is Markdown with
placeholders, ``{{tenant_name}}``. Deliberately does not know how a text is shown, nor how it is signed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from enum import StrEnum

from deldokument.domain.errors import InvalidInput, Unavailable

GRACE = timedelta(days=90)
"""How long a tenant may go on under the version it signed after a newer one was published."""

PLACEHOLDERS = frozenset(
    {"operator_name", "operator_number", "return_address", "contract_party", "tenant_name", "tenant_number"}
)
"""What a text may ask to have filled in."""

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.S)
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_VERSION = re.compile(r"(0|[1-9]\d{0,3})(\.(0|[1-9]\d{0,3})){1,2}", re.A)
_HEADING = re.compile(r"#{1,6} ")
_OPENING = re.compile(r"#{1,6} |[-*+] |\d+[.)] |\|")
_TABLE_RULE = re.compile(r"\|[-:| ]+\|")


class AgreementKind(StrEnum):
    """What a text is for."""

    MAIN = "hovedavtale"
    SERVICE = "tjenesteavtale"
    ASSESSMENT = "dpia"
    RISK = "ros"


@dataclass(frozen=True, slots=True)
class AgreementText:
    """One version of a text, placeholders and all. ``published_at`` is None until the operator has published it."""

    kind: AgreementKind
    version: str
    markdown: str
    published_at: datetime | None = None

    @property
    def title(self) -> str:
        """Its first heading."""
        return next(line[2:].strip() for line in self.markdown.splitlines() if line.startswith("# "))


@dataclass(frozen=True, slots=True)
class OperatorDetails:
    """Who the tenant makes its agreement with, as the operator has told us; empty where it has not."""

    name: str = ""
    number: str = ""
    return_address: str = ""
    contract_party: str = ""

    def values(self, tenant_name: str, tenant_number: str) -> dict[str, str]:
        """What is filled in for a tenant."""
        return {
            "operator_name": self.name,
            "operator_number": self.number,
            "return_address": self.return_address,
            "contract_party": self.contract_party,
            "tenant_name": tenant_name,
            "tenant_number": tenant_number,
        }


def merge(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled in; a value is words, whatever Markdown it looks like.

    Raises InvalidInput when the text asks for something unknown, Unavailable when a value is missing or empty.
    """
    wanted = set(_PLACEHOLDER.findall(text))
    if unknown := (wanted | values.keys()) - PLACEHOLDERS:
        raise InvalidInput("text", "placeholder_unknown", name=min(unknown))
    if missing := {name for name in wanted if not values.get(name, "").strip()}:
        raise Unavailable("agreement_incomplete", detail=f"no value for {', '.join(sorted(missing))}")
    return _PLACEHOLDER.sub(lambda found: escaped(values[found[1]]), text)


def escaped(words: str) -> str:
    """Words as Markdown that shows just them: one line, and every mark that could mean something made plain.

    What cannot be shown (control characters, marks that turn the direction of writing) becomes �.
    """
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(words.split()))
    return _PUNCTUATION.sub(r"\\\g<0>", line)


def digest(text: str) -> str:
    """SHA-256 of a text in UTF-8, as hexadecimal digits: what a signature is bound to."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def version_key(version: str) -> tuple[int, ...]:
    """What versions are ordered by: 1.9 comes before 1.10. Raises InvalidInput when it is no version."""
    if not _VERSION.fullmatch(version):
        raise InvalidInput("version", "version_malformed")
    major, minor, patch = (*map(int, version.split(".")), 0)[:3]
    return major, minor, patch


# --- what changed ----------------------------------------------------------------------------------------------------


class ChangeKind(StrEnum):
    """What became of a paragraph."""

    ADDED = "added"
    REMOVED = "removed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Change:
    """A paragraph, heading, item of a list or row of a table, as Markdown, and what became of it."""

    kind: ChangeKind
    paragraph: str


def changes(old: str, new: str) -> list[Change]:
    """Both texts in reading order; what was removed stands before what took its place. Line breaks are no change."""
    before, after = list(_paragraphs(old)), list(_paragraphs(new))
    found: list[Change] = []
    for operation, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if operation == "equal":
            found += [Change(ChangeKind.SAME, paragraph) for paragraph in before[i:j]]
        else:
            found += [Change(ChangeKind.REMOVED, paragraph) for paragraph in before[i:j]]
            found += [Change(ChangeKind.ADDED, paragraph) for paragraph in after[k:m]]
    return found


def _paragraphs(text: str) -> Iterator[str]:
    words: list[str] = []
    for line in (*map(str.strip, text.splitlines()), ""):
        if words and (not line or _OPENING.match(line) or _HEADING.match(words[0])):
            yield " ".join(words)
            words = []
        if line and not _TABLE_RULE.fullmatch(line):
            words.append(line)


# --- when a signature is wanted --------------------------------------------------------------------------------------


class SignatureState(StrEnum):
    """How a tenant's signature stands to the version that is published now."""

    NOT_SIGNED = "not_signed"
    CURRENT = "current"
    DUE = "due"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class SignatureNeed:
    """Whether a new signature is wanted, and ``deadline``: the first instant at which it is overdue."""

    state: SignatureState
    deadline: datetime | None = None


def needs_signature(
    signed_version: str | None,
    signed_at: datetime | None,
    current_version: str,
    current_published_at: datetime,
    now: datetime,
    grace: timedelta = GRACE,
) -> SignatureNeed:
    """How the signature of ``signed_version``, made ``signed_at``, stands ``now``.

    A newer version that is to come (published later than ``now``) wants nothing yet.
    """
    if signed_version is None or signed_at is None:
        return SignatureNeed(SignatureState.NOT_SIGNED)
    if version_key(signed_version) >= version_key(current_version) or now < current_published_at:
        return SignatureNeed(SignatureState.CURRENT)
    deadline = current_published_at + grace
    return SignatureNeed(SignatureState.DUE if now < deadline else SignatureState.OVERDUE, deadline)
