// The two systems: how each is started from nothing, spoken to, counted and ended.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Connection, request } from "./http.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function freePort() {
  const server = net.createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

function residentMegabytes(pid) {
  const found = /VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(found[1]) / 1024;
}

/** One command on Redis, over a connection of its own. */
async function redis(url, database, ...commands) {
  const { port } = new URL(url);
  const socket = net.connect({ host: "127.0.0.1", port: Number(port) });
  const all = [["SELECT", database], ...commands];
  socket.write(all.map((c) => `*${c.length}\r\n${c.map((w) => `$${Buffer.byteLength(String(w))}\r\n${w}\r\n`).join("")}`).join(""));
  let text = "";
  for await (const data of socket) {
    text += data;
    if (text.split("\r\n").length > all.length) break;
  }
  socket.destroy();
  return text.split("\r\n").slice(1, all.length);
}

/** What both systems have in common: named child processes that end by their pid. */
class System {
  constructor(services) {
    this.services = services;
    this.processes = new Map();
  }

  async start(name, command, args, env) {
    const log = path.join(this.services.folder, `${this.name}-${name}.log`);
    const out = fs.openSync(log, "w");
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", out, out] });
    child.log = log;
    this.processes.set(name, child);
    return child;
  }

  async stop(name) {
    const child = this.processes.get(name);
    this.processes.delete(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(timer);
  }

  async stopAll() {
    for (const name of [...this.processes.keys()]) await this.stop(name);
  }

  residentMegabytes() {
    return [...this.processes.values()].reduce((sum, child) => sum + residentMegabytes(child.pid), 0);
  }

  /** Waits until `ready` gives true; says what the processes wrote when it never does. */
  async wait(what, ready) {
    const until = Date.now() + 60_000;
    for (;;) {
      for (const child of this.processes.values()) {
        if (child.exitCode !== null) throw new Error(`${this.name}: ${what}: a process ended:\n${fs.readFileSync(child.log, "utf8").slice(-3000)}`);
      }
      if (await ready().catch(() => false)) return;
      if (Date.now() > until) {
        const logs = [...this.processes.values()].map((child) => fs.readFileSync(child.log, "utf8").slice(-1500));
        throw new Error(`${this.name}: ${what}: not in 60 s:\n${logs.join("\n---\n")}`);
      }
      await pause(50);
    }
  }

  async get(pathname, headers = {}) {
    const response = await fetch(`http://127.0.0.1:${this.port}${pathname}`, { headers });
    return { status: response.status, text: await response.text() };
  }

  submitText(body = { kind: "noop", payload: { progress: 3, sleep_ms: 0 } }) {
    return request("POST", this.paths.submit, this.headers, JSON.stringify(body));
  }

  eventsText(id) {
    return request("GET", this.paths.events(id), { ...this.headers, Accept: "text/event-stream", Connection: "close" });
  }

  /** Submits one job and sees it through; true when it completed. */
  async works() {
    const [submit, events] = [new Connection(this.port), new Connection(this.port)];
    try {
      await Promise.all([submit.opened, events.opened]);
      const { status, body } = await submit.exchange(this.submitText());
      if (status !== 202) throw new Error(`${this.name}: a job was answered with ${status}: ${body}`);
      return (await events.until(this.eventsText(JSON.parse(body).id), ["completed", "failed"])) === "completed";
    } finally {
      submit.close();
      events.close();
    }
  }
}

export class ComputeTower extends System {
  name = "computetower";
  database = 1;
  paths = { submit: "/api/v1/jobs", events: (id) => `/api/v1/jobs/${id}/events` };

  async startAll(round) {
    const { program, postgresUrl, redisUrl, folder } = this.services;
    await redis(redisUrl, this.database, ["FLUSHDB"]);
    this.databaseUrl = postgresUrl.replace(/\/postgres$/, `/round_${round}`);
    this.sql(postgresUrl, `create database round_${round}`);
    this.port = await freePort();
    this.env = {
      DATABASE_URL: this.databaseUrl,
      REDIS_URL: `${redisUrl}/${this.database}`,
      // Nothing here is large enough to be stored as an object.
      S3_ENDPOINT: "http://127.0.0.1:9",
      S3_BUCKET: "bench",
      S3_REGION: "us-east-1",
      S3_ACCESS_KEY_ID: "unused",
      S3_SECRET_ACCESS_KEY: "unused",
      COMPUTETOWER_MASTER_KEY: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64"),
      COMPUTETOWER_BIND: `127.0.0.1:${this.port}`,
      COMPUTETOWER_DATA_DIR: path.join(folder, "data"),
      RUST_LOG: "warn",
    };
    this.run(["migrate"]);
    // The key is the last line; the lines before it are the log's.
    const key = this.run(["keys", "--name", "bench"]).trim().split("\n").pop();
    this.headers = { Authorization: `Bearer ${key}` };
    await this.start("web", program, ["web"], this.env);
    await this.start("dispatcher", program, ["dispatcher"], this.env);
    await this.startWorker();
    await this.wait("start", async () => (await this.get("/health")).status === 200);
    await this.wait("first job", () => this.works());
  }

  run(args) {
    const ran = spawnSync(this.services.program, args, { env: { ...process.env, ...this.env }, encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`computetower ${args[0]}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  startWorker() {
    return this.start("worker", this.services.program, ["worker", "--queues", "noop"], this.env);
  }

  sql(url, text) {
    const ran = spawnSync(this.services.psql, ["-qAtX", "-v", "ON_ERROR_STOP=1", url, "-c", text], { encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`psql: ${ran.stderr}`);
    return ran.stdout.trim();
  }

  /** A function that gives the number of completed jobs, cheaply enough to be asked often. */
  async counter() {
    const psql = spawn(this.services.psql, ["-qAtX", this.databaseUrl], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = psql.stdout[Symbol.asyncIterator]();
    const count = async () => {
      psql.stdin.write("select count(*) from jobs where state = 'completed';\n");
      return Number(String((await lines.next()).value));
    };
    return { count, close: () => psql.stdin.end() };
  }
}

export class BullMq extends System {
  name = "BullMQ";
  database = 2;
  headers = {};
  paths = { submit: "/jobs", events: (id) => `/jobs/${id}/events` };

  async startAll() {
    await redis(this.services.redisUrl, this.database, ["FLUSHDB"]);
    this.port = await freePort();
    this.env = { REDIS_URL: `${this.services.redisUrl}/${this.database}`, PORT: String(this.port), NODE_ENV: "production" };
    await this.start("api", process.execPath, [path.join(HERE, "peers/bullmq/api.mjs")], this.env);
    await this.startWorker();
    await this.wait("start", async () => (await this.get("/")).status === 404);
    await this.wait("first job", () => this.works());
  }

  startWorker() {
    return this.start("worker", process.execPath, [path.join(HERE, "peers/bullmq/worker.mjs")], this.env);
  }

  async counter() {
    const count = async () => Number((await redis(this.services.redisUrl, this.database, ["ZCARD", "bull:bench:completed"]))[0].slice(1));
    return { count, close: () => {} };
  }
}
