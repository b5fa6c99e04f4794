#!/usr/bin/env python3
"""The proxy beside PgBouncer, HAProxy's TCP mode and PostgreSQL itself, under pgbench.

Targets take turns, window by window, and a ratio is taken within each round, so that what the
machine does meanwhile meets all of them. See README.md beside this file.
"""

import argparse
import fnmatch
import os
import platform
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import load
import procs
import rows
import table
import targets

ROOT = Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="windows of each target and row (%(default)s)")
    parser.add_argument("--seconds", type=int, default=3, help="length of a window after its warm-up (%(default)s)")
    parser.add_argument("--rows", default="*", help="which rows, as patterns with commas between (all)")
    parser.add_argument("--targets", default="direct,pgbouncer,haproxy,proxy", help="(%(default)s)")
    parser.add_argument("--proxy", default=str(ROOT / "target/release/poolproof-proxy"), help="our binary")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=PATH[,KEY=VALUE…]",
                        help="one more pooler that reads a pgbouncer.ini, with settings of its own")
    parser.add_argument("--ours", default="proxy", help="whose ratios are judged (%(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of our own proxy")
    parser.add_argument("--out", help="a file for the report; it is printed too")
    parser.add_argument("--list", action="store_true", help="names the rows")
    return parser.parse_args()


class Bench:
    def __init__(self, options, folder):
        self.folder, self.options = folder, options
        self.names = options.targets.split(",")
        self.poolers = {"proxy": (options.proxy, dict(pair.split("=", 1) for pair in options.set))}
        for also in options.also:
            name, rest = also.split("=", 1)
            path, *pairs = rest.split(",")
            self.poolers[name] = (path, dict(pair.split("=", 1) for pair in pairs))
            self.names.append(name)
        self.pgbouncer = targets.find_pgbouncer() if "pgbouncer" in self.names else None
        self.postgres = targets.Postgres(folder)

    def start(self, name, row):
        """The target, or nothing where the row is not for it."""
        if name == "direct":
            return targets.Direct(self.postgres) if row.clients <= 200 else None
        if name == "haproxy":
            return targets.HAProxy(self.folder, self.postgres) if row.haproxy else None
        if name == "pgbouncer":
            return targets.start_pgbouncer(self.pgbouncer, self.folder, self.postgres, row.auth, row.tls)
        program, extra = self.poolers[name]
        return targets.Pooler(name, program, self.folder, self.postgres, row.auth, row.tls, extra)

    def started(self, row):
        running = {name: self.start(name, row) for name in self.names}
        return {name: target for name, target in running.items() if target}

    def run(self, row):
        """All windows of one row, by target; PostgreSQL itself is only asked in the first round."""
        running = self.started(row)
        windows = {name: [] for name in running}
        try:
            for turn in range(self.options.rounds):
                order = list(running) if turn % 2 == 0 else list(reversed(running))
                for name in order:
                    if name == "direct" and turn > 0:
                        continue
                    windows[name].append(load.measure(row, running[name], self.options.seconds, self.folder))
        finally:
            for target in running.values():
                target.stop()
        return windows

    def run_idle(self):
        measured = {}
        for turn in range(min(2, self.options.rounds)):
            for name in (name for name in self.names if name not in ("direct", "haproxy")):
                target = self.start(name, rows.Row(rows.IDLE, 0))
                try:
                    measured.setdefault(name, []).append(load.idle_bytes(target))
                finally:
                    target.stop()
        return measured


def machine(bench):
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    yield f"- {os.cpu_count()} cores, {model}, Linux {platform.release()}; generator, PostgreSQL and poolers share them"
    yield f"- {bench.postgres.version()}, pool of {targets.POOL_SIZE} servers, trust unless the row says otherwise"
    if bench.pgbouncer:
        yield f"- {bench.pgbouncer[2]}"
    if "haproxy" in bench.names:
        import subprocess
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        shown = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stdout
        yield f"- {shown.splitlines()[0].split(' - ')[0]}, TCP mode, as many threads as cores"
    yield (f"- {bench.options.rounds} rounds, targets interleaved, windows of {bench.options.seconds} s after "
           f"{load.WARM_UP_S} s of warm-up; load average at the start {os.getloadavg()[0]:.2f}")


def chosen(patterns):
    wanted = patterns.split(",")
    return lambda name: any(fnmatch.fnmatch(name, pattern) for pattern in wanted)


def report(bench, wanted):
    """Yields the report's lines as they are known; the last one says how many bars were missed."""
    yield from machine(bench)
    figures, ratios, judged = [], [], []
    for row in (row for row in rows.ROWS if wanted(row.name)):
        print(f"bench: {row.name}", file=sys.stderr, flush=True)
        windows = bench.run(row)
        figures += table.of_row(row, windows)
        for line, verdict in table.of_ratios(row, windows, bench.options.ours):
            ratios.append(line)
            judged.append(verdict)
            print(line, file=sys.stderr, flush=True)
    if figures:
        yield from ("", table.HEAD, *figures, "", table.RATIO_HEAD, *ratios)
    if wanted(rows.IDLE):
        print(f"bench: {rows.IDLE}", file=sys.stderr, flush=True)
        idle = list(table.of_idle(bench.run_idle()))
        judged += ["**missed**" for line in idle if "missed" in line] + ["met" for line in idle if "| met" in line]
        yield from ("", *idle)
    yield f"\n{judged.count('met')} bars met, {judged.count('**missed**')} missed."


def main():
    options = arguments()
    wanted = chosen(options.rows)
    if options.list:
        print(*[row.name for row in rows.ROWS], rows.IDLE, sep="\n")
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = Path(tempfile.mkdtemp(prefix="poolproof-bench-"))
    folder.chmod(0o755)
    bench = None
    try:
        bench = Bench(options, folder)
        lines = []
        for line in report(bench, wanted):
            lines.append(line)
        print("\n".join(lines))
        if options.out:
            Path(options.out).parent.mkdir(parents=True, exist_ok=True)
            Path(options.out).write_text("\n".join(lines) + "\n")
    finally:
        if bench:
            bench.postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
