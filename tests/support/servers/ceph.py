"""A Ceph of the tests' own, whose object gateway speaks S3: one monitor, one storage daemon in memory, one gateway.

The programs are Debian's `ceph-mon`, `ceph-osd` and `radosgw`; for `make test-large` alone.
"""

import json
import secrets
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from obstore.exceptions import BaseError

from deldokument.adapters.blobs.s3 import S3Place
from tests.support.servers.ports import free_ports
from tests.support.servers.seaweedfs import change_bucket

_BUCKET = "tests"
_START_SECONDS = 120.0
# Its daemons, which are on loopback, do not sign messages. Debian builds it with a relative folder for the classes. The
# gateway hangs unless it talks to the monitor without encryption.
_CONFIGURATION = """[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
public_network = 127.0.0.0/8
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
ms_mon_cluster_mode = crc
ms_mon_service_mode = crc
run_dir = {folder}
log_file = {folder}/$name.log
admin_socket = {folder}/$name.asok
osd_pool_default_size = 1
osd_pool_default_min_size = 1
mon_allow_pool_size_one = true
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
mon_max_pg_per_osd = 1000
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_memory_target = 939524096
osd_class_dir = {classes}
osd_class_load_list = *
osd_class_default_list = *
mon_data = {folder}/mon
osd_data = {folder}/osd
[client.rgw]
rgw_data = {folder}/rgw
keyring = {folder}/keyring
rgw_frontends = beast endpoint=127.0.0.1:{gateway}
"""


@contextmanager
def running_ceph(folder: Path) -> Iterator[S3Place]:
    """An empty bucket of a server that answers until the end of the block."""
    if not shutil.which("radosgw"):
        pytest.fail("no radosgw: apt-get install radosgw ceph-mon ceph-osd (make test-large does it)", pytrace=False)
    for name in ("mon", "osd", "rgw"):
        (folder / name).mkdir(parents=True)
    v2, v1, gateway = free_ports(3)
    [classes] = Path("/usr/lib").glob("*/rados-classes")
    names = {"v2": v2, "v1": v1, "gateway": gateway, "folder": folder, "fsid": uuid.uuid4(), "classes": classes}
    configuration = folder / "ceph.conf"
    configuration.write_text(_CONFIGURATION.format(**names))

    def run(program: str, *arguments: str) -> str:
        line = [program, *arguments, "-c", str(configuration)]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=_START_SECONDS)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    with ExitStack() as stack:

        def start(program: str, *arguments: str) -> None:
            with (folder / f"{program}.out").open("wb") as log:
                line = [program, *arguments, "-f", "-c", str(configuration)]
                process = stack.enter_context(subprocess.Popen(line, stdout=log, stderr=log))
            stack.callback(process.kill)

        addresses = f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]"
        run("monmaptool", "--create", "--addv", "a", addresses, "--fsid", str(names["fsid"]), f"{folder}/monmap")
        run("ceph-authtool", "--create-keyring", f"{folder}/keyring", "--gen-key", "-n", "mon.")
        run("ceph-mon", "--mkfs", "-i", "a", "--monmap", f"{folder}/monmap", "--keyring", f"{folder}/keyring")
        start("ceph-mon", "-i", "a")
        daemon = str(uuid.uuid4())
        run("ceph", "osd", "new", daemon)
        run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", daemon)
        run("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=localhost")
        start("ceph-osd", "-i", "0")
        start("radosgw", "-n", "client.rgw")
        created = run("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid=tests", "--display-name=tests")
        [key] = json.loads(created)["keys"]
        place = S3Place(f"http://127.0.0.1:{gateway}", _BUCKET, key["access_key"], key["secret_key"])
        _wait_for_its_bucket(place)
        yield place


@pytest.fixture(scope="session")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Place]:
    """This worker's server."""
    with running_ceph(tmp_path_factory.mktemp("ceph") / "run") as place:
        yield place


@pytest.fixture
def ceph_place(ceph: S3Place) -> S3Place:
    """A place in which nothing is."""
    return replace(ceph, prefix=f"test-{secrets.token_hex(8)}")


def _wait_for_its_bucket(place: S3Place) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            change_bucket(replace(place, prefix=""), "PUT")
            return
        except (httpx.HTTPError, BaseError, OSError):
            assert time.monotonic() < deadline
            time.sleep(0.2)
