"""Settings from the service manager's credentials: files that only the process can read.

systemd gives a unit its credentials (`LoadCredential=`) in the folder `$CREDENTIALS_DIRECTORY`. Other container and
secret managers can mount files there. A file with the name of a setting holds its value. Unlike an environment
variable, it is not inherited by other processes, and appears in no dump of the environment.
"""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

FOLDER_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
_MAX_BYTES: Final = 64 << 10


def credentials(names: Collection[str]) -> dict[str, str]:
    """Return the values of the credentials with these names; empty without a folder.

    White space around a value is stripped; an empty value is omitted. Raises: OSError, or ValueError for a file that is
    too long or not text.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return {}
    present = sorted({path.name for path in Path(folder).iterdir()} & set(names))
    values = {name: _value(Path(folder) / name) for name in present}
    return {name: value for name, value in values.items() if value}


def _value(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"{path} is too long")
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        # The error itself would show some of the secret.
        raise ValueError(f"{path} is not text") from None
