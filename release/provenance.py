"""SLSA 1.0 provenance as an in-toto statement: which commit and which locks gave which artefacts.

The signed checksums cover this file, so it has no signature of its own.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path


def digest(path: Path) -> str:
    """Return a file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def statement(artefacts: Iterable[Path], commit: str, locks: Iterable[Path], environment: Mapping[str, str]) -> str:
    """Return the statement about the artefacts of a commit, built in the environment described."""
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path.name, "digest": {"sha256": digest(path)}} for path in artefacts],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:deldokument:make-release:1",
                "externalParameters": {"commit": commit},
                "internalParameters": dict(environment),
                "resolvedDependencies": [
                    {"name": "source", "digest": {"gitCommit": commit}},
                    *({"name": lock.name, "digest": {"sha256": digest(lock)}} for lock in locks),
                ],
            },
            "runDetails": {"builder": {"id": "urn:deldokument:release-machine"}},
        },
    }
    return json.dumps(document, indent=1) + "\n"
