"""The seal's key is in the worker alone; the server process has no file of it, and issues what is sealed."""

import re
from pathlib import Path

from deldokument.adapters.documents.signing import verify_signature
from deldokument.services.audit.verification import verify_export
from tests.support.deployment.deployment import Deployment, wait_until

NOWHERE = {"seal_key_path": "/nowhere/seal.key", "seal_certificate_path": "/nowhere/seal.pem"}


def has_certificate(deployment: Deployment) -> bool:
    with deployment.deps.database.read() as tx:
        status = tx.seal_requests.status()
    return status is not None and bool(status.certificate)


def test_an_export_is_signed_although_the_server_process_has_no_key(tmp_path: Path) -> None:
    with Deployment(tmp_path, of_commands={"serve": NOWHERE}) as deployment:
        certificate = deployment.settings.seal_certificate_path.read_bytes()
        wait_until(lambda: has_certificate(deployment), 60, "the worker has published no certificate")
        anne = deployment.session("Anne Myhre")
        [tenant] = set(re.findall(r"/konfigurasjon/[\w-]{22}", anne.get("/konfigurasjon", follow_redirects=True).text))
        exported = anne.post(
            f"{tenant}/hendelseslogg/eksport", data={"form": "json"}, headers={"Origin": deployment.url}
        )
        verdict = verify_export(
            exported.content.splitlines(keepends=True), certificates=[certificate], is_signed=verify_signature
        )
    assert (verdict.fault, verdict.is_whole) == (None, True)
    assert verdict.signed_with is not None
