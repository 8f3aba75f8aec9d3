"""The job that RQ runs: as many progress events as asked for over the sleep, then a small result."""

import time

from rq import get_current_job

import streams


def noop(payload):
    job = get_current_job()
    steps = payload["progress"]
    pause = payload["sleep_ms"] / 1000 / max(steps, 1)
    for done in range(1, steps + 1):
        if pause:
            time.sleep(pause)
        job.connection.publish(*streams.progress(job.id, done, steps))
    return {"ok": True}


def completed(job, connection, result, *_):
    """RQ calls this in the worker when the job has succeeded, just before it records that."""
    connection.publish(*streams.completed(job.id, result))
