"""RQ's own worker pool: as many SimpleWorkers (they do not fork for each job, which is RQ's fastest) as there are cores, one job at a time each."""

import os

import redis
from rq import SimpleWorker
from rq.worker_pool import WorkerPool

import rq_tasks  # noqa: F401  as RQ's documentation advises: imported once, before the workers are forked
import streams

pool = WorkerPool(["bench"], connection=redis.Redis.from_url(streams.REDIS_URL), num_workers=os.cpu_count(), worker_class=SimpleWorker)
pool.start(logging_level="WARNING")
