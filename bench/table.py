"""From figures to the table: medians, how many times better computetower is, and the budgets."""

import statistics

US = "computetower"
PLAIN, RECORDED = "bullmq", "bullmq+postgres"


def medians(rounds):
    names = {name: None for seen in rounds for name in seen}
    middle = {}
    for name in names:
        values = [seen[name] for seen in rounds if seen.get(name) is not None]
        middle[name] = statistics.median(values) if values else None
    return middle


def rows(figures):
    """Title, figure, unit, digits, and whether more is better (None: neither) of each figure that there is."""
    found = [
        ("idle: submit to completed, p50", "idle_p50", "ms", 2, False),
        ("idle: submit to completed, p95", "idle_p95", "ms", 2, False),
        ("idle: submit to completed, p99", "idle_p99", "ms", 2, False),
        ("submitted", "submitted", "/s", 0, True),
        ("drained", "drained", "/s", 0, True),
    ]
    for percent in (50, 90):
        found.append((f"at {percent} %: jobs", f"sustained_{percent}_rate", "/s", 0, None))
        found += [(f"at {percent} %: due to completed, {part}", f"sustained_{percent}_{part}", "ms", 1, False) for part in ("p50", "p99")]
    found.append(("at 50 %: CPU per job, Redis and Postgres too", "sustained_50_cpu", "us", 0, False))
    for name in figures:
        if name.startswith("fanout_") and name.endswith("_p99"):
            subscribers = name.split("_")[1]
            found += [(f"event to {subscribers} subscribers, {part}", f"fanout_{subscribers}_{part}", "ms", 1, False) for part in ("p50", "p99")]
            found.append((f"event to {subscribers} subscribers, missed", f"fanout_{subscribers}_missed", "", 0, None))
    found += [
        ("resident, idle: API + worker", "resident_api_worker", "MB", 0, False),
        ("resident, idle: all its processes", "resident", "MB", 0, False),
    ]
    return [row for row in found if row[1] in figures]


def budget(figure, of):
    """The bounds of a figure and whether they are held; nothing when it has none, or when they are of a peer that was not measured."""
    ours = of[US].get(figure)
    if ours is None:
        return ""
    peer = {name: of[name].get(figure) for name in (PLAIN, RECORDED) if name in of}

    def against(name, factor, less):
        if peer.get(name) is None:
            return []
        bound = peer[name] * factor
        label = name if factor == 1 else f"{factor}x {name}"
        return [(f"{'<' if less else '>'} {label}", ours < bound if less else ours > bound)]

    fixed = {"idle_p99": 8, "fanout_500_p99": 16, "fanout_1000_p99": 40, "resident_api_worker": 60}
    checks = {
        "idle_p50": lambda: against(PLAIN, 1, True),
        "submitted": lambda: against(PLAIN, 1, False),
        "drained": lambda: against(PLAIN, 1, False) + against(RECORDED, 3, False),
    }.get(figure, lambda: [(f"< {fixed[figure]}", ours < fixed[figure])] if figure in fixed else [])()
    return ", ".join(f"{label} {'held' if held else 'MISSED'}" for label, held in checks)


def better(ours, theirs, more_is_better):
    """How many times better ours is."""
    if more_is_better is None or not ours or not theirs:
        return ""
    return f" ({ours / theirs if more_is_better else theirs / ours:.2g}x)"


def recovery_rows(recovery, names):
    def cells(make):
        return [make(recovery[name]) if name in recovery else "-" for name in names]

    def seconds(seen, key):
        if seen["unfinished"]:
            return f">{seen['given_up_after_s']} s"
        value = seen.get(key)
        return "-" if value is None else f"{value / 1000 if key.endswith('_ms') else value:.1f} s"

    yield "killed worker: jobs run again, p50", cells(lambda seen: seconds(seen, "p50_ms"))
    yield "killed worker: jobs run again, p99", cells(lambda seen: seconds(seen, "p99_ms"))
    yield "killed worker: all completed", cells(lambda seen: seconds(seen, "all_completed_s"))
    yield "  jobs that it had, of all", cells(lambda seen: f"{seen['recovered'] + seen['unfinished']} of {seen['jobs']}")
    yield "  not done in time / failed / completed twice", cells(lambda seen: f"{seen['unfinished']} / {seen['failed']} / {seen['completed_twice']}")


def text(results, rounds):
    of, recovery, found = results["medians"], results["recovery"], results["conditions"]
    names = list(of)
    lines = [["", *names, "budget" if US in names else ""]]
    figures = {figure: None for name in names for figure in of[name]}
    for title, figure, unit, digits, more in rows(figures):
        cells = []
        for name in names:
            value = of[name].get(figure)
            ratio = better(of[US].get(figure), value, more) if US in names and name != US else ""
            cells.append("-" if value is None else f"{value:,.{digits}f} {unit}".strip() + ratio)
        lines.append([title, *cells, budget(figure, of) if US in names else ""])
    for title, cells in recovery_rows(recovery, names) if recovery else ():
        bound = ""
        if title.endswith("again, p99") and US in recovery:
            seen = recovery[US]
            bound = "< 3 s " + ("held" if not seen["unfinished"] and (seen.get("p99_ms") or 0) < 3000 else "MISSED")
        lines.append([title, *cells, bound])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    shown = ["  ".join(cell.ljust(width) if column in (0, len(line) - 1) else cell.rjust(width) for column, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines]
    load = " then ".join("/".join(f"{value:.1f}" for value in found[key]) for key in ("load_before", "load_after"))
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    head = f"\n{found['cores']} cores, {found['processor']}; load {load}; medians of {rounds} round(s), taken in turn; (2x): computetower is twice as good\n{versions}\n"
    notes = [f"skipped: {name} (see above why)" for name in found["skipped"]]
    notes += [f"FAILED at least once: {why.splitlines()[0]}" for why in results["failed"].values()]
    return "\n".join([head, *shown, *notes])
