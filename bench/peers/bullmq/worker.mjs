// Runs jobs without an effect: as many progress events as asked for over the sleep, then a small result.
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "bullmq";
import { connect, QUEUE, record } from "./connect.mjs";

// This moment to the microsecond, as RFC 3339.
function now() {
  const moment = performance.timeOrigin + performance.now();
  const micros = String(Math.floor((moment % 1) * 1000)).padStart(3, "0");
  return new Date(Math.floor(moment)).toISOString().replace("Z", `${micros}Z`);
}

async function run(job) {
  const { progress, sleep_ms } = job.data;
  const pause = sleep_ms / Math.max(progress, 1);
  for (let n = 1; n <= progress; n++) {
    if (pause > 0) await sleep(pause);
    await job.updateProgress({ percent: (100 * n) / progress, at: now() });
  }
  const result = { ok: true };
  if (record) await record.completed(job.id, result);
  return result;
}

const worker = new Worker(QUEUE, run, { connection: connect(), concurrency: 50 });
worker.on("error", (error) => console.error(String(error)));
await worker.waitUntilReady();
console.log("ready");
