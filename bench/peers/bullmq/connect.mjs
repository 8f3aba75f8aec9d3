// What both processes share: the queue's name, how to reach Redis, and, when DATABASE_URL names one, the record of jobs in Postgres.
import * as ioredis from "ioredis";
import pg from "pg";

const Redis = ioredis.Redis ?? ioredis.default;
export const QUEUE = "bench";
export const connect = () => new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });

// A pool as pg's documentation has it. One row is written when a job is submitted, and once more when it has completed.
const pool = process.env.DATABASE_URL ? new pg.Pool({ connectionString: process.env.DATABASE_URL }) : undefined;
export const record = pool && {
  prepare: () =>
    pool.query(
      "create table if not exists jobs (id uuid primary key, kind text not null, payload jsonb not null, state text not null, result jsonb, created_at timestamptz not null default now(), finished_at timestamptz)",
    ),
  submitted: (id, kind, payload) =>
    pool.query({ name: "submitted", text: "insert into jobs (id, kind, payload, state) values ($1, $2, $3, 'queued')", values: [id, kind, payload] }),
  completed: (id, result) =>
    pool.query({ name: "completed", text: "update jobs set state = 'completed', result = $2, finished_at = now() where id = $1", values: [id, result] }),
};
