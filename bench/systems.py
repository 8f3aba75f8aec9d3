"""The systems that are compared: how each is started from nothing, and ended. All speak the same routes, so one program measures them."""

import base64
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from processes import cpu_seconds, resident_megabytes

HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE / "peers"
PROGRAM = os.environ["BENCH_PROGRAM"]
REDIS_URL = os.environ["BENCH_REDIS_URL"]
POSTGRES_URL = os.environ["BENCH_POSTGRES_URL"]
FOLDER = pathlib.Path(os.environ["BENCH_FOLDER"])
SERVICES = [int(pid) for pid in os.environ["BENCH_SERVICES"].split()]
NODE = os.environ.get("BENCH_NODE")
PYTHON = os.environ.get("BENCH_PYTHON")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run(*argv, env=None):
    ran = subprocess.run(argv, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    if ran.returncode != 0:
        raise RuntimeError(f"{argv[0]} {argv[1]}: {ran.stdout}{ran.stderr}")
    return ran.stdout


class System:
    """Processes by their names; workers are those whose names begin so."""

    name = database = None
    key = ""
    # How many jobs one worker runs at once by the settings here.
    slots = 50
    # Of the jobs that are to be drained, the part that keeps it busy as long as the others.
    share = 1.0

    def __init__(self):
        self.processes = {}

    def start(self, name, *argv, cwd=None):
        log = FOLDER / f"{self.name}-{name}.log"
        with log.open("w") as out:
            # A session of its own, so that it ends with all that it started, as on a machine that dies.
            child = subprocess.Popen(argv, cwd=cwd, env={**os.environ, **self.env}, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        child.log = log
        self.processes[name] = child

    def signal(self, name, number):
        try:
            os.killpg(self.processes[name].pid, number)
        except ProcessLookupError:
            pass

    def stop(self, name):
        child = self.processes.get(name)
        if child is None:
            return
        if child.poll() is None:
            # The first process tells the others itself.
            child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            pass
        self.kill(name)

    def kill(self, name):
        """kill -9 of a process and all that it started."""
        self.signal(name, signal.SIGKILL)
        self.processes.pop(name).wait()

    def stop_all(self):
        for name in list(self.processes):
            self.stop(name)

    def cpu_seconds(self):
        """With Redis's and Postgres's, which work for nobody else meanwhile."""
        return cpu_seconds([*(child.pid for child in self.processes.values()), *SERVICES])

    def resident(self):
        return {name: resident_megabytes(child.pid) for name, child in self.processes.items()}

    def start_all(self, round_name):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.port = self.url.rsplit(":", 1)[1]
        run("redis-cli", "-u", f"{REDIS_URL}/{self.database}", "FLUSHDB")
        self.prepare(round_name)
        self.start_api()
        self.start_worker("worker")
        self.wait_until_up()
        self.bench("latency", "--jobs", "1", "--warm-up", "0")

    def wait_until_up(self):
        until = time.monotonic() + 60
        while True:
            for name, child in self.processes.items():
                if child.poll() is not None:
                    raise RuntimeError(f"{self.name}: {name} ended:\n{child.log.read_text()[-3000:]}")
            try:
                urllib.request.urlopen(self.url + "/").close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                if time.monotonic() > until:
                    raise RuntimeError(f"{self.name} did not start: see {FOLDER}") from None
                time.sleep(0.05)

    def command(self, *arguments):
        return [PROGRAM, "bench", "--json", "--url", self.url, *arguments]

    def bench(self, measure, *arguments, prompt=None, then=None, answer=False):
        """The figures of one measure. When it says the word `prompt`, `then` is called; with `answer` it is told."""
        env = {**os.environ, "COMPUTETOWER_API_KEY": self.key}
        measuring = subprocess.Popen(self.command(measure, *arguments), env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            said = []
            for line in measuring.stderr if prompt else ():
                said.append(line)
                if line.startswith(prompt):
                    then()
                    if answer:
                        measuring.stdin.write("done\n")
                        measuring.stdin.flush()
                    break
            out, errors = measuring.communicate()
        except BaseException:
            measuring.kill()
            raise
        if measuring.returncode != 0:
            raise RuntimeError(f"{self.name}: bench {measure}: {''.join(said)}{errors}")
        return json.loads(out)


class ComputeTower(System):
    name, database, slots = "computetower", 1, 256

    def prepare(self, round_name):
        self.database_url = new_database(f"computetower_{round_name}")
        self.env = {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": f"{REDIS_URL}/{self.database}",
            # Nothing here is large enough to be stored as an object.
            "S3_ENDPOINT": "http://127.0.0.1:9",
            "S3_BUCKET": "bench",
            "S3_REGION": "us-east-1",
            "S3_ACCESS_KEY_ID": "unused",
            "S3_SECRET_ACCESS_KEY": "unused",
            "COMPUTETOWER_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
            "COMPUTETOWER_BIND": f"127.0.0.1:{self.port}",
            "COMPUTETOWER_DATA_DIR": str(FOLDER / "data"),
            "RUST_LOG": "warn",
        }
        run(PROGRAM, "migrate", env=self.env)
        # The key is the last line; the lines before it are the log's.
        self.key = run(PROGRAM, "keys", "--name", "bench", env=self.env).split()[-1]

    def start_api(self):
        self.start("api", PROGRAM, "web")
        self.start("dispatcher", PROGRAM, "dispatcher")

    def start_worker(self, name):
        self.start(name, PROGRAM, "worker", "--queues", "noop")


class BullMq(System):
    name, database = "bullmq", 2

    def prepare(self, round_name):
        self.env = {"REDIS_URL": f"{REDIS_URL}/{self.database}", "PORT": self.port, "NODE_ENV": "production"}
        # A DATABASE_URL of whoever started this is not meant for it.
        self.env["DATABASE_URL"] = ""

    def start_api(self):
        self.start("api", NODE, str(PEERS / "bullmq/api.mjs"))

    def start_worker(self, name):
        self.start(name, NODE, str(PEERS / "bullmq/worker.mjs"))


class BullMqPostgres(BullMq):
    name, database = "bullmq+postgres", 3

    def prepare(self, round_name):
        super().prepare(round_name)
        self.env["DATABASE_URL"] = new_database(f"bullmq_{round_name}")


class PythonPeer(System):
    share = 0.2

    def prepare(self, round_name):
        self.env = {"REDIS_URL": f"{REDIS_URL}/{self.database}", "PYTHONDONTWRITEBYTECODE": "1"}

    def start_api(self):
        serve = ["-m", "uvicorn", f"{self.name}_api:app", "--host", "127.0.0.1", "--port", self.port, "--log-level", "warning", "--no-access-log"]
        self.start("api", PYTHON, *serve, cwd=PEERS / "python")

    def start_worker(self, name):
        self.start(name, PYTHON, f"{self.name}_worker.py", cwd=PEERS / "python")


class Rq(PythonPeer):
    # One job at a time in each process of the pool.
    name, database, slots = "rq", 4, os.cpu_count()


class Arq(PythonPeer):
    name, database = "arq", 5


def new_database(name):
    run(os.environ["BENCH_PSQL"], "-qX", "-v", "ON_ERROR_STOP=1", POSTGRES_URL, "-c", f"create database {name}")
    return POSTGRES_URL.rsplit("/", 1)[0] + f"/{name}"


def drop_database(name):
    run(os.environ["BENCH_PSQL"], "-qX", POSTGRES_URL, "-c", f"drop database if exists {name} with (force)")


ALL = [ComputeTower, BullMq, BullMqPostgres, Rq, Arq]
