"""Sealing the chains of events: the service signs how far each has come, and with which hash.

Promises that nothing is sealed that does not follow from what was sealed before, so that whoever can write to the
database, but has not the key of the seal, cannot rewrite a chain unnoticed as far as a seal stands. A seal is verified
with the certificate alone. Any number of workers may do it.
"""

from __future__ import annotations

import hashlib
import ssl
from contextlib import suppress
from dataclasses import replace

from deldokument.domain.chain import BEGINNING, Fault, Seal
from deldokument.domain.errors import Broken, Conflict
from deldokument.ports.dependencies import Dependencies


def sign_checkpoints(deps: Dependencies) -> int:
    """One round: the chains that have moved, and whose last seal is old enough.

    Raises Unavailable when there is no seal; Broken, the other chains having been sealed, for one that does not hold.
    """
    now = deps.clock.now()
    with deps.database.read() as tx:
        chains = tx.audit.unsealed(now - deps.rules.seal_every, now)
    # Asked for first: without a seal nothing is to be read, however much there is.
    certificate = deps.seal.certificate() if chains else b""
    faults = [fault for fault in (_seal(deps, chain, certificate) for chain in chains) if fault]
    if faults:
        told = (f"{fault.flaw.value} event {fault.number} of {fault.chain}" for fault in faults)
        raise Broken(f"audit trail, not sealed any more: {', '.join(told)}")
    return len(chains)


def _seal(deps: Dependencies, chain: str, certificate: bytes) -> Fault | None:
    with deps.database.read() as tx:
        last = tx.audit.last_seal(chain)
        fault = tx.audit.verify_since(chain, last.mark if last else BEGINNING)
        head = tx.audit.head(chain)
    if fault:
        return fault
    seal = Seal(chain, head.number, head.hash, deps.clock.now(), fingerprint(certificate))
    signed = replace(seal, signature=deps.seal.sign(seal.statement()))
    # Another worker may have been first.
    with suppress(Conflict), deps.database.write() as tx:
        tx.audit.keep_certificate(seal.certificate, certificate)
        tx.audit.add_seal(signed)
    return None


def fingerprint(certificate: bytes) -> str:
    """SHA-256 over a certificate (PEM), as browsers and openssl show it, in small hex digits. Raises ValueError."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.decode("ascii"))).hexdigest()
