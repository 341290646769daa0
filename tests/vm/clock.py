"""The rate of this machine's time stamp counter, which an emulated processor hands through to its guest."""

import ctypes
import mmap
import platform
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
READ = bytes.fromhex("0f3148c1e2204809d0c3")
SECONDS = 0.3


def kilohertz():
    """Counts in a millisecond; nothing where there is no such counter."""
    if platform.machine() != "x86_64":
        return None
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(READ)
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    first = _sample(read)
    time.sleep(SECONDS)
    last = _sample(read)
    return round((last[0] - first[0]) * 1e6 / (last[1] - first[1]))


def _sample(read):
    """The counter and the nanosecond in which it was read: the quickest of many readings, for others may be interrupted."""
    found = []
    for _ in range(200):
        before, count, after = time.monotonic_ns(), read(), time.monotonic_ns()
        found.append((after - before, count, (before + after) / 2))
    return min(found)[1:]
