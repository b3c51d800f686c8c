"""Inventory of third-party packages: name, version, hash and licence, as wheels, the npm lock and dpkg give them."""

import base64
import hashlib
import json
import re
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

_LICENCE_FILE: Final = re.compile(r"[^/]+\.dist-info/(licenses?/.+|(LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*)", re.I)
_UNNAMED: Final = "see its text"
_MAX_NAME: Final = 64
"""Length of a `License` field that is a name; some packages put the whole text there."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package as it is shipped. ``licence`` is an SPDX expression if ``is_expression``, otherwise a name.

    ``digest`` is "" for an installed Debian package, of which dpkg keeps no hash.
    """

    purl: str
    name: str
    version: str
    algorithm: str
    digest: str
    licence: str
    is_expression: bool
    texts: tuple[str, ...] = ()


def wheels(folder: Path) -> list[Package]:
    """Return the packages of the wheels in a folder, in the order of their names."""
    return sorted((_wheel(path) for path in folder.glob("*.whl")), key=lambda found: found.name)


def npm_packages(lock: Path) -> list[Package]:
    """Return the packages of an npm lock that the browser's scripts and styles are built from."""
    listed = json.loads(lock.read_text("utf-8"))["packages"]
    return [_npm(path, entry) for path, entry in sorted(listed.items()) if path and not entry.get("dev")]


def debian_packages(listed: str) -> list[Package]:
    """Return the packages that dpkg lists: a line each with name, version, architecture and source package."""
    return [_debian(*line.split()) for line in sorted(listed.splitlines())]


def licence_texts(packages: list[Package]) -> str:
    """Return one text with the licence of each package."""
    parts = [f"{one.name} {one.version}\n{one.licence}\n\n" + "\n\n".join(one.texts) for one in packages]
    return f"\n{'-' * 80}\n\n".join(part.strip() + "\n" for part in parts)


def _wheel(path: Path) -> Package:
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        [metadata] = (name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        fields = BytesParser().parsebytes(archive.read(metadata))
        texts = tuple(archive.read(n).decode("utf-8", "replace").strip() for n in names if _LICENCE_FILE.fullmatch(n))
    name, version = str(fields["Name"]), str(fields["Version"])
    licence, is_expression = _licence(fields)
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Package(purl, name, version, "SHA-256", digest, licence, is_expression, texts)


def _debian(name: str, version: str, architecture: str, source: str) -> Package:
    # Debian's list of vulnerabilities names source packages.
    purl = f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={architecture}&distro=debian-13&upstream={source}"
    return Package(purl, name, version, "", "", f"see /usr/share/doc/{name}/copyright", is_expression=False)


def _licence(fields: Message) -> tuple[str, bool]:
    if expression := fields["License-Expression"]:
        return str(expression), True
    classifiers = [str(value).rpartition(" :: ")[2] for value in fields.get_all("Classifier", []) if "License" in value]
    name = str(fields["License"] or "").strip()
    if name and "\n" not in name and len(name) <= _MAX_NAME:
        return name, False
    return " AND ".join(classifiers) or _UNNAMED, False


def _npm(path: str, entry: dict[str, Any]) -> Package:
    name = path.rpartition("node_modules/")[2]
    algorithm, _, encoded = str(entry["integrity"]).partition("-")
    digest = base64.b64decode(encoded).hex()
    purl = f"pkg:npm/{quote(name, safe='/')}@{entry['version']}"
    licence = entry.get("license", "")
    return Package(
        purl,
        name,
        entry["version"],
        algorithm.upper().replace("SHA", "SHA-"),
        digest,
        licence or _UNNAMED,
        bool(licence),
    )
