// Measures computetower and BullMQ in turn, and prints one table. Started by run.sh, which brings the services.
import fs from "node:fs";
import os from "node:os";
import { Connection } from "./http.mjs";
import { BullMq, ComputeTower, pause } from "./systems.mjs";

const number = (name, usual) => Number(process.env[name] ?? usual);
const ROUNDS = number("BENCH_ROUNDS", 3);
const LATENCY_JOBS = number("BENCH_LATENCY_JOBS", 200);
const CONNECTIONS = number("BENCH_CONNECTIONS", 64);
const SUBMIT_SECONDS = number("BENCH_SUBMIT_SECONDS", 5);
const DRAIN_JOBS = number("BENCH_DRAIN_JOBS", 3000);

/** Submit to completed over SSE, one job after the other, in milliseconds. */
async function latency(system) {
  const submit = new Connection(system.port);
  await submit.opened;
  const text = system.submitText();
  const times = [];
  for (let n = -10; n < LATENCY_JOBS; n++) {
    const events = new Connection(system.port);
    await events.opened;
    const began = process.hrtime.bigint();
    const { status, body } = await submit.exchange(text);
    if (status !== 202) throw new Error(`${system.name}: ${status}: ${body}`);
    const last = await events.until(system.eventsText(JSON.parse(body).id), ["completed", "failed"]);
    const took = Number(process.hrtime.bigint() - began) / 1e6;
    events.close();
    if (last !== "completed") throw new Error(`${system.name}: a job ended ${last}`);
    if (n >= 0) times.push(took); // the first ten warm up
  }
  submit.close();
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))];
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** Submits from many connections at once, until `more(sent)` says no. Gives how many were accepted per second. */
async function submitMany(system, more) {
  const text = system.submitText();
  let sent = 0;
  let refused = 0;
  const connections = Array.from({ length: CONNECTIONS }, () => new Connection(system.port));
  await Promise.all(connections.map((connection) => connection.opened));
  const began = performance.now();
  await Promise.all(
    connections.map(async (connection) => {
      while (more(sent)) {
        sent++;
        const { status } = await connection.exchange(text);
        if (status !== 202) refused++;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  for (const connection of connections) connection.close();
  if (refused > 0) throw new Error(`${system.name}: ${refused} of ${sent} submissions were refused`);
  return sent / seconds;
}

/** Jobs completed per second by one worker that finds a backlog. */
async function drain(system) {
  await system.stop("worker");
  const { count, close } = await system.counter();
  const before = await count();
  await submitMany(system, (sent) => sent < DRAIN_JOBS);
  await system.startWorker();
  let first, seen, done;
  const until = performance.now() + 120_000;
  do {
    await pause(5);
    done = (await count()) - before;
    const now = performance.now();
    if (done > 0) first ??= { done, now };
    seen = now;
    if (now > until) throw new Error(`${system.name}: ${done} of ${DRAIN_JOBS} jobs done in two minutes`);
  } while (done < DRAIN_JOBS);
  close();
  return (DRAIN_JOBS - first.done) / ((seen - first.now) / 1000);
}

async function round(system, index) {
  await system.startAll(index);
  try {
    await pause(1500); // what starting has stirred up
    const resident = system.residentMegabytes();
    const times = await latency(system);
    const drained = await drain(system);
    await system.stop("worker");
    const end = performance.now() + SUBMIT_SECONDS * 1000;
    const submitted = await submitMany(system, () => performance.now() < end);
    return { ...times, submitted, drained, resident };
  } finally {
    await system.stopAll();
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const services = {
  program: process.env.BENCH_PROGRAM,
  psql: process.env.BENCH_PSQL,
  postgresUrl: process.env.BENCH_POSTGRES_URL,
  redisUrl: process.env.BENCH_REDIS_URL,
  folder: process.env.BENCH_FOLDER,
};
const wanted = process.argv.slice(2);
const systems = [new ComputeTower(services), new BullMq(services)].filter((system) => wanted.length === 0 || wanted.includes(system.name.toLowerCase()));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, async () => {
    for (const system of systems) await system.stopAll();
    process.exit(1);
  });
}

const results = new Map(systems.map((system) => [system.name, []]));
for (let index = 1; index <= ROUNDS; index++) {
  for (const system of systems) {
    const seen = await round(system, index);
    results.get(system.name).push(seen);
    console.error(`round ${index} of ${ROUNDS}, ${system.name}: ${Object.entries(seen).map(([name, value]) => `${name} ${value.toFixed(1)}`).join("  ")}`);
  }
}

const rows = [
  ["idle: submit to completed, p50", "p50", "ms", 2, false],
  ["idle: submit to completed, p95", "p95", "ms", 2, false],
  ["idle: submit to completed, p99", "p99", "ms", 2, false],
  [`submitted, ${CONNECTIONS} connections`, "submitted", "/s", 0, true],
  [`drained, ${DRAIN_JOBS} jobs, 3 progress events each`, "drained", "/s", 0, true],
  ["resident memory, idle", "resident", "MB", 0, false],
];
console.log(`\n${os.cpus().length} cores, ${os.cpus()[0].model.trim()}; load ${os.loadavg()[0].toFixed(1)}; medians of ${ROUNDS} rounds, taken in turn\n`);
const names = systems.map((system) => system.name);
const line = (cells) => console.log(cells.map((cell, n) => (n === 0 ? cell.padEnd(46) : cell.padStart(16))).join("").trimEnd());
line(["", ...names, names.length === 2 ? "times better" : ""]);
const middles = {};
for (const [title, key, unit, digits, moreIsBetter] of rows) {
  const values = systems.map((system) => median(results.get(system.name).map((seen) => seen[key])));
  middles[key] = Object.fromEntries(names.map((name, n) => [name, values[n]]));
  const ratio = values.length === 2 ? (moreIsBetter ? values[0] / values[1] : values[1] / values[0]).toFixed(2) : "";
  line([title, ...values.map((value) => `${value.toFixed(digits)} ${unit}`), ratio]);
}
if (process.env.BENCH_OUT) fs.writeFileSync(process.env.BENCH_OUT, `${JSON.stringify({ rounds: Object.fromEntries(results), medians: middles }, null, 2)}\n`);
