"""The container image, as an OCI archive, and its SBOM: built where the tools are, and named as left out elsewhere."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from release.inventory import debian_packages, wheels
from release.sbom import cyclonedx

_TOOLS: Final = ("podman", "mmdebstrap")


def build_image(source: Path, output: Path, version: str, epoch: int) -> list[str]:
    """Build the image from the wheels in ``output`` and the wheelhouse; return a line if it is left out."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None] or (["root"] if os.geteuid() else [])
    if missing:
        return [f"LEFT OUT: the container image, which needs {' and '.join(missing)}"]
    context = source / "image"
    context.mkdir()
    for path in (*output.glob("deldokument-*.whl"), output / "requirements.txt"):
        shutil.copy(path, context)
    shutil.copytree(source / "wheelhouse", context / "wheelhouse")
    image = output / f"deldokument-{version}-image.tar"
    words = [str(source / "deploy/container/build"), str(context), version, str(image)]
    subprocess.run(words, env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch)}, check=True)
    listed = image.with_name(f"{image.stem}-packages.txt")
    packages = [*debian_packages(listed.read_text("utf-8")), *wheels(source / "wheelhouse")]
    listed.unlink()
    image.with_suffix(".cdx.json").write_text(cyclonedx("deldokument-image", version, packages, epoch), "utf-8")
    return []
