"""Checkpoints of the event chains: the service signs the number and hash of each chain's last event.

Guarantees:
- A checkpoint is signed only if the chain verifies from the previous checkpoint on, and contains its stored head
  (`heads`). So a writer of the database cannot rewrite the chain up to a checkpoint without detection.
- The certificate alone suffices to verify a checkpoint.
- Any number of workers may sign concurrently.
"""

import hashlib
import ssl
from contextlib import suppress
from dataclasses import replace

from deldokument.domain.chain import BEGINNING, Checkpoint, Fault, Flaw
from deldokument.domain.errors import Broken, Conflict
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.heads import compare_heads, keep_head


def sign_checkpoints(deps: Dependencies) -> int:
    """Sign the chains that have new events and whose last checkpoint is old enough; return their number.

    Raises: Unavailable without a signer; Broken if a chain does not verify, after the other chains are signed.
    """
    now = deps.clock.now()
    with deps.database.read() as tx:
        chains = tx.checkpoints.due_chains(now - deps.config.seal_every, now)
    # Requested first, to fail before reading the chains if there is no signer.
    certificate = deps.signer.certificate() if chains else b""
    compare_heads(deps)
    faults = [fault for fault in (_sign(deps, chain, certificate) for chain in chains) if fault]
    if faults:
        places = (f"{fault.flaw.value} event {fault.number} of {fault.chain}" for fault in faults)
        raise Broken(f"audit trail, not signed any more: {', '.join(places)}")
    return len(chains)


def _sign(deps: Dependencies, chain: str, certificate: bytes) -> Fault | None:
    with deps.database.read() as tx:
        last = tx.checkpoints.last(chain)
        fault = tx.audit.verify_since(chain, last.mark if last else BEGINNING)
        head = tx.audit.head(chain)
    if chain in deps.behind:
        return fault or Fault(chain, head.number + 1, Flaw.CUT_OFF)
    # Before the checkpoint: a chain with a checkpoint but without a head counts as behind.
    if fault := fault or keep_head(deps, chain):
        return fault
    checkpoint = Checkpoint(chain, head.number, head.hash, deps.clock.now(), fingerprint(certificate))
    signed = replace(checkpoint, signature=deps.signer.sign(checkpoint.statement()))
    # Another worker may have been first.
    with suppress(Conflict), deps.database.write() as tx:
        tx.checkpoints.keep_certificate(checkpoint.certificate, certificate)
        tx.checkpoints.add(signed)
    return None


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate (PEM), in lowercase hex. Raises: ValueError.

    Browsers and openssl show the same value.
    """
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.decode("ascii"))).hexdigest()
