"""Worker and clamd as they are delivered: documents wait while clamd is away, and are scanned when it is back."""

import signal

from deldokument.adapters.scan_samples import TEST_VIRUS
from tests.support.deployment.deployment import KARI, Deployment, wait_until
from tests.support.deployment.memory import folder_in_memory
from tests.support.servers.clamd import running_clamd

OLA, OLAS_NUMBER = "Ola Nordmann", "21879498012"


def test_documents_wait_for_clamd_and_malware_is_refused() -> None:
    with folder_in_memory() as folder, running_clamd(folder / "clamd") as clamd:
        settings = {"scanner_url": f"unix://{clamd.socket}"}
        with Deployment(folder / "del", settings=settings) as running:
            clamd.signal(signal.SIGKILL)
            waiting = running.draft()
            running.add_recipients(waiting, [OLAS_NUMBER])
            running.upload(waiting, "a.txt", b"innhold")
            running.publish_uninspected(waiting)
            assert "Venter på viruskontroll" in running.session(OLA).get(f"/d/{waiting}").text
            infected = running.draft()
            running.add_recipients(infected, [OLAS_NUMBER])
            running.upload(infected, "a.com", TEST_VIRUS)
            clamd.start()

            def has(share_id: str) -> bool:
                with running.node.deps.database.read() as tx:
                    return all(document.inspected_at for document in tx.shares.documents([share_id]))

            wait_until(lambda: has(waiting) and has(infected), 300, "the documents were not scanned")
            assert running.session(OLA).get(running.document_paths(waiting)[0]).content == b"innhold"
            refused = running.session(KARI).post(f"/del/utkast/{infected}/publisering", json={})
            assert (refused.status_code, "Det er funnet et virus" in refused.text) == (422, True)
