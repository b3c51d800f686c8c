"""Check that only this process's account can read a file with a key."""

import os
from pathlib import Path

_OTHERS = 0o077
_OTHERS_THAN_THE_MASK = 0o037


def is_open_to_others(path: Path, mode: int) -> bool:
    """Return whether accounts other than the owner can read a file with this mode.

    systemd's credentials belong to root, and an access control list lets the unit's account read them. Then the mode's
    group bits are the mask of that list, and let no group read.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    is_credential = bool(folder) and path.parent == Path(folder or "")
    return bool(mode & (_OTHERS_THAN_THE_MASK if is_credential else _OTHERS))
