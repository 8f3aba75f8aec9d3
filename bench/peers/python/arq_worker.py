"""arq's worker. `max_jobs` is how many it runs at once; `poll_delay` is how often it looks for jobs, and as it takes at most a few batches at each
look, its default of half a second would hold it to a few hundred jobs a second and half a second of latency: it is set low here."""

import asyncio
import os

import uvloop
from arq import Worker
from arq.connections import RedisSettings

import streams


async def noop(ctx, payload):
    steps = payload["progress"]
    pause = payload["sleep_ms"] / 1000 / max(steps, 1)
    for done in range(1, steps + 1):
        if pause:
            await asyncio.sleep(pause)
        await ctx["redis"].publish(*streams.progress(ctx["job_id"], done, steps))
    return {"ok": True}


async def after_job_end(ctx):
    """arq calls this when the result is recorded."""
    await ctx["redis"].publish(*streams.completed(ctx["job_id"], {"ok": True}))


async def main():
    worker = Worker(
        functions=[noop],
        redis_settings=RedisSettings.from_dsn(streams.REDIS_URL),
        max_jobs=50,
        poll_delay=float(os.environ.get("ARQ_POLL_DELAY", "0.01")),
        log_results=False,
        after_job_end=after_job_end,
        handle_signals=True,
    )
    await worker.async_run()


uvloop.run(main())
