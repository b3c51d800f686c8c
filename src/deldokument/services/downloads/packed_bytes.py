"""Many short byte strings in little more memory than their bytes.

An append-only list; a string is created when it is read. The bytes are in blocks, because one growing buffer would be
moved again and again and fragment the memory.
"""

from array import array
from collections.abc import Iterable, Iterator

_BLOCK = 64


class PackedBytes:
    """An append-only list of byte strings."""

    def __init__(self, strings: Iterable[bytes] = ()) -> None:
        self._blocks, self._last, self._ends = list[bytes](), bytearray(), array("Q")
        for one in strings:
            self.append(one)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> bytes:
        block = number // _BLOCK
        before = self.start(block * _BLOCK)
        strings = self._blocks[block] if block < len(self._blocks) else self._last
        return bytes(strings[self.start(number) - before : self._ends[number] - before])

    def __iter__(self) -> Iterator[bytes]:
        return (self[number] for number in range(len(self)))

    def append(self, one: bytes) -> None:
        """Add a string at the end."""
        self._last += one
        self._ends.append(self.start(len(self)) + len(one))
        if len(self) % _BLOCK == 0:
            self._blocks.append(bytes(self._last))
            self._last.clear()

    def start(self, number: int) -> int:
        """Return the number of bytes before that string; for the number after the last, the total length."""
        return self._ends[number - 1] if number else 0
