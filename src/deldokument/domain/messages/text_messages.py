"""Number of SMS that a network sends and charges for a text.

Source: GSM 03.38 (3GPP TS 23.038), the default alphabet and its extension; 3GPP TS 23.040, concatenated messages.
"""

from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
"""Each takes two characters."""
_BASIC_LENGTHS: Final = (160, 153)
_WIDE_LENGTHS: Final = (70, 67)
"""Characters of a single message, and of each part of a longer one, as UTF-16."""


def message_count(text: str) -> int:
    """Return the number of SMS that a text needs."""
    if _BASIC.union(_EXTENSION).issuperset(text):
        length, lengths = len(text) + sum(one in _EXTENSION for one in text), _BASIC_LENGTHS
    else:
        length, lengths = len(text.encode("utf-16-le")) // 2, _WIDE_LENGTHS
    single, part = lengths
    return 1 if length <= single else -(-length // part)
