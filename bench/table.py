"""Figures as tables of Markdown: medians of windows, ratios as medians of pairs."""

from statistics import median

import rows

FIGURES = {"tps": "transactions/s", "cpu": "CPU a transaction", "p99": "p99", "spread": "p99 ÷ p50",
           "moment": "p99 ÷ p50 within 50 ms"}


def ratios(ours, theirs, figure):
    """One ratio for each round in which both were measured."""
    return [getattr(mine, figure) / getattr(other, figure) for mine, other in zip(ours, theirs)]


def of_row(row, windows):
    """The table's lines for one row; `windows` are lists of windows by target."""
    for name, measured in windows.items():
        at = lambda figure: median(getattr(window, figure) for window in measured)
        cpu = f"{at('cpu'):.2f}" if at("cpu") else "–"
        rss = f"{at('rss_kb') / 1024:.1f}" if at("rss_kb") else "–"
        yield (f"| {row.name} | {name} | {at('tps'):,.0f} | {at('p50'):.3f} | {at('p99'):.3f} "
               f"| {at('p999'):.3f} | {cpu} | {rss} |")


HEAD = ("| row | target | transactions/s | p50 ms | p99 ms | p99.9 ms | CPU µs a transaction | resident MB |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|")
RATIO_HEAD = ("| row | figure | ours ÷ | median | lowest | highest | bar | |\n"
              "|---|---|---|---:|---:|---:|---:|---|")


def of_ratios(row, windows, ours):
    """The lines of one row's ratios, those with a bar first, and whether each is met."""
    barred = {(bar.figure, bar.versus): bar for bar in row.bars}
    others = [(figure, versus) for versus in ("pgbouncer", "haproxy") for figure in ("cpu", "tps", "p99")]
    if ("spread", "pgbouncer") in barred:
        others.insert(0, ("moment", "pgbouncer"))
    for figure, versus in list(barred) + [pair for pair in others if pair not in barred]:
        if versus not in windows or ours not in windows:
            continue
        found = ratios(windows[ours], windows[versus], figure)
        middle = median(found)
        bar = barred.get((figure, versus))
        judged = "" if bar is None else "met" if bar.met(middle) else "**missed**"
        bound = "" if bar is None else f"{bar.sign} {bar.bound:.2f}"
        yield (f"| {row.name} | {FIGURES[figure]} | {versus} | {middle:.2f} | {min(found):.2f} | {max(found):.2f} "
               f"| {bound} | {judged} |"), judged


def of_idle(measured):
    """The lines for idle clients."""
    yield "| target | bytes a client, resident, after login | after a query | bar | |"
    yield "|---|---:|---:|---:|---|"
    for name, figures in measured.items():
        idle, used = (median(one) for one in zip(*figures))
        barred = name not in ("pgbouncer", "haproxy")
        judged = ("met" if max(idle, used) <= rows.IDLE_BAR_BYTES else "**missed**") if barred else ""
        bound = f"≤ {rows.IDLE_BAR_BYTES}" if barred else ""
        yield f"| {name} | {idle:,.0f} | {used:,.0f} | {bound} | {judged} |"
