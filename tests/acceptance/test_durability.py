"""What an acknowledgement costs on disk, and what happens when the disk is full."""

import contextlib
import os
import random
import shutil
import struct
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.acceptance.loading import EXPORT, Traffic, trace_request
from tests.acceptance.sidecar import Sidecar, wait_until
from tests.acceptance.test_torture import stored_ids

SINGLE, BULK = Traffic("single"), Traffic("bulk", traces=100)
COUNTING_SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static long *counter;

__attribute__((constructor)) static void open_counter(void) {
    const char *path = getenv("SYNC_COUNT_FILE");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0) return;
    void *shared = mmap(0, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED) counter = shared;
}

int fdatasync(int file) {
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (counter) __sync_fetch_and_add(counter, 1);
    return next(file);
}

int fsync(int file) {
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    if (counter) __sync_fetch_and_add(counter, 1);
    return next(file);
}
"""


@pytest.fixture
def sync_counter(tmp_path: Path) -> tuple[Path, Path]:
    """A library that counts syncs, and the file that holds the count."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: install one (Debian: gcc) to count fdatasync calls")
    source, library, count = tmp_path / "count.c", tmp_path / "count.so", tmp_path / "count"
    source.write_text(COUNTING_SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    count.write_bytes(bytes(8))
    return library, count


def commits(sidecar: Sidecar) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{sidecar.health_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("halo_store_commits_total"))


def test_every_acknowledged_commit_was_synced_to_disk(tmp_path: Path, sync_counter: tuple[Path, Path]) -> None:
    """An acknowledgement from memory is what this product exists to do better than."""
    library, count = sync_counter
    environment = {"LD_PRELOAD": str(library), "SYNC_COUNT_FILE": str(count)}
    requests = 50
    with Sidecar(tmp_path / "data", {"store.merge.interval": "1h"}, environment) as sidecar:
        chance = random.Random(7)
        with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel:
            before, commits_before = struct.unpack("=q", count.read_bytes())[0], commits(sidecar)
            for _ in range(requests):
                channel.unary_unary(EXPORT)(trace_request(SINGLE, chance)[0], timeout=10)
            syncs = struct.unpack("=q", count.read_bytes())[0] - before
            made = commits(sidecar) - commits_before
    print(f"{requests} acknowledged requests, {made:.0f} commits, {syncs} syncs")
    assert made >= 1
    assert syncs >= made
    assert made == requests  # one client that waits for each answer: nothing can be grouped


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    mount = shutil.which("mount")
    path = tmp_path / "small"
    path.mkdir()
    made = mount and os.geteuid() == 0
    if not made or subprocess.run([mount, "-t", "tmpfs", "-o", "size=24m", "tmpfs", path], check=False).returncode:
        pytest.skip("cannot mount a tmpfs: run as root to test a full disk")
    yield path
    subprocess.run(["umount", path], check=True)


def post(url: str, body: bytes) -> int:
    """The status of an export over HTTP."""
    request = urllib.request.Request(url, body, {"content-type": "application/x-protobuf"}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_full_disk_pushes_back_keeps_what_was_acknowledged_and_heals_by_itself(small_disk: Path) -> None:
    """A sidecar that needs a person after every full disk is worse than none."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(16 * 1024 * 1024))
    chance = random.Random(11)
    acknowledged: list[str] = []
    with Sidecar(small_disk / "data", {"store.traces.quiet": "1h"}) as sidecar:
        with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel:
            export = channel.unary_unary(EXPORT)

            def send() -> bytes | None:
                """The body that was pushed back; None when it was acknowledged."""
                body, ids = trace_request(BULK, chance)
                try:
                    export(body, timeout=10)
                except grpc.RpcError as error:
                    assert error.code() is grpc.StatusCode.UNAVAILABLE
                    return body
                acknowledged.extend(ids)
                return None

            while (body := send()) is None:
                pass
            with contextlib.suppress(OSError), (small_disk / "more").open("wb") as rest:
                while True:
                    rest.write(bytes(64 * 1024))
            status = 200
            while status == 200:
                body, ids = trace_request(BULK, chance)
                status = post(sidecar.http_endpoint, body)
                acknowledged += ids if status == 200 else []
            assert status == 503
            ballast.unlink()

            def goes_again() -> bool:
                return post(sidecar.http_endpoint, body) == 200

            wait_until(goes_again, 30)
            acknowledged += ids
        assert sidecar.is_ready()
    print(f"{len(acknowledged)} spans acknowledged on a disk of 24 MiB")
    assert set(stored_ids(small_disk / "data", BULK)) == set(acknowledged)
