"""Restores: chains that a restored database has set back, and the operator's confirmation.

Guarantees:
- The tenant is blocked until an operator has seen what the restore brought back. Nothing is removed automatically.
- A chain is confirmed only if it verifies up to its end. An event records the confirmation.
"""

from dataclasses import dataclass

from deldokument.domain.audit import NO_TENANT, EventKind
from deldokument.domain.chain import Fault, Mark
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.heads import Removal, compared_heads, forget_head, kept_removals, lower_head
from deldokument.services.audit.recording import record_event


@dataclass(frozen=True, slots=True)
class RestoredChain:
    """A chain that is behind.

    ``kept``: the stored head; None if it is missing or does not open. ``found``: the number of the last event in the
    database, which may be newer than the restore. ``lost``: removals that the restore has undone.
    """

    chain: str
    kept: Mark | None
    found: int
    lost: tuple[Removal, ...]


def restored_chains(deps: Dependencies) -> list[RestoredChain]:
    """Return the chains that are behind."""
    behind, _ = compared_heads(deps.database, deps.keyring, deps.integrity)
    with deps.database.read() as tx:
        return [
            RestoredChain(
                chain,
                kept,
                tx.audit.head(chain).number,
                tuple(one for one in kept_removals(deps, f"{chain}:") if not tx.audit.has(chain, one.mark)),
            )
            for chain, kept in sorted(behind.items())
        ]


def confirm_restore(deps: Dependencies, restored: RestoredChain) -> Fault | None:
    """Let the chain continue from its present end; if it does not verify, return the first fault instead.

    If the database does not know the tenant, the stored head is deleted.
    """
    chain = restored.chain
    with deps.database.read() as tx:
        if fault := tx.audit.verify(chain):
            return fault
    with deps.database.write() as tx:
        record_event(
            deps,
            tx,
            EventKind.DATABASE_RESTORED,
            tenant_id=None if chain == NO_TENANT or not restored.found else chain,
            kept=restored.kept.number if restored.kept else 0,
            found=restored.found,
            count=len(restored.lost),
        )
    forget_head(deps, chain, restored.lost)
    return lower_head(deps, chain) if restored.found else None
