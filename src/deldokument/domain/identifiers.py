"""Norwegian identifiers of persons and organisations: syntax, check digits and masking.

Guarantees:
- A person's number is canonical (eleven ASCII digits), so one person is never two recipients.
- Neither ``repr`` nor ``str`` reveals it.

Does not derive birth date, sex or century, which numbers assigned from 2032 do not contain. Does not check whether a
number is in use.

Sources:
- Skatteetaten, «fødselsnummer» and «D-nummer»: MOD 11, two control digits.
- The rule for numbers assigned from 2032: first control digit's remainder 0-3.
- Enhetsregisteret: organisation numbers, MOD 11.
"""

import itertools
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from deldokument.domain.errors import InvalidInput

_FIRST_WEIGHTS = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_SECOND_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_ORGANIZATION_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2, 1)
_FIRST_REMAINDERS_FROM_2032 = frozenset({0, 1, 2, 3})
_SYNTHETIC_MONTH_OFFSETS = (80, 65, 40)
_D_NUMBER_DAY_OFFSET = 40
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
PERSON_DIGITS = 11
_SHOWN_DIGITS = 6
ORGANIZATION_DIGITS = 9
_PASTED = re.compile(r"\d{6}[ .-]?\d{5}(?!\w)|\d{3}[ .]?\d{3}[ .]?\d{3}(?!\w)|[^\s,;:|/\\()\[\]{}<>\"'«»•·]+")

PersonKind = Literal["foedselsnummer", "d_nummer"]


@dataclass(frozen=True, slots=True, repr=False)
class PersonIdentifier:
    """A checked fødselsnummer or D-nummer. :func:`parse_person` creates it."""

    value: str
    kind: PersonKind

    @property
    def masked(self) -> str:
        """The masked form, shown after the number was entered: ``210794 *****``."""
        return mask_person(self.value)

    def __repr__(self) -> str:
        return f"<PersonIdentifier {self.kind}>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class OrganizationNumber:
    """A checked organisation number (nine digits). :func:`parse_organization` creates it."""

    value: str

    @property
    def grouped(self) -> str:
        """The form that Enhetsregisteret prints: ``312 824 450``."""
        return f"{self.value[:3]} {self.value[3:6]} {self.value[6:]}"


Identifier = PersonIdentifier | OrganizationNumber


@dataclass(frozen=True, slots=True)
class Consumer:
    """An organisation whose system acts through the API, known by its Maskinporten token (fagsystem).

    ``supplier`` runs the system on its behalf; it is recorded, and has no rights.
    """

    organization: OrganizationNumber
    supplier: OrganizationNumber | None = None


Sharer = PersonIdentifier | Consumer
"""The actor who shares: a person, or an organisation's system."""


def mask_person(digits: str) -> str:
    """Return a person's number in its masked form: ``210794 *****``."""
    return f"{digits[:_SHOWN_DIGITS]} *****"


def mask_digits(text: str) -> str:
    """Mask text that was entered as a person's number, valid or not: only the first six digits stay."""
    shown = itertools.count(1)
    return "".join("*" if c.isdigit() and next(shown) > _SHOWN_DIGITS else c for c in text)


def parse_person(text: str, *, allow_synthetic: bool, field: str = "person") -> PersonIdentifier:
    """Return the person's number in ``text``.

    Synthetic test numbers are accepted only if ``allow_synthetic``.
    Raises: InvalidInput naming ``field`` and the broken rule.
    """
    digits = _digits(text, field, missing="person_number_missing")
    if len(digits) != PERSON_DIGITS:
        raise InvalidInput(field, "person_number_length", digits=len(digits))
    day, month = int(digits[:2]), int(digits[2:4])
    kind: PersonKind = "d_nummer" if day > _D_NUMBER_DAY_OFFSET else "foedselsnummer"
    synthetic = next((offset for offset in _SYNTHETIC_MONTH_OFFSETS if month > offset), 0)
    real_day = day - _D_NUMBER_DAY_OFFSET if kind == "d_nummer" else day
    if not _is_date(real_day, month - synthetic) or not _control_digits_hold(digits):
        raise InvalidInput(field, "person_number_unknown")
    if synthetic and not allow_synthetic:
        raise InvalidInput(field, "person_number_synthetic")
    return PersonIdentifier(digits, kind)


def parse_organization(text: str, *, field: str = "organization") -> OrganizationNumber:
    """Return the organisation number in ``text``.

    Raises: InvalidInput naming ``field`` and the broken rule.
    """
    digits = _digits(text, field, missing="organization_number_missing")
    if len(digits) != ORGANIZATION_DIGITS:
        raise InvalidInput(field, "organization_number_length", digits=len(digits))
    if digits[0] == "0" or _remainder(digits, _ORGANIZATION_WEIGHTS) != 0:
        raise InvalidInput(field, "organization_number_unknown")
    return OrganizationNumber(digits)


def parse_identifier(text: str, *, allow_synthetic: bool) -> Identifier:
    """Return a person's or an organisation's number, distinguished by length (11 or 9 digits).

    Raises: InvalidInput naming the broken rule.
    """
    digits = _digits(text, "recipients")
    if len(digits) == ORGANIZATION_DIGITS:
        return parse_organization(digits, field="recipients")
    if len(digits) == PERSON_DIGITS:
        return parse_person(digits, allow_synthetic=allow_synthetic, field="recipients")
    raise InvalidInput("recipients", "recipient_number_length", digits=len(digits))


def split_pasted(text: str) -> list[str]:
    """Return the candidates for numbers in a pasted list with any separators.

    Spaces that group the digits of one number do not separate.
    """
    return _PASTED.findall(_plain(text))


def _plain(text: str) -> str:
    """Fold full-width digits, remove invisible format characters, and make every kind of space plain."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(" " if c.isspace() and c != "\n" else c for c in folded if unicodedata.category(c) != "Cf")


def _digits(text: str, field: str, *, missing: str = "number_missing") -> str:
    compact = re.sub(r"[\s.-]", "", _plain(text))
    if not compact:
        raise InvalidInput(field, missing)
    if not (compact.isascii() and compact.isdigit()):
        raise InvalidInput(field, "number_not_digits")
    return compact


def _is_date(day: int, month: int) -> bool:
    return 1 <= month <= len(_DAYS_IN_MONTH) and 1 <= day <= _DAYS_IN_MONTH[month - 1]


def _control_digits_hold(digits: str) -> bool:
    return (
        _remainder(digits[:10], _FIRST_WEIGHTS) in _FIRST_REMAINDERS_FROM_2032
        and _remainder(digits, _SECOND_WEIGHTS) == 0
    )


def _remainder(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11
