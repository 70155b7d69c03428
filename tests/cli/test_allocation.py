"""What the serving process asks of the allocator."""

import platform
import subprocess
import sys

import pytest

GROW = """
import sys
from cli.allocation import give_large_blocks_back
if sys.argv[1] == "with":
    assert give_large_blocks_back()
def resident_kb():
    return int(open("/proc/self/statm").read().split()[1]) * 4
for _ in range(4):
    blocks = [bytearray(24 << 20) for _ in range(4)]
    small = [bytearray(3 << 20) for _ in range(20)]
    pins = [bytes(200_000) for _ in range(20)]
    del blocks, small
print(resident_kb())
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc",
    reason="the C library is not glibc: run it on a Linux with glibc (Debian, Fedora; not Alpine)",
)
def test_memory_of_large_blocks_is_given_back() -> None:
    """A sidecar has the limit of its pod: what one large request took must be free again for the next."""
    resident = {
        mode: int(subprocess.run([sys.executable, "-c", GROW, mode], capture_output=True, check=True).stdout)
        for mode in ("with", "without")
    }

    assert resident["with"] <= resident["without"]
    assert resident["with"] < 40_000
