"""Check digits of Norwegian numbers, for the simulators' validation of input.

Guarantees:
- Only synthetic person numbers are accepted, so an accepted number belongs to nobody.
"""

from typing import Final

_FIRST: Final = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_SECOND: Final = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_ORGANIZATION: Final = (3, 2, 7, 6, 5, 4, 3, 2, 1)
_FIRST_REMAINDERS: Final = frozenset({0, 1, 2, 3})
_LOWEST_SYNTHETIC_MONTH: Final = 41


def is_organization_number(text: str) -> bool:
    return _digits(text, 9) and _remainder(text, _ORGANIZATION) == 0


def is_synthetic_person(text: str) -> bool:
    """Return whether it is a valid fødselsnummer or D-nummer with 40, 65 or 80 added to its month."""
    return (
        _digits(text, 11)
        and int(text[2:4]) >= _LOWEST_SYNTHETIC_MONTH
        and _remainder(text[:10], _FIRST) in _FIRST_REMAINDERS
        and _remainder(text, _SECOND) == 0
    )


def _digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdigit()


def _remainder(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11
