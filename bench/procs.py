"""Processes and what they cost, from procfs."""

import os
import subprocess
import time
from pathlib import Path

SERVER_USER = "postgres"


def unprivileged():
    """What makes a child leave root, which neither PostgreSQL nor PgBouncer accept."""
    return {"user": SERVER_USER, "group": SERVER_USER, "extra_groups": []} if os.geteuid() == 0 else {}


def give(path):
    """Hands a file or folder to the user whom servers run as."""
    if os.geteuid() == 0:
        import shutil
        shutil.chown(path, SERVER_USER, SERVER_USER)


def start(command, log):
    """Starts a server that ends with `stop`; its words go to the file `log`."""
    with open(log, "ab") as out:
        return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                stdout=out, stderr=out, **unprivileged())


def stop(child):
    """Ends a server, by force if it does not go by itself."""
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def family(pid):
    """A process and all that descend from it."""
    found, grown = {pid}, True
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parents[int(entry)] = int(stat.rsplit(")", 1)[1].split()[1])
    while grown:
        grown = {child for child, parent in parents.items() if parent in found} - found
        found |= grown
    return found


def rss_kb(pids):
    """Resident kilobytes."""
    total = 0
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in status.splitlines()
                       if line.startswith("VmRSS:")), 0)
    return total


def wait_for(what, ready, child=None, seconds=30):
    """Waits until `ready` answers something true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if child is not None and child.poll() is not None:
            raise SystemExit(f"bench: {what} ended before it was ready")
        if ready():
            return
        time.sleep(0.02)
    raise SystemExit(f"bench: {what} was not ready within {seconds} s")
