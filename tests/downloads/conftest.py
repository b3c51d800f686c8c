"""One share that nobody changes."""

import os
from dataclasses import dataclass

import httpx
import pytest

from tests.support.deployment.deployment import OLA, OLA_NUMBER, Deployment


@dataclass(frozen=True, slots=True)
class Shared:
    """A published share with one document of random bytes over two parts, and Ola who may have it."""

    id: str
    path: str
    content: bytes
    ola: httpx.Client

    def get(self, byte_range: str | None = None, **headers: str) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ola.get(self.path, headers=given | ({"Range": byte_range} if byte_range is not None else {}))


@pytest.fixture(scope="session")
def shared(deployment: Deployment) -> Shared:
    content = os.urandom(10_000_000)
    share_id = deployment.share([OLA_NUMBER], {"vedtak.pdf": content})
    [path] = deployment.document_paths(share_id)
    return Shared(share_id, path, content, deployment.session(OLA, fresh=True))
