"""One window: pgbench against one target, and what it cost meanwhile."""

import glob
import os
import re
import subprocess
import time
from dataclasses import dataclass
from statistics import median

import clock
import procs
import targets
import wire

WARM_UP_S = 1
MOMENT_S = 0.05


@dataclass
class Window:
    """Figures of one window. CPU in microseconds a transaction, latencies in milliseconds."""
    tps: float
    cpu: float
    rss_kb: int
    p50: float
    p99: float
    p999: float
    moment: float
    """p99 ÷ p50 of what ended within the same 50 ms, the median of all such moments."""

    @property
    def spread(self):
        return self.p99 / self.p50 if self.p50 else 0.0


def measure(row, target, seconds, folder):
    """Runs a window of `seconds` after a warm-up. CPU is counted between two of pgbench's own
    progress lines, so that connecting is left out of it."""
    script = folder / "script.sql"
    script.write_text(row.script)
    log = folder / "latency"
    command = [targets.server_program("pgbench"), "-n", "-M", row.mode, "-c", str(row.clients),
               "-j", str(min(2, row.clients)), "-T", str(seconds + WARM_UP_S), "-P", "1", "-l", "--log-prefix", str(log),
               "-h", "127.0.0.1", "-p", str(target.port), "-U", wire.USER, *row.arguments]
    if row.script:
        command += ["-f", str(script)]
    environment = os.environ | {"PGPASSWORD": targets.PASSWORD, "PGSSLMODE": "require" if row.tls else "disable",
                                "PGDATABASE": "bench"}
    child = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment)
    pids, marks, words = target.pids(), [], []
    used = clock.Clock(pids)
    for line in child.stderr:
        words.append(line)
        found = re.match(r"progress: [\d.]+ s, ([\d.]+) tps", line)
        if found:
            marks.append((time.monotonic(), float(found[1]), used.ns(), procs.rss_kb(pids)))
    used.close()
    if child.wait() != 0:
        raise SystemExit(f"bench: pgbench failed on {row.name}: " + "".join(words[-5:]))
    spans = [(later[0] - earlier[0], later[1]) for earlier, later in zip(marks, marks[1:])]
    done = sum(span * tps for span, tps in spans)
    elapsed = sum(span for span, _ in spans)
    cpu_ns = marks[-1][2] - marks[0][2]
    return Window(done / elapsed, cpu_ns / 1000 / done, marks[-1][3], *latencies(log))


def share_of(times, share):
    return times[min(len(times) - 1, int(len(times) * share))]


def latencies(log):
    """p50, p99 and p99.9 in milliseconds of what ended after the warm-up, and the spread of a moment."""
    files = glob.glob(f"{log}.*")
    lines = []
    for name in files:
        with open(name) as logged:
            lines += [line.split() for line in logged]
        os.remove(name)
    ended = [(int(line[4]) + int(line[5]) / 1e6, int(line[2])) for line in lines if line[2].isdigit()]
    begin = min(end for end, _ in ended) + WARM_UP_S
    ended = sorted((latency, end) for end, latency in ended if end >= begin)
    times, moments = [latency for latency, _ in ended], {}
    for latency, end in ended:
        moments.setdefault(int((end - begin) / MOMENT_S), []).append(latency)
    spreads = [share_of(moment, 0.99) / max(1, share_of(moment, 0.5)) for moment in moments.values()]
    return *(share_of(times, share) / 1000 for share in (0.5, 0.99, 0.999)), median(spreads)


def idle_bytes(target, clients=5000, base=50):
    """Resident bytes for each client that does nothing: after its login, and after one query."""
    pids = target.pids()
    held = [wire.login(target.port) for _ in range(base)]
    for sock in held:
        wire.ask(sock)
    time.sleep(1)
    before = procs.rss_kb(pids)
    held += [wire.login(target.port) for _ in range(clients - base)]
    time.sleep(1)
    idle = procs.rss_kb(pids)
    for sock in held:
        wire.ask(sock)
    time.sleep(1)
    used = procs.rss_kb(pids)
    for sock in held:
        sock.close()
    each = 1024 / (clients - base)
    return (idle - before) * each, (used - before) * each
