"""CycloneDX 1.6 documents, with the time of the commit and no random number."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from release.inventory import Package


def cyclonedx(name: str, version: str, packages: list[Package], epoch: int) -> str:
    """Return the document of an artefact and the packages in it."""
    components = [_component(package) for package in packages]
    identity = json.dumps([name, version, components])
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, identity)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z"),
            "component": {"type": "application", "bom-ref": name, "name": name, "version": version},
        },
        "components": components,
        "dependencies": [{"ref": name, "dependsOn": sorted(package.purl for package in packages)}],
    }
    return json.dumps(document, indent=1) + "\n"


def _component(package: Package) -> dict[str, Any]:
    licence = {"expression": package.licence} if package.is_expression else {"license": {"name": package.licence}}
    hashes = {"hashes": [{"alg": package.algorithm, "content": package.digest}]} if package.digest else {}
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        **hashes,
        "licenses": [licence],
    }
