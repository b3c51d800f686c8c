"""Half-open byte ranges, merged and sorted, as receipts keep them."""

from collections.abc import Iterable


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return half-open ranges as the shortest sorted list that covers the same bytes."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(r for r in ranges if r[0] < r[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def largest_ranges(ranges: tuple[tuple[int, int], ...], most: int) -> tuple[tuple[int, int], ...]:
    """Return the ``most`` largest of merged ranges, sorted; of equally large ones, the first.

    Bytes of the other ranges count as not sent.
    """
    if len(ranges) <= most:
        return ranges
    return tuple(sorted(sorted(ranges, key=lambda one: one[0] - one[1])[:most]))


def covers(ranges: tuple[tuple[int, int], ...], length: int) -> bool:
    """Return whether merged ``ranges`` cover all of ``length`` bytes."""
    return length == 0 or ranges == ((0, length),)
