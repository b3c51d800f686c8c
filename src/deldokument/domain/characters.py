"""Invisible characters: which of them are allowed in names and texts, and which texts are blank.

Bidirectional controls are not allowed, because they can make a name look like another.
"""

import re
from typing import Final
from unicodedata import category

_JOINERS: Final = "\u00ad\u200c\u200d"
"""Soft hyphen (Word), zero width non-joiner (Persian), zero width joiner (Indic scripts, emoji)."""
_WRITTEN: Final = frozenset(_JOINERS + "\u00a0\u202f")
"""With the no-break spaces, of which Norwegian numbers have one («12 000 kr»)."""
_WITHOUT_JOINERS: Final = str.maketrans("", "", _JOINERS)
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters, marks and symbols without ink; all other invisible characters are known by their category."""
_BLANK_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})


def belongs_in_text(character: str) -> bool:
    """Return whether a character is visible, a space, or an invisible character that a script needs."""
    return character.isprintable() or character in _WRITTEN


def is_blank(text: str) -> bool:
    """Return whether nothing of the text can be seen."""
    return all(category(c) in _BLANK_CATEGORIES or _BLANK.match(c) for c in text)


def without_joiners(text: str) -> str:
    """Return the text as a reader sees it: without joiners and soft hyphens."""
    return text.translate(_WITHOUT_JOINERS)
