"""An upload over real connections against a list of bytes: requests come, break, hang and race; both ways of bytes."""

import socket
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from deldokument.services.uploads.compaction import compact_parts
from tests.property.test_uploads import LENGTHS, SEEDS, SIZES, Model
from tests.support.deployment.deployment import BOTH_SOCKET_MODES, Deployment, wait_until
from tests.uploads.tus import Tus, answer_of, checksum, reset, status_of


class OverConnections(Model):
    """Every rule is a client's. One that hangs has kept the last byte of its request to itself."""

    running: Deployment

    @initialize(length=LENGTHS)
    def announce(self, length: int) -> None:
        self.deps = self.running.node.deps
        self.share_id = self.running.draft()
        self.length, self.acknowledged = length, b""
        self.connections = ExitStack()
        self.hanging: list[tuple[socket.socket, int, bytes]] = []
        self.choose_the_file_again()

    @precondition(lambda self: self.is_under_way)
    @rule()
    def choose_the_file_again(self) -> None:
        self.upload = Tus(self.running, self.share_id).create(self.length)
        self.document_id = self.upload.ticket.document_id
        self.upload_id = self.upload.path.rpartition("/")[2]

    @precondition(lambda self: self.is_under_way)
    @rule(size=SIZES, seed=SEEDS, known=st.booleans())
    def send(self, size: int, seed: int, known: bool) -> None:
        content = self.some(size, seed)
        answer = self.upload.patch(len(self.acknowledged), content if known else iter([content]))
        assert answer.status_code == 204
        self.acknowledged += content
        assert answer.headers["upload-offset"] == str(len(self.acknowledged))

    @precondition(lambda self: self.is_under_way)
    @rule(size=SIZES, seed=SEEDS, right=st.booleans())
    def send_with_checksum(self, size: int, seed: int, right: bool) -> None:
        content = self.some(size, seed)
        promised = checksum(content if right else content + b"x")
        answer = self.upload.patch(len(self.acknowledged), content, Upload_Checksum=promised)
        assert answer.status_code == (204 if right else 460)
        self.acknowledged += content if right else b""

    @rule(beyond=st.integers(1, 700_000))
    def send_at_a_wrong_offset(self, beyond: int) -> None:
        assert self.upload.patch(len(self.acknowledged) + beyond, b"x").status_code == 409

    @precondition(lambda self: self.is_under_way)
    @rule(beyond=st.integers(1, 1000), known=st.booleans())
    def send_beyond_the_length(self, beyond: int, known: bool) -> None:
        content = bytes(self.length - len(self.acknowledged) + beyond)
        answer = self.upload.patch(len(self.acknowledged), content if known else iter([content]))
        assert answer.status_code == 413

    @precondition(lambda self: self.is_under_way)
    @rule(size=SIZES, seed=SEEDS, abrupt=st.booleans())
    def break_off_and_go_on(self, size: int, seed: int, abrupt: bool) -> None:
        """From where the server is, which may be anywhere in what was sent, and may yet move."""
        offset = len(self.acknowledged)
        announced = self.length - offset
        content = self.some(size, seed)[: announced - 1]
        with self.upload.raw(offset, announced, content) as connection:
            if abrupt:
                reset(connection)
        self.acknowledged += content
        wait_until(self._goes_on, 20, "the upload did not go on")

    def _goes_on(self) -> bool:
        offset = self.upload.offset()
        return self.upload.patch(offset, self.acknowledged[offset:]).status_code == 204

    @precondition(lambda self: self.is_under_way and len(self.hanging) < 2)
    @rule(size=SIZES.filter(bool), seed=SEEDS)
    def hang(self, size: int, seed: int) -> None:
        """A request that stays open while others come."""
        offset, content = len(self.acknowledged), self.some(size, seed)
        raw = self.upload.raw(offset, len(content), content[:-1])
        self.hanging.append((self.connections.enter_context(raw), offset, content))

    @precondition(lambda self: bool(self.hanging))
    @rule()
    def wake(self) -> None:
        """What hung is finished: it wins if nobody was before it, and changes nothing if somebody was."""
        connection, offset, content = self.hanging.pop()
        connection.sendall(content[-1:])
        status = status_of(answer_of(connection))
        if offset == len(self.acknowledged):
            assert status == 204
            self.acknowledged += content
        else:
            assert status == 409

    @precondition(lambda self: self.is_under_way)
    @rule()
    def merge(self) -> None:
        compact_parts(self.deps, self.upload_id, self.document_id, self.data_key())

    @invariant()
    def the_offset_is_what_was_acknowledged(self) -> None:
        assert not hasattr(self, "upload") or self.upload.offset() == len(self.acknowledged)

    def teardown(self) -> None:
        if hasattr(self, "upload"):
            with self.connections:
                self.check()


@pytest.mark.parametrize("histories", [8, pytest.param(100, marks=pytest.mark.large)])
@BOTH_SOCKET_MODES
def test_an_upload_over_connections_agrees_with_a_list_of_bytes(deployment: Deployment, histories: int) -> None:
    machine = type("OnDeployment", (OverConnections,), {"running": deployment})
    # Shrinking a failing example would take longer than the test's time limit.
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    checks = list(HealthCheck)
    chosen = settings(
        max_examples=histories, stateful_step_count=12, phases=phases, deadline=None, suppress_health_check=checks
    )
    run_state_machine_as_test(machine, settings=chosen)
