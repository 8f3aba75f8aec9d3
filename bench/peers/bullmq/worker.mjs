// Runs jobs without an effect: as many progress events as asked for, then a small result.
import { Worker } from "bullmq";
import { connect, QUEUE } from "./connect.mjs";

async function run(job) {
  for (let n = 1; n <= job.data.progress; n++) {
    await job.updateProgress({ percent: (100 * n) / job.data.progress, t: Date.now() });
  }
  return { ok: true };
}

const worker = new Worker(QUEUE, run, { connection: connect(), concurrency: 50 });
worker.on("error", (error) => console.error(String(error)));
await worker.waitUntilReady();
console.log("ready");
