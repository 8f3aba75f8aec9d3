"""Sites to Markdown: computetower beside Scrapy with trafilatura and beside Crawl4AI, on the same sites in one run.

    bench/run.sh crawl [SITE]...        postgresql (1,169 small pages) and python (526 large ones) without a name; rust (21,600 pages) when it is named

The sites are Debian's packages of documentation, sent by a web server of this machine. computetower does all that it does for anybody: it asks for the
pages, follows their links, takes the main content out, cuts it into passages, and keeps everything in Postgres and S3; it is timed by its job's own
record, from the start to the end. The others keep nothing. Who finds which pages is counted against the files on disk.

BENCH_RUNS (3): each takes its turn so often; medians are printed. Memory is the most that was resident at once: of the worker and what it started, or of the peer's processes.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from urllib.parse import urlsplit

import processes

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTATION = ROOT / "tests" / "targets" / "documentation"
sys.path.insert(0, str(DOCUMENTATION))
sys.path.insert(0, str(DOCUMENTATION.parent))
import reference  # noqa: E402
from check import Tower  # noqa: E402

RUNS = int(os.environ.get("BENCH_RUNS", "3"))
SITES = {"postgresql": "/doc/postgresql-doc-15/html/", "python": "/doc/python3.11/html/", "rust": "/doc/rust-doc/html/"}
# Asked for: so many times as fast as each peer.
BOUND = 5


class Nginx:
    """Debian's, unpacked and not installed; one process, so that it takes as little as it can."""

    def __init__(self, program, root):
        self.folder = tempfile.TemporaryDirectory(prefix="computetower-bench-site.")
        where = self.folder.name
        with __import__("socket").socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        kept = "".join(f"{kind}_temp_path {where}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        pathlib.Path(where, "nginx.conf").write_text(
            f"daemon off; master_process off; pid {where}/pid; error_log {where}/errors; events {{ worker_connections 1024; }}\n"
            f"http {{ types {{ text/html html htm; text/css css; text/javascript js; image/svg+xml svg; image/png png; text/plain txt; }} default_type application/octet-stream;\n"
            f"access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; {kept}\n"
            f"server {{ listen 127.0.0.1:{port}; root {root}; index index.html; absolute_redirect off; }} }}\n"
        )
        self.process = subprocess.Popen([program, "-c", f"{where}/nginx.conf", "-p", where, "-e", f"{where}/errors"], stdin=subprocess.DEVNULL)
        self.address = f"http://127.0.0.1:{port}"

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.folder.cleanup()


class Peak:
    """The most that processes held at once, while this is open."""

    def __init__(self, pids):
        self.pids, self.megabytes, self.ended = pids, 0.0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.ended.wait(0.2):
            total = 0.0
            for pid in self.pids():
                try:
                    total += processes.resident_megabytes(pid)
                except (OSError, StopIteration):
                    continue
            self.megabytes = max(self.megabytes, total)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


class Ours:
    name = "computetower"

    def __init__(self):
        self.tower = Tower()
        self.tower.wait_until_ready()

    def workers(self):
        return [pid for pid in processes.tree(self.tower.process.pid) if " worker " in f"{processes.command(pid)} "]

    def crawl(self, url):
        with self.tower.call("POST", "/api/v1/knowledge/sources", body={"kind": "documentation", "url": url, "options": {"max_pages": 100_000, "at_once": 32}}) as response:
            source = json.load(response)["id"]
        # A worker may be a child of another process of that name.
        workers = self.workers()
        tops = [pid for pid in workers if not any(pid in processes.tree(other)[1:] for other in workers)]
        with Peak(lambda: tops) as peak:
            with self.tower.call("POST", f"/api/v1/knowledge/sources/{source}/sync", body={}) as response:
                job = json.load(response)["job_id"]
            ended = self.tower.finished(job, 3600)
        if ended["state"] != "completed":
            raise RuntimeError(f"the crawl ended in {ended.get('failure') or ended['state']}")
        began, finished = (datetime.fromisoformat(ended[at].replace("Z", "+00:00")) for at in ("started_at", "finished_at"))
        paths, cursor = [], ""
        while cursor is not None:
            page = self.tower.get(f"/api/v1/knowledge/sources/{source}/documents?limit=200{cursor}")
            paths += [urlsplit(document["url"]).path for document in page["documents"]]
            cursor = f"&cursor={page['next_cursor']}" if page.get("next_cursor") else None
        return paths, (finished - began).total_seconds(), peak.megabytes

    def stop(self):
        self.tower.stop()


class Peer:
    def __init__(self, name, program):
        self.name, self.program = name, program

    def crawl(self, url):
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "bench" / "peers" / "crawl" / self.program), url, out.name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            with Peak(lambda: [process.pid]) as peak:
                status = process.wait(3600)
            if status:
                raise RuntimeError(f"{self.name} ended with status {status}")
            read = json.load(open(out.name))
        return read["paths"], read["seconds"], peak.megabytes

    def stop(self):
        pass


def measure(one, url, root, expected):
    try:
        paths, seconds, megabytes = one.crawl(url)
    except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
        print(f"{one.name}: {error}", file=sys.stderr)
        return None
    found = {reference.file_of(root, path) for path in paths}
    return len(paths) / seconds, len(found & expected.keys()), megabytes


def main():
    root, program = sys.argv[1:3]
    names = sys.argv[3:] or ["postgresql", "python"]
    server = Nginx(program, root)
    everyone = [Ours(), Peer("Scrapy + trafilatura", "scrapy_site.py"), Peer("Crawl4AI", "crawl4ai_site.py")]
    missed = False
    try:
        time.sleep(0.5)
        print(f"pages per second, medians of {RUNS}; load before {os.getloadavg()[0]:.1f}")
        print(f"{'site':<12} {'':<22} {'pages/s':>9} {'found':>14} {'peak MB':>8}   computetower is")
        for name in names:
            expected, _ = reference.pages(root, SITES[name])
            rounds = {one: [] for one in everyone}
            for _ in range(RUNS):
                for one in everyone:
                    rounds[one].append(measure(one, server.address + SITES[name], root, expected))
            ours = None
            for one, results in rounds.items():
                results = [result for result in results if result]
                if not results:
                    print(f"{name:<12} {one.name:<22} {'failed':>9}")
                    continue
                rate, found, megabytes = (statistics.median(column) for column in zip(*results))
                ours = ours or rate
                better = "" if one is everyone[0] else f"{ours / rate:.1f}x (>= {BOUND})"
                missed |= one is not everyone[0] and ours / rate < BOUND
                print(f"{name:<12} {one.name:<22} {rate:9.1f} {found:7.0f}/{len(expected):<6} {megabytes:8.0f}   {better}", flush=True)
    finally:
        for one in everyone:
            one.stop()
        server.stop()
    print("a bound is missed" if missed else "all bounds are held")


if __name__ == "__main__":
    main()
