// The same routes as computetower's over BullMQ: submit a job, look at it, follow it as server-sent events.
import { randomUUID } from "node:crypto";
import { Job, Queue, QueueEvents } from "bullmq";
import fastify from "fastify";
import { connect, QUEUE, record } from "./connect.mjs";

const retry = { attempts: 3, backoff: { type: "exponential", delay: 1000 } };
const queue = new Queue(QUEUE, { connection: connect(), defaultJobOptions: retry });
const heard = new QueueEvents(QUEUE, { connection: connect() });
const followers = new Map();
const completions = new Map();

function tell(id, event, data) {
  const responses = followers.get(id);
  if (!responses) return;
  const text = `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  for (const response of responses) {
    response.write(text);
    if (event !== "progress") response.end();
  }
  if (event !== "progress") followers.delete(id);
}
heard.on("progress", ({ jobId, data }) => tell(jobId, "progress", data));
heard.on("completed", ({ jobId, returnvalue }) => {
  completions.set(jobId, (completions.get(jobId) ?? 0) + 1);
  tell(jobId, "completed", { result: returnvalue });
});
heard.on("failed", ({ jobId, failedReason }) => tell(jobId, "failed", { reason: failedReason }));

const app = fastify({ logger: false });

app.post("/api/v1/jobs", async (request, reply) => {
  const { kind, payload } = request.body;
  const options = record ? { jobId: randomUUID() } : {};
  if (record) await record.submitted(options.jobId, kind, payload);
  const job = await queue.add(kind, payload, options);
  reply.code(202);
  return { id: job.id };
});

app.get("/api/v1/jobs/:id", async (request, reply) => {
  const { id } = request.params;
  const job = await Job.fromId(queue, id);
  if (!job) return reply.code(404).send({});
  const finished_at = job.finishedOn ? new Date(job.finishedOn).toISOString() : null;
  return { id, state: await job.getState(), finished_at, completions: completions.get(id) ?? 0 };
});

app.get("/api/v1/jobs/:id/events", (request, reply) => {
  const { id } = request.params;
  reply.hijack();
  const response = reply.raw;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.flushHeaders();
  if (!followers.has(id)) followers.set(id, new Set());
  followers.get(id).add(response);
  response.on("close", () => followers.get(id)?.delete(response));
  // Listening first and looking second: a job that ended in between is told from what is stored.
  Job.fromId(queue, id).then(
    async (job) => {
      const state = await job?.getState();
      if ((state === "completed" || state === "failed") && !response.writableEnded) tell(id, state, { result: job.returnvalue });
    },
    () => response.end(),
  );
});

await record?.prepare();
await heard.waitUntilReady();
await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
console.log("ready");
