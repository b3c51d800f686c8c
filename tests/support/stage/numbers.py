"""As many synthetic numbers of persons as a test wants: they can be nobody's."""

from collections.abc import Iterator
from itertools import islice

_FIRST = (3, 7, 6, 1, 8, 9, 4, 5, 2)
_SECOND = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_DAYS, _MONTHS, _YEARS = range(1, 29), range(81, 93), range(40, 100)


def synthetic_numbers(count: int) -> list[str]:
    """Different numbers with 80 added to the month, always the same ones."""
    return list(islice(_numbers(), count))


def _numbers() -> Iterator[str]:
    for year in _YEARS:
        for month in _MONTHS:
            for day in _DAYS:
                for individual in range(500):
                    nine = f"{day:02}{month}{year:02}{individual:03}"
                    ten = nine + _control_digit(nine, _FIRST)
                    eleven = ten + (_control_digit(ten, _SECOND) if len(ten) == len(_SECOND) else "")
                    if len(eleven) == len(_SECOND) + 1:
                        yield eleven


def _control_digit(digits: str, weights: tuple[int, ...]) -> str:
    """Empty where it would be 10."""
    rest = -sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11
    return str(rest) if rest < 10 else ""
