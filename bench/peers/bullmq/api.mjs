// The same shape as computetower's API over BullMQ: submit a job, follow it as server-sent events.
import { Job, Queue, QueueEvents } from "bullmq";
import fastify from "fastify";
import { connect, QUEUE } from "./connect.mjs";

const retry = { attempts: 3, backoff: { type: "exponential", delay: 1000 } };
const queue = new Queue(QUEUE, { connection: connect(), defaultJobOptions: retry });
const heard = new QueueEvents(QUEUE, { connection: connect() });
const followers = new Map();

function tell(id, event, data) {
  const responses = followers.get(id);
  if (!responses) return;
  for (const response of responses) {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    if (event !== "progress") response.end();
  }
  if (event !== "progress") followers.delete(id);
}
heard.on("progress", ({ jobId, data }) => tell(jobId, "progress", data));
heard.on("completed", ({ jobId, returnvalue }) => tell(jobId, "completed", { result: returnvalue }));
heard.on("failed", ({ jobId, failedReason }) => tell(jobId, "failed", { reason: failedReason }));

const app = fastify({ logger: false });

app.post("/jobs", async (request, reply) => {
  const job = await queue.add(request.body.kind, request.body.payload);
  reply.code(202);
  return { id: job.id };
});

app.get("/jobs/:id/events", (request, reply) => {
  const { id } = request.params;
  reply.hijack();
  const response = reply.raw;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.flushHeaders();
  if (!followers.has(id)) followers.set(id, new Set());
  followers.get(id).add(response);
  response.on("close", () => followers.get(id)?.delete(response));
  // Listening first and looking second: a job that ended in between is told from what is stored.
  Job.fromId(queue, id).then(async (job) => {
    const state = await job?.getState();
    if ((state === "completed" || state === "failed") && !response.writableEnded) tell(id, state, { result: job.returnvalue });
  }, () => response.end());
});

await heard.waitUntilReady();
await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
console.log("ready");
