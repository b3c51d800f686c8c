"""Many short byte strings in the room that their bytes take.

Promises what a list of them would, but for changing them; each is made when it is asked for. They lie in blocks: one
long string that grows is moved again and again, and leaves holes in the process's memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

_BLOCK = 64


class PackedBytes:
    """The strings, one after the other."""

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
        """Add one at the end."""
        self._last += one
        self._ends.append(self.start(len(self)) + len(one))
        if len(self) % _BLOCK == 0:
            self._blocks.append(bytes(self._last))
            self._last.clear()

    def start(self, number: int) -> int:
        """How many bytes come before it; of all, for the number that comes after the last."""
        return self._ends[number - 1] if number else 0
