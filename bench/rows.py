"""What is measured, and the bar of each figure."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bar:
    """Ours ÷ theirs of one figure must be on the right side of `bound`."""
    figure: str
    versus: str
    sign: str
    bound: float

    def met(self, ratio):
        return ratio <= self.bound if self.sign == "≤" else ratio >= self.bound


@dataclass(frozen=True)
class Row:
    """One load."""
    name: str
    clients: int
    mode: str = "simple"
    script: str = "\\set n 1\nSELECT 1;\n"
    arguments: tuple = ()
    auth: str = "trust"
    tls: bool = False
    haproxy: bool = False
    bars: tuple = field(default=())


def cpu(versus, bound):
    return Bar("cpu", versus, "≤", bound)


def at_least(versus, bound):
    return Bar("tps", versus, "≥", bound)


P99 = Bar("p99", "pgbouncer", "≤", 1.0)
SELECT = "SELECT 1;\n"
LARGE = "SELECT repeat('x', 1000) FROM generate_series(1, 5000);\n"
PUMP = {"simple": 0.95, "extended": 0.95, "prepared": 1.0}
THROUGHPUT = {"simple": 1.2, "extended": 1.3, "prepared": 1.4}


def select_row(mode, clients):
    bars = ()
    if clients in (20, 40):
        bars = (cpu("haproxy", PUMP[mode]), at_least("pgbouncer", THROUGHPUT[mode]), P99)
    if clients == 200:
        bars = (cpu("pgbouncer", 0.75), at_least("pgbouncer", 1.35), P99)
    if clients == 1000:
        bars = (Bar("spread", "pgbouncer", "≤", 1.0),)
    return Row(f"{mode}-{clients}", clients, mode, SELECT, haproxy=clients <= 40, bars=bars)


ROWS = [
    *(select_row(mode, clients) for mode in ("simple", "extended", "prepared") for clients in (1, 20, 40)),
    select_row("simple", 200),
    *(select_row(mode, 1000) for mode in ("simple", "extended", "prepared")),
    Row("tpcb-like", 20, script="", arguments=("-b", "tpcb-like"), haproxy=True),
    Row("large-rows", 4, script=LARGE, haproxy=True, bars=(cpu("pgbouncer", 0.30),)),
    Row("connect-trust", 10, script=SELECT, arguments=("-C",), bars=(cpu("pgbouncer", 1.0),)),
    Row("connect-scram", 10, script=SELECT, arguments=("-C",), auth="scram-sha-256", bars=(cpu("pgbouncer", 1.0),)),
    Row("tls-20", 20, script=SELECT, tls=True),
]
IDLE = "idle-5000"
IDLE_BAR_BYTES = 1536
