"""What the contracts of Altinn's clients are tried with."""

import httpx
import pytest

from deldokument.adapters.http.client import signing_key
from deldokument.adapters.maskinporten.client import MaskinportenClient
from tests.support.deployment.simulators import Running


@pytest.fixture
def maskinporten(running: Running, outbound: httpx.Client) -> MaskinportenClient:
    """The client of the simulated Maskinporten."""
    return MaskinportenClient(running.maskinporten_issuer, running.client_id, signing_key(running.client_key), outbound)
