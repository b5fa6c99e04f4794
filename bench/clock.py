"""CPU time as perf events count it: from one switch to the next.

The scheduler's own sum (`schedstat`, `utime`, a cgroup's `cpu.stat`) is not good enough here. When somebody
was woken who is to run next, the kernel spares itself a look at the clock in the switch (`rq_clock_skip_update`
in kernel/sched/core.c), and what the old task did since the clock was last read is charged to the next one. Who sends
to many in one system call is charged too little, by a third in the worst case seen, and those whom it woke too much.
"""

import ctypes
import errno
import os
import platform
import struct

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
PERF_TYPE_SOFTWARE = 1
PERF_COUNT_SW_TASK_CLOCK = 1
INHERIT = 1 << 1
# In name only: everybody may ask for a clock without the kernel's part, and this clock has no such part to leave out.
EXCLUDE_KERNEL_AND_HYPERVISOR = 1 << 5 | 1 << 6
ATTRIBUTES_LEN = 112
PERF_FLAG_FD_CLOEXEC = 8


def opened(thread):
    """The clock of one thread and of those that it begins, as a file descriptor (perf_event_open(2));
    nothing if the thread has ended."""
    number = PERF_EVENT_OPEN.get(platform.machine())
    if number is None:
        raise SystemExit(f"bench: no number of perf_event_open is known for {platform.machine()}")
    attributes = struct.pack("<IIQQQQQ", PERF_TYPE_SOFTWARE, ATTRIBUTES_LEN, PERF_COUNT_SW_TASK_CLOCK, 0, 0, 0,
                             INHERIT | EXCLUDE_KERNEL_AND_HYPERVISOR)
    attributes = attributes.ljust(ATTRIBUTES_LEN, b"\0")
    fd = ctypes.CDLL(None, use_errno=True).syscall(number, attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)
    if fd < 0 and ctypes.get_errno() == errno.ESRCH:
        return None
    if fd < 0:
        why = os.strerror(ctypes.get_errno())
        raise SystemExit(f"bench: cannot count the CPU time of thread {thread}: {why}; "
                         "run it as root, or where perf_event_open(2) is allowed (kernel.perf_event_paranoid at most 2)")
    return fd


class Clock:
    """The CPU time of all threads of some processes, from now on."""

    def __init__(self, pids):
        threads = [int(thread) for pid in pids for thread in os.listdir(f"/proc/{pid}/task")]
        events = [opened(thread) for thread in threads]
        self.events = [event for event in events if event is not None]

    def ns(self):
        """Nanoseconds on a processor so far."""
        return sum(struct.unpack("<Q", os.read(event, 8))[0] for event in self.events)

    def close(self):
        for event in self.events:
            os.close(event)
