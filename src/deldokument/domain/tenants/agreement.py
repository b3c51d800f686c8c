"""Agreement texts of tenant and operator, and templates for assessments.

A text is Markdown with placeholders such as ``{{tenant_name}}``.

Guarantees:
- A merged text contains the author's text, and the values as plain words.
- Different texts have different digests.

Does not render or sign texts.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from enum import StrEnum

from deldokument.domain.characters import belongs_in_text
from deldokument.domain.errors import InvalidInput, Unavailable

GRACE = timedelta(days=90)
"""How long a tenant may continue under its signed version after a newer one was published."""

PLACEHOLDERS = frozenset(
    {"operator_name", "operator_number", "return_address", "contract_party"}
    | {"tenant_name", "tenant_number", "tenant_email"}
)
"""Names of all placeholders that a text may contain."""

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.S)
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_VERSION = re.compile(r"(0|[1-9]\d{0,3})(\.(0|[1-9]\d{0,3})){1,2}", re.A)
_HEADING = re.compile(r"#{1,6} ")
_OPENING = re.compile(r"#{1,6} |[-*+] |\d+[.)] |\|")
_TABLE_RULE = re.compile(r"\|[-:| ]+\|")


class AgreementKind(StrEnum):
    """Purpose of a text."""

    MAIN = "hovedavtale"
    SERVICE = "tjenesteavtale"
    ASSESSMENT = "dpia"
    RISK = "ros"


@dataclass(frozen=True, slots=True)
class AgreementText:
    """One version of a text, with its placeholders.

    ``published_at`` is None until the operator has published it.
    """

    kind: AgreementKind
    version: str
    markdown: str
    published_at: datetime | None = None

    @property
    def title(self) -> str:
        """The text's first heading."""
        return next(line[2:].strip() for line in self.markdown.splitlines() if line.startswith("# "))


@dataclass(frozen=True, slots=True)
class OperatorDetails:
    """The operator as a party to the agreement, from the settings; unset values are empty."""

    name: str = ""
    number: str = ""
    return_address: str = ""
    contract_party: str = ""

    def values(self, tenant_name: str, tenant_number: str, tenant_email: str) -> dict[str, str]:
        """Return the values of all placeholders for a tenant."""
        return {
            "operator_name": self.name,
            "operator_number": self.number,
            "return_address": self.return_address,
            "contract_party": self.contract_party,
            "tenant_name": tenant_name,
            "tenant_number": tenant_number,
            "tenant_email": tenant_email,
        }


def merge(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders filled in; values are escaped, so they add no Markdown.

    Raises: InvalidInput if the text or the values have an unknown placeholder; Unavailable if a value is missing or
    blank.
    """
    wanted = set(_PLACEHOLDER.findall(text))
    if unknown := (wanted | values.keys()) - PLACEHOLDERS:
        raise InvalidInput("text", "placeholder_unknown", name=min(unknown))
    if missing := {name for name in wanted if not values.get(name, "").strip()}:
        raise Unavailable("agreement_incomplete", detail=f"no value for {', '.join(sorted(missing))}")
    return _PLACEHOLDER.sub(lambda found: escape(values[found[1]]), text)


def escape(words: str) -> str:
    """Return Markdown that shows exactly these words on one line, with punctuation escaped.

    Characters that cannot be shown (control characters, marks of writing direction) become �.
    """
    line = "".join(c if belongs_in_text(c) else "\N{REPLACEMENT CHARACTER}" for c in " ".join(words.split()))
    return _PUNCTUATION.sub(r"\\\g<0>", line)


def digest(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hexadecimal: a signature covers it."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def version_key(version: str) -> tuple[int, ...]:
    """Return the sort key of a version: 1.9 comes before 1.10.

    Raises: InvalidInput if it is not a version.
    """
    if not _VERSION.fullmatch(version):
        raise InvalidInput("version", "version_malformed")
    major, minor, patch = (*map(int, version.split(".")), 0)[:3]
    return major, minor, patch


class ChangeKind(StrEnum):
    """How a paragraph differs between two versions."""

    ADDED = "added"
    REMOVED = "removed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Change:
    """A paragraph, heading, list item or table row, as Markdown, and whether it was added or removed."""

    kind: ChangeKind
    paragraph: str


def changes(old: str, new: str) -> list[Change]:
    """Return the paragraphs of both texts in reading order, as unchanged, removed or added.

    Removed paragraphs come before those that replace them. Different line breaks are not a change.
    """
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


class SignatureState(StrEnum):
    """State of a tenant's signature relative to the published version."""

    NOT_SIGNED = "not_signed"
    CURRENT = "current"
    DUE = "due"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class SignatureNeed:
    """Whether a new signature is needed, and its deadline: the first instant at which it is overdue."""

    state: SignatureState
    deadline: datetime | None = None


def needs_signature(
    signed_version: str, current_version: str, current_published_at: datetime, now: datetime
) -> SignatureNeed:
    """Return the state at ``now`` of a signature of ``signed_version``.

    A version published after ``now`` needs no signature yet.
    """
    if version_key(signed_version) >= version_key(current_version) or now < current_published_at:
        return SignatureNeed(SignatureState.CURRENT)
    deadline = current_published_at + GRACE
    return SignatureNeed(SignatureState.DUE if now < deadline else SignatureState.OVERDUE, deadline)
