"""Workers at the same time share the work: none is done twice, and none is left."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance.share_keys import destroy_share_keys
from tests.nodes.conftest import Nodes
from tests.support.deployment.deployment import KARI, OLA_NUMBER
from tests.support.stage.inspection import inspect_documents

# Two nodes, their registers and a database start before the first of them.
pytestmark = pytest.mark.timeout(400)

_SHARES = 6


@dataclass
class Noted:
    """A port of which ``method`` is noted: what it was called with, and how often."""

    inner: Any
    method: str
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name != self.method:
            return found

        def noted(first: Any, *others: Any) -> Any:
            self.calls.update([first] if isinstance(first, str) else first)
            return found(first, *others)

        return noted


def _two_at_once(deps: Dependencies, reconcile: Callable[[Dependencies], int]) -> int:
    start = threading.Barrier(2)

    def work(_: int) -> int:
        start.wait(60)
        done = 0
        while count := reconcile(deps):
            done += count
        return done

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(work, range(2)))


def test_two_workers_inspect_each_document_once_and_destroy_each_key_once(nodes: Nodes) -> None:
    deployment, kari = nodes.deployment, nodes.deployment.session(KARI)
    shares = []
    for _ in range(_SHARES):
        shares.append(deployment.draft())
        deployment.add_recipients(shares[-1], [OLA_NUMBER])
        deployment.upload(shares[-1], "a.bin", bytes(100_000))
        assert kari.post(f"/del/utkast/{shares[-1]}/publisering", json={}).is_success
    deps = deployment.node.deps
    reads = Noted(deps.blobs, "read")
    assert _two_at_once(replace(deps, blobs=reads), inspect_documents) >= _SHARES
    with deps.database.read() as tx:
        assert all(document.inspected_at for document in tx.shares.documents(shares))
    assert set(reads.calls.values()) == {1}
    for share_id in shares:
        deployment.withdraw(share_id)
    keys = Noted(deps.keyring, "destroy")
    assert _two_at_once(replace(deps, keyring=keys), destroy_share_keys) >= _SHARES
    assert {share_key_id(share_id) for share_id in shares} <= set(keys.calls)
    assert set(keys.calls.values()) == {1}
    assert not deps.keyring.get(list(keys.calls))
