"""What the comparison does not show, of computetower alone: floods, fairness between tenants, memory, many streams, dead and frozen workers."""

import json
import os
import signal
import statistics
import sys
import time
import urllib.request

import systems

PARTS = os.environ.get("BENCH_SCALE", "sustained streams fairness flood million killed frozen").split()
FLOOD = int(os.environ.get("BENCH_FLOOD_JOBS", "100000"))
MILLION = int(os.environ.get("BENCH_MILLION_JOBS", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
# A batch, as large as one may be.
BATCH = 1000


def say(text):
    print(text, flush=True)


def median_and_p99(values):
    values = sorted(values)
    return f"p50 {statistics.median(values):.1f} ms, p99 {values[min(len(values) - 1, int(len(values) * 0.99))]:.1f} ms of {len(values)}"


class Scale(systems.ComputeTower):
    def start_all(self, round_name):
        super().start_all(round_name)
        self.tenants = {}

    def sql(self, query):
        return systems.run(os.environ["BENCH_PSQL"], "-qAtX", self.database_url, "-c", query).split()

    def call(self, path, key, body):
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, method="POST", data=json.dumps(body).encode(), headers=headers)
        with urllib.request.urlopen(request) as reply:
            return json.loads(reply.read())

    def key_of(self, tenant):
        """An API key of a tenant, which is made when it is not there."""
        if tenant not in self.tenants:
            said = systems.run(systems.PROGRAM, "keys", "--name", tenant, "--new-tenant", tenant, env=self.env)
            self.tenants[tenant] = said.split()[-1]
        return self.tenants[tenant]

    def open_jobs(self, tenant="%"):
        [count] = self.sql(
            "select count(*) from jobs j join tenants t on t.id = j.tenant_id"
            f" where t.name like '{tenant}' and j.state in ('pending', 'queued', 'running')"
        )
        return int(count)

    def wait_until_open(self, most, tenant="%"):
        while self.open_jobs(tenant) > most:
            time.sleep(0.2)

    def flood(self, tenant, jobs):
        """Answers with the last of the jobs."""
        for _ in range(max(jobs // BATCH, 1)):
            batch = self.call("/api/v1/batches", self.key_of(tenant), {"jobs": [{"kind": "noop", "payload": {}}] * BATCH})
        return self.sql(f"select max(id::text) from jobs where batch_id = '{batch['id']}'")[0]

    def warm_up(self):
        """A Postgres that is minutes old makes each file of its log anew, which holds up all commits for some 50 ms. One that has had work, and has made
        its checkpoint, uses them again."""
        self.flood("warm-up", FLOOD)
        self.wait_until_open(0)
        self.sql("checkpoint")

    def starts_of(self, tenant, jobs):
        """How long each of some jobs waits from its acceptance to its start, one after the other, in milliseconds."""
        key, ids = self.key_of(tenant), []
        for _ in range(jobs):
            ids.append(self.call("/api/v1/jobs", key, {"kind": "noop", "payload": {}})["id"])
            time.sleep(0.05)
        named = ", ".join(f"'{job}'" for job in ids)
        # By their keys: to count what is open would take more of the machine than the jobs.
        while self.sql(f"select count(*) from jobs where id in ({named}) and started_at is null") != ["0"]:
            time.sleep(0.05)
        return [float(wait) for wait in self.sql(f"select extract(epoch from started_at - created_at) * 1000 from jobs where id in ({named})")]

    def done_a_second(self):
        [rate] = self.sql("select count(*) / extract(epoch from max(finished_at) - min(finished_at)) from jobs where batch_id is not null")
        return float(rate)

    def memory(self):
        out = systems.run("redis-cli", "-u", f"{systems.REDIS_URL}/{self.database}", "info", "memory")
        redis = next(int(line.split(":")[1]) for line in out.splitlines() if line.startswith("used_memory:")) / 1e6
        keys = systems.run("redis-cli", "-u", f"{systems.REDIS_URL}/{self.database}", "dbsize").strip()
        processes = ", ".join(f"{name} {megabytes:.0f}" for name, megabytes in self.resident().items())
        return f"Redis {redis:.1f} MB in {keys} keys; resident MB: {processes}"


def sustained(system):
    system.warm_up()
    seen = system.bench("sustained", "--rate", "1000", "--seconds", "60")["sustained"]
    say(f"1,000 jobs a second for a minute: p50 {seen['p50_ms']:.1f} ms, p99 {seen['p99_ms']:.1f} ms")


def streams(system):
    seen = system.bench("fanout", "--subscribers", "5000")["fanout"]
    say(f"5,000 open streams: {seen['missed']} missed an event, p99 {seen['p99_ms']:.0f} ms")


def flood(system):
    system.warm_up()
    idle = system.starts_of("b", 200)
    last = system.flood("a", FLOOD)
    time.sleep(2)
    waits = []
    # Jobs of one tenant go in their order: the flood is not over while its last one waits.
    while system.sql(f"select state from jobs where id = '{last}'") == ["pending"]:
        waits += system.starts_of("b", 10)
    say(f"a job of tenant B starts, idle: {median_and_p99(idle)}")
    say(f"a job of tenant B starts, in tenant A's flood of {FLOOD:,}: {median_and_p99(waits) if waits else 'the flood was over too soon'}")
    system.wait_until_open(0)


def fairness(_):
    """The same jobs of one tenant and of ten, in turn: what it costs to give turns."""
    rates = {1: [], 10: []}
    for index in range(ROUNDS):
        for tenants, seen in rates.items():
            system = Scale()
            try:
                system.start_all(f"fair_{index}_{tenants}")
                system.stop("worker")
                for tenant in range(tenants):
                    system.flood(f"t{tenant}", 30_000 // tenants)
                system.start_worker("worker")
                system.wait_until_open(0)
                seen.append(system.done_a_second())
            finally:
                system.stop_all()
                systems.drop_database(f"computetower_fair_{index}_{tenants}")
    one, ten = (statistics.median(seen) for seen in rates.values())
    say(f"30,000 jobs drained: of one tenant {one:,.0f} /s, of ten {ten:,.0f} /s: {ten / one:.2f}x (medians of {ROUNDS})")


def million(system):
    say(f"before: {system.memory()}")
    system.stop("worker")
    for _ in range(max(MILLION // 100_000, 1)):
        system.flood("a", min(MILLION, 100_000))
    say(f"accepted {MILLION:,}: {system.memory()}")
    system.start_worker("worker")
    began, peak = time.monotonic(), ""
    while (left := system.open_jobs()) > 0:
        if left < MILLION // 4 and not peak:
            peak = system.memory()
        time.sleep(2)
    say(f"nearly done: {peak}")
    say(f"drained in {time.monotonic() - began:.0f} s")
    # Longer than the fences of ended jobs are kept.
    time.sleep(75)
    say(f"75 s later: {system.memory()}")


def recover(what, end):
    system = Scale()
    try:
        system.start_all(what)
        system.start_worker("worker-2")
        time.sleep(12)
        seen = system.bench("recovery", "--jobs", "40", "--sleep-ms", "4000", "--give-up", "90", prompt="running:", then=lambda: end(system), answer=True)
        say(f"a {what} worker: {json.dumps(seen['recovery'])}")
    finally:
        if "worker" in system.processes:
            system.kill("worker")
        system.stop_all()
        systems.drop_database(f"computetower_{what}")


def killed(_):
    recover("killed", lambda system: system.kill("worker"))


def frozen(_):
    recover("frozen", lambda system: system.signal("worker", signal.SIGSTOP))


KNOWN = {part.__name__: part for part in (sustained, streams, fairness, flood, million, killed, frozen)}
ALONE = {"fairness", "killed", "frozen"}


def main():
    if unknown := [part for part in PARTS if part not in KNOWN]:
        sys.exit(f"BENCH_SCALE knows {' '.join(KNOWN)}, not {' '.join(unknown)}")
    for part in PARTS:
        if part in ALONE:
            KNOWN[part](None)
            continue
        system = Scale()
        try:
            system.start_all(part)
            KNOWN[part](system)
        finally:
            system.stop_all()
            systems.drop_database(f"computetower_{part}")


if __name__ == "__main__":
    main()
