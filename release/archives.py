"""Tar files that are the same for the same content: one time, no owners, one order, two modes."""

import tarfile
from pathlib import Path


def pack(folder: Path, target: Path, epoch: int) -> None:
    """Write all files of a folder to an uncompressed tar file, below the folder's name."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = tarfile.TarInfo(str(Path(folder.name) / path.relative_to(folder)))
            status = path.stat()
            member.size, member.mtime = status.st_size, epoch
            member.mode = 0o755 if status.st_mode & 0o100 else 0o644
            with path.open("rb") as content:
                archive.addfile(member, content)
