"""From files on a machine to a recipient's download, by the library, against the running service."""

import io
import os
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deldokument.client import (
    Client,
    FileChanged,
    Interrupted,
    LocalFile,
    NotConfigured,
    Refused,
    Share,
    To,
)
from deldokument.domain.tenants.tenancy import Account, IntegrationRights
from deldokument.services.accounts.integrations import add_integration
from deldokument.services.accounts.lifecycle import change_account_rules, create_account
from tests.support.deployment.deployment import FJELL, OLA, OLA_NUMBER, SOCKET_MODES, Deployment, SocketMode, wait_until
from tests.support.stage import sender
from tests.support.stored_data import bytes_taken

MIB = 2**20
Connect = Callable[[], Client]


@pytest.fixture(scope="module")
def account(deployment: Deployment) -> Account:
    """Byggesak, which the municipality's own fagsystem may share from."""
    return sender.registered(deployment)


@pytest.fixture
def connect(deployment: Deployment, account: Account, tmp_path: Path) -> Iterator[Connect]:  # noqa: ARG001 - registered first
    """A client of that fagsystem; all those of a test have one state folder."""
    given, opened = sender.environment(deployment, tmp_path), list[Client]()

    def connected() -> Client:
        opened.append(Client.from_environment(given))
        return opened[-1]

    yield connected
    for client in opened:
        client.close()


@pytest.fixture
def until() -> datetime:
    return datetime.now(UTC) + timedelta(days=14)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """«sak», with three files, one of them in a folder of its own and one empty."""
    path = tmp_path / "sak"
    (path / "kart").mkdir(parents=True)
    (path / "vedtak.pdf").write_bytes(os.urandom(3 * MIB))
    (path / "kart" / "øst.png").write_bytes(b"png")
    (path / "tom.txt").write_bytes(b"")
    return path


def downloaded(deployment: Deployment, share: Share) -> dict[str, bytes]:
    """What Ola finds in the zip of all documents, when they have been inspected."""
    ola = deployment.session(OLA)
    path = f"/d/{share.id}/alt.zip"
    wait_until(lambda: ola.get(path).status_code == 200, 60, "the documents were not inspected")
    with zipfile.ZipFile(io.BytesIO(ola.get(path).content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def kept(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "state").iterdir())


def test_a_folder_is_shared_and_its_recipient_gets_it_with_its_paths(
    deployment: Deployment, connect: Connect, folder: Path, until: datetime, tmp_path: Path
) -> None:
    noted: dict[str, int] = {}

    def note(file: LocalFile, done: int) -> None:
        noted[file.name] = done

    share = connect().share(
        [folder],
        account="Byggesak",
        to=[To(OLA_NUMBER, label="søker"), To(FJELL)],
        until=until,
        title="Sak 24/117",
        message="Hei\nher er den.",
        reference="24/117",
        archived=True,
        progress=note,
    )
    assert (share.state, share.title, share.reference, share.proposed) == ("available", "Sak 24/117", "24/117", False)
    assert share.link == f"{deployment.url}/d/{share.id}"
    assert [d.name for d in share.documents] == ["sak/kart/øst.png", "sak/tom.txt", "sak/vedtak.pdf"]
    assert sorted((r.kind, r.label) for r in share.recipients) == [("organization", ""), ("person", "søker")]
    assert noted == {"sak/kart/øst.png": 3, "sak/tom.txt": 0, "sak/vedtak.pdf": 3 * MIB}
    assert downloaded(deployment, share) == {
        f"sak/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    assert kept(tmp_path) == []


def test_added_documents_reach_the_recipient_when_they_are_scanned(
    deployment: Deployment, connect: Connect, folder: Path, until: datetime, tmp_path: Path
) -> None:
    share = connect().share([folder / "tom.txt"], account="Byggesak", to=[To(OLA_NUMBER)], until=until, archived=True)
    changed = connect().add_documents(share.id, [folder / "kart"])
    assert (changed.pending_documents, changed.change_proposed) == ((), False)
    assert [one.name for one in changed.documents] == ["tom.txt", "kart/øst.png"]
    assert downloaded(deployment, changed)["kart/øst.png"] == (folder / "kart" / "øst.png").read_bytes()
    assert kept(tmp_path) == []


def test_an_account_is_found_by_name_or_id_and_the_others_are_named(connect: Connect, account: Account) -> None:
    client = connect()
    assert client.account("Byggesak") == client.account(account.id)
    assert "Byggesak" in [a.name for a in client.accounts()]
    with pytest.raises(Refused, match=r"no account «Barnevern»; available: .*«Byggesak» of Eksempel kommune"):
        client.account("Barnevern")


def test_the_end_moves_receipts_come_and_a_withdrawal_ends_it(
    deployment: Deployment, connect: Connect, folder: Path, until: datetime
) -> None:
    client = connect()
    share = client.share([folder], account="Byggesak", to=[To(OLA_NUMBER)], until=until, archived=True)
    share = client.add_recipients(share.id, [To(FJELL)])
    fjell = next(one.id for one in share.recipients if one.kind == "organization")
    assert client.correct(share.id, title="Rettet").title == "Rettet"
    assert {one.label for one in client.label_recipient(share.id, fjell, "nabo").recipients} == {"", "nabo"}
    client.remove_recipient(share.id, fjell)
    client.remove_document(share.id, share.documents[0].id)
    left = {one.id for one in share.documents[1:]}
    share = client.get(share.id)
    assert {one.id for one in share.documents} == left
    assert [one.kind for one in share.recipients] == ["person"]
    later = until + timedelta(days=1)
    assert client.extend(share.id, later).expires_at == later
    assert list(client.receipts(share.id)) == []
    following = client.follow_receipts(share.id, every=0.05)
    downloaded(deployment, share)
    found = next(following)
    assert (found.event, found.recipient_id) in {(e, share.recipients[0].id) for e in ("opened", "downloaded")}
    # The receipt is recorded a moment after the last byte.
    wait_until(lambda: "downloaded" in {one.event for one in client.receipts(share.id)}, 60, "no receipt of a download")
    assert OLA_NUMBER not in repr(list(client.receipts(share.id)))
    assert client.withdraw(share.id).state == "withdrawn"
    assert all(receipt.recipient_id == share.recipients[0].id for receipt in following)
    events = list(client.events(share.id))
    assert [one.expires_at for one in events if one.event == "expiry_changed"] == [later]
    assert [one.person for one in events if one.event == "document_downloaded"] == [share.recipients[0].display]
    assert all(one.system for one in events if one.event in {"share_published", "share_withdrawn"})
    with pytest.raises(Refused):
        client.extend(share.id, until)


def test_shares_are_listed_newest_first_by_account_state_and_reference(
    connect: Connect, account: Account, folder: Path, until: datetime
) -> None:
    client = connect()
    shares = [
        client.share(
            [folder / "tom.txt"], account=account.id, to=[To(OLA_NUMBER)], until=until, reference="liste", title=title,
            archived=True,
        )
        for title in ("en", "to")
    ]  # fmt: skip
    client.withdraw(shares[0].id)
    assert [s.title for s in client.shares(account_id=account.id, reference="liste")] == ["to", "en"]
    assert [s.title for s in client.shares(state="withdrawn", reference="liste")] == ["en"]
    assert client.get(shares[1].id).title == "to"
    with pytest.raises(Refused) as caught:
        client.get("no-such-share")
    assert caught.value.status == 404


def test_a_refusal_names_the_field_and_nothing_is_shared(connect: Connect, folder: Path, until: datetime) -> None:
    client = connect()
    before = len(list(client.shares(state="available")))
    with pytest.raises(Refused) as caught:
        client.share([folder], account="Byggesak", to=[To("21879498013")], until=until, archived=True)
    assert (caught.value.status, caught.value.faults[0].field) == (422, "recipients[0].number")
    assert "21879498013" not in str(caught.value)
    assert len(list(client.shares(state="available"))) == before


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_stopped_call_resumes_the_same_share_and_sends_nothing_twice(
    deployment: Deployment, connect: Connect, until: datetime, tmp_path: Path, parallel: int
) -> None:
    large = tmp_path / "film.mp4"
    with large.open("wb") as file:
        for _ in range(40):
            file.write(os.urandom(4 * MIB))
    first, again = connect(), connect()

    def stop_halfway(file: LocalFile, done: int) -> None:
        if done > file.length // 2:
            first.stop()

    def share(client: Client, progress: Callable[[LocalFile, int], None]) -> Share:
        return client.share(
            [large],
            account="Byggesak",
            to=[To(OLA_NUMBER)],
            until=until,
            reference=f"avbrutt {parallel}",
            archived=True,
            parallel=parallel,
            progress=progress,
        )

    with pytest.raises(Interrupted):
        share(first, stop_halfway)
    [draft] = again.shares(reference=f"avbrutt {parallel}")
    assert draft.state == "draft"
    assert len(kept(tmp_path)) == 2
    # The server may still be processing bytes from before the connection broke.
    wait_until(lambda: bytes_taken(deployment, draft.id) > 0, 20, "nothing was kept")
    noted: list[int] = []
    resumed = share(again, lambda _, done: noted.append(done))
    assert resumed.id == draft.id
    # The progress continues from the sum of the streams, and never falls below it.
    assert min(noted) == noted[0] > 0
    assert [s.id for s in again.shares(reference=f"avbrutt {parallel}")] == [resumed.id]
    assert downloaded(deployment, resumed) == {"film.mp4": large.read_bytes()}
    assert kept(tmp_path) == []


def test_a_draft_that_the_service_has_given_up_is_begun_anew(
    connect: Connect, folder: Path, until: datetime, tmp_path: Path
) -> None:
    first, again = connect(), connect()
    wanted = {"account": "Byggesak", "to": [To(OLA_NUMBER)], "until": until, "reference": "oppgitt", "archived": True}
    with pytest.raises(Interrupted):
        first.share([folder], **wanted, progress=lambda *_: first.stop())  # type: ignore[arg-type]
    [draft] = again.shares(reference="oppgitt")
    again.discard_draft(draft.id)
    shared = again.share([folder], **wanted)  # type: ignore[arg-type]
    assert shared.id != draft.id
    assert shared.state == "available"
    assert kept(tmp_path) == []


def test_an_answer_that_was_lost_leaves_no_second_share_behind(
    connect: Connect, folder: Path, until: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect()
    wanted = {"account": "Byggesak", "to": [To(OLA_NUMBER)], "until": until, "reference": "tapt", "archived": True}

    def lose(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("deldokument.client.state.Ledger.began", lose)
        with pytest.raises(KeyboardInterrupt):
            client.share([folder], **wanted)  # type: ignore[arg-type]
    with monkeypatch.context() as broken:
        broken.setattr("deldokument.client.state.Ledger.close", lose)
        with pytest.raises(KeyboardInterrupt):
            client.share([folder], **wanted)  # type: ignore[arg-type]
    shared = client.share([folder], **wanted)  # type: ignore[arg-type]
    assert [s.id for s in client.shares(reference="tapt")] == [shared.id]
    assert shared.state == "available"


def test_a_file_that_changes_meanwhile_publishes_nothing(connect: Connect, folder: Path, until: datetime) -> None:
    client = connect()

    def meddle(file: LocalFile, _: int) -> None:
        file.path.touch()
        os.utime(file.path, ns=(0, 1))

    with pytest.raises(FileChanged):
        client.share([folder / "vedtak.pdf"], account="Byggesak", to=[To(OLA_NUMBER)], until=until,
                     reference="endret", archived=True, progress=meddle)  # fmt: skip
    assert [s.state for s in client.shares(reference="endret")] == ["draft"]


def test_two_concurrent_calls_share_once(connect: Connect, folder: Path, until: datetime) -> None:
    client, waiting, entered = connect(), threading.Event(), threading.Event()
    wanted = {"account": "Byggesak", "to": [To(OLA_NUMBER)], "until": until, "reference": "to", "archived": True}
    shared: list[Share] = []

    def hold(*_: object) -> None:
        entered.set()
        waiting.wait(60)

    runner = threading.Thread(target=lambda: shared.append(client.share([folder], **wanted, progress=hold)))  # type: ignore[arg-type]
    runner.start()
    entered.wait(60)
    with pytest.raises(NotConfigured, match="by another process"):
        connect().share([folder], **wanted)  # type: ignore[arg-type]
    waiting.set()
    runner.join()
    assert [s.id for s in client.shares(reference="to")] == [shared[0].id]


@pytest.mark.usefixtures("connect")
def test_who_may_only_read_lists_and_shares_nothing(deployment: Deployment, folder: Path, until: datetime) -> None:
    avtaler = sender.account_of(deployment, "Avtaledokumenter")
    add_integration(
        deployment.node.deps,
        tenant_id=avtaler.tenant_id,
        account_id=avtaler.id,
        organization_number=FJELL,
        rights=IntegrationRights.READ,
    )
    deployment.registers.register_consumer("leser", FJELL)
    with Client.from_environment(sender.environment(deployment, folder.parent, "leser")) as reader:
        assert "Avtaledokumenter" in [a.name for a in reader.accounts()]
        before = list(reader.shares())
        with pytest.raises(Refused) as caught:
            reader.share([folder], account="Avtaledokumenter", to=[To(OLA_NUMBER)], until=until, archived=True)
        assert caught.value.status in (403, 404)
        assert list(reader.shares()) == before


def test_an_account_of_four_eyes_gets_a_proposal_and_the_machine_forgets_it(
    deployment: Deployment, connect: Connect, account: Account, folder: Path, until: datetime, tmp_path: Path
) -> None:
    deps, tenant_id = deployment.node.deps, account.tenant_id
    strict = create_account(deps, tenant_id=tenant_id, name="Fire øyne")
    rules = replace(strict.rules, four_eyes=True)
    change_account_rules(deps, tenant_id=tenant_id, account_id=strict.id, rules=rules, revision=strict.revision)
    add_integration(deps, tenant_id=tenant_id, account_id=strict.id, organization_number=sender.CONSUMER)
    client = connect()
    share = client.share([folder], account="Fire øyne", to=[To(OLA_NUMBER)], until=until, archived=True)
    assert (share.state, share.proposed, share.link) == ("draft", True, f"{deployment.url}/d/{share.id}")
    assert deployment.session(OLA).get(f"/d/{share.id}").status_code == 404
    assert kept(tmp_path) == []


@pytest.mark.parametrize("mode", SOCKET_MODES)
def test_a_killed_server_only_delays_the_upload(until: datetime, tmp_path: Path, mode: SocketMode) -> None:
    large = tmp_path / "film.mp4"
    large.write_bytes(os.urandom(MIB) * 160)
    killed: list[int] = []
    with mode.deployment(tmp_path / "mortal") as mortal:
        sender.registered(mortal)

        def kill_at_a_third(_: LocalFile, done: int) -> None:
            if done > 53 * MIB and not killed:
                killed.append(done)
                mortal.kill()
                mortal.restart()

        with Client.from_environment(sender.environment(mortal, tmp_path)) as client:
            share = client.share([large], account="Byggesak", to=[To(OLA_NUMBER)], until=until, archived=True,
                                 progress=kill_at_a_third)  # fmt: skip
        assert killed
        assert downloaded(mortal, share) == {"film.mp4": large.read_bytes()}
