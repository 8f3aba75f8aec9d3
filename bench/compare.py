"""Measures computetower and its peers in turn, and prints one table. Started by run.sh, which brings the services and what the peers need."""

import datetime
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import time

import systems
import table


def number(name, usual):
    return int(os.environ.get(name, usual))


ROUNDS = number("BENCH_ROUNDS", 3)
LATENCY_JOBS = number("BENCH_LATENCY_JOBS", 200)
CONNECTIONS = number("BENCH_CONNECTIONS", 64)
SUBMIT_SECONDS = number("BENCH_SUBMIT_SECONDS", 5)
DRAIN_JOBS = number("BENCH_DRAIN_JOBS", 10_000)
SUSTAINED_SECONDS = number("BENCH_SUSTAINED_SECONDS", 10)
RECOVERY_GIVE_UP = number("BENCH_RECOVERY_GIVE_UP", 90)
SUBSCRIBERS = [int(word) for word in os.environ.get("BENCH_SUBSCRIBERS", "500 1000").split()]
RECOVERY = os.environ.get("BENCH_RECOVERY", "1") != "0"
# What starting has stirred up.
SETTLE = 1.5


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(system, round_name):
    """All figures of one system in one round, by the names that the table knows."""
    seen = {}
    system.start_all(round_name)
    time.sleep(SETTLE)
    resident = system.resident()
    seen["resident"] = sum(resident.values())
    seen["resident_api_worker"] = resident["api"] + resident["worker"]
    latency = system.bench("latency", "--jobs", str(LATENCY_JOBS))["latency"]
    seen.update({f"idle_{name}": latency[f"{name}_ms"] for name in ("p50", "p95", "p99")})
    for subscribers in SUBSCRIBERS:
        fanout = system.bench("fanout", "--subscribers", str(subscribers))["fanout"]
        seen[f"fanout_{subscribers}_p50"], seen[f"fanout_{subscribers}_p99"] = fanout["p50_ms"], fanout["p99_ms"]
        seen[f"fanout_{subscribers}_missed"] = fanout["missed"]

    system.stop("worker")
    jobs = max(2, int(DRAIN_JOBS * system.share))
    drained = system.bench(
        "drain", "--jobs", str(jobs), "--connections", str(CONNECTIONS), prompt="waiting:", then=lambda: system.start_worker("worker")
    )["drain"]
    if drained["combined"] or drained["completed"] != jobs:
        raise RuntimeError(f"{system.name}: the drain is not valid: {drained}")
    seen["drained"] = drained["per_second"]

    # Submitting and working share the machine: what it can do of both at once is less than of either.
    both = 1 / (1 / drained["per_second"] + 1 / drained["submitted_per_second"])
    for percent in (50, 90) if SUSTAINED_SECONDS else ():
        rate = max(1, int(both * percent / 100))
        before = system.cpu_seconds()
        sustained = system.bench("sustained", "--rate", str(rate), "--seconds", str(SUSTAINED_SECONDS), "--connections", str(CONNECTIONS))["sustained"]
        seen[f"sustained_{percent}_cpu"] = (system.cpu_seconds() - before) / sustained["submitted"] * 1e6
        seen[f"sustained_{percent}_rate"] = sustained["submitted_per_second"]
        seen[f"sustained_{percent}_p50"], seen[f"sustained_{percent}_p99"] = sustained["p50_ms"], sustained["p99_ms"]

    system.stop("worker")
    submitted = system.bench("submit", "--seconds", str(SUBMIT_SECONDS), "--connections", str(CONNECTIONS))["submit"]
    seen["submitted"], seen["submit_p99"] = submitted["per_second"], submitted["p99_ms"]
    return seen


def recover(system):
    """Kills one of two workers, by default settings, with as many jobs running as both can run at once (40 at most)."""
    system.start_all("recovery")
    system.start_worker("worker-2")
    time.sleep(SETTLE)
    jobs = min(2 * system.slots, 40)
    arguments = ["--jobs", str(jobs), "--sleep-ms", "4000", "--give-up", str(RECOVERY_GIVE_UP)]
    return system.bench("recovery", *arguments, prompt="running:", then=lambda: system.kill("worker"), answer=True)["recovery"]


def first_line(*argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True).stdout.strip().splitlines()[0]
    except (OSError, IndexError):
        return "?"


def conditions():
    found = {
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "processor": next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine()),
        "kernel": platform.release(),
        "load_before": os.getloadavg(),
        "versions": {
            "computetower": first_line(systems.PROGRAM, "--version").removeprefix("computetower "),
            "commit": os.environ.get("BENCH_COMMIT", "?"),
            "redis": first_line("redis-server", "--version").split("v=")[-1].split()[0],
            "postgres": first_line(os.environ["BENCH_PSQL"], "-qAtX", systems.POSTGRES_URL, "-c", "show server_version").split()[0],
        },
        "settings": {name: value for name, value in os.environ.items() if name in SETTINGS},
    }
    if systems.NODE:
        installed = systems.PEERS / "bullmq/node_modules"
        found["versions"]["node"] = first_line(systems.NODE, "--version").removeprefix("v")
        for name in ("bullmq", "ioredis", "fastify", "pg"):
            found["versions"][name] = json.loads((installed / name / "package.json").read_text())["version"]
    if systems.PYTHON:
        found["versions"]["python"] = first_line(systems.PYTHON, "--version").removeprefix("Python ")
        for line in (systems.PEERS / "python/requirements.txt").read_text().split():
            name, version = line.split("==")
            found["versions"]["redis-py" if name == "redis" else name.split("[")[0]] = version
    return found


SETTINGS = {
    "BENCH_ROUNDS", "BENCH_LATENCY_JOBS", "BENCH_CONNECTIONS", "BENCH_SUBMIT_SECONDS", "BENCH_DRAIN_JOBS", "BENCH_SUSTAINED_SECONDS",
    "BENCH_RECOVERY", "BENCH_RECOVERY_GIVE_UP", "BENCH_SUBSCRIBERS", "PROFILE",
}  # fmt: skip


def main():
    # A person's Ctrl-C, or the end of the terminal, ends what was started too.
    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        signal.signal(getattr(signal, name), lambda *_: sys.exit(130))
    wanted = sys.argv[1:]
    missing = os.environ.get("BENCH_MISSING", "").split()
    compared = [system() for system in systems.ALL if (not wanted or system.name in wanted) and system.name not in missing]
    found = conditions() | {"skipped": [name for name in missing if not wanted or name in wanted]}
    rounds = {system.name: [] for system in compared}
    recovery, failed = {}, {}

    def turn(system, text, what):
        """The figures of a system; nothing when it fails, which is said here, under the table and by the exit status."""
        try:
            seen = what()
        except RuntimeError as error:
            failed[system.name] = str(error).strip()
            say(f"{text}, FAILED: {error}")
            return None
        finally:
            system.stop_all()
        say(f"{text}, {system.name}: " + "  ".join(f"{name} {value:.4g}" for name, value in seen.items() if value is not None))
        return seen

    for index in range(1, ROUNDS + 1):
        for system in compared:
            if seen := turn(system, f"round {index} of {ROUNDS}", lambda: measure(system, f"round_{index}")):
                rounds[system.name].append(seen)
            for prefix in ("computetower", "bullmq"):
                systems.drop_database(f"{prefix}_round_{index}")
    for system in compared if RECOVERY else []:
        if seen := turn(system, "recovery", lambda: recover(system)):
            recovery[system.name] = seen
    found["load_after"] = os.getloadavg()

    medians = {name: table.medians(seen) for name, seen in rounds.items()}
    results = {"conditions": found, "rounds": rounds, "medians": medians, "recovery": recovery, "failed": failed}
    if out := os.environ.get("BENCH_OUT"):
        pathlib.Path(out).write_text(json.dumps(results, indent=2) + "\n")
    print(table.text(results, ROUNDS))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
