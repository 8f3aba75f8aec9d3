"""What the two Python peers share: jobs' events from Redis pub/sub to server-sent events.

Neither RQ nor arq has progress events, so workers publish them as their users do: on a channel of each job. One connection of the API process
hears the completions of all jobs, and the progress of those that somebody follows.
"""

import asyncio
import collections
import json
import os
from datetime import datetime, timezone

import redis.asyncio
from starlette.responses import JSONResponse, StreamingResponse

REDIS_URL = os.environ["REDIS_URL"]
# How soon a job of which nothing is heard is looked at, in seconds.
QUIET = 0.5
# So many completions are remembered: those who ask just after one need no look at the record, which RQ writes just after it says so.
REMEMBERED = 10_000


def progress(job_id, done, of):
    """The channel and the message that say how far a job is."""
    data = {"percent": 100 * done / of, "at": datetime.now(timezone.utc).isoformat()}
    return f"progress:{job_id}", f"event: progress\ndata: {json.dumps(data)}\n\n"


def completed(job_id, result):
    """The channel and the message that say that a job has completed."""
    return f"completed:{job_id}", f"event: completed\ndata: {json.dumps({'result': result})}\n\n"


class Streams:
    """The followers of jobs, in one process."""

    def __init__(self):
        self.followers = {}
        self.completions = collections.Counter()
        self.recent = collections.OrderedDict()
        self.pubsub = redis.asyncio.Redis.from_url(REDIS_URL).pubsub(ignore_subscribe_messages=True)

    async def start(self):
        await self.pubsub.psubscribe("completed:*")
        return asyncio.create_task(self.listen())

    async def listen(self):
        async for message in self.pubsub.listen():
            kind, job_id = message["channel"].decode().split(":", 1)
            if kind == "completed":
                self.completions[job_id] += 1
                self.recent[job_id] = message["data"]
                if len(self.recent) > REMEMBERED:
                    self.recent.popitem(last=False)
            for queue in self.followers.get(job_id, ()):
                queue.put_nowait((kind == "completed", message["data"]))

    async def follow(self, job_id, result):
        """A job's events until it has completed; `result()` gives what an ended one gave, else None."""
        queue = asyncio.Queue()
        first = job_id not in self.followers
        self.followers.setdefault(job_id, set()).add(queue)
        try:
            if first:
                await self.pubsub.subscribe(f"progress:{job_id}")
            # The head goes out with the first bytes.
            yield b": here\n\n"
            # Listening first and looking second: a job that ended in between is told from what is stored.
            if job_id in self.recent:
                yield self.recent[job_id]
                return
            ended = await result()
            # What was heard comes before what was looked up.
            while ended is None or not queue.empty():
                try:
                    last, message = await asyncio.wait_for(queue.get(), QUIET)
                except asyncio.TimeoutError:
                    ended = await result()
                    continue
                yield message
                if last:
                    return
            yield completed(job_id, ended)[1]
        finally:
            self.followers[job_id].discard(queue)
            if not self.followers[job_id]:
                del self.followers[job_id]
                await self.pubsub.unsubscribe(f"progress:{job_id}")

    def response(self, job_id, result):
        return StreamingResponse(self.follow(job_id, result), media_type="text/event-stream", headers={"cache-control": "no-store"})

    def show(self, job_id, state, finished_at):
        """A job as computetower shows one, as far as the benchmark looks."""
        at = finished_at and finished_at.replace(tzinfo=finished_at.tzinfo or timezone.utc).isoformat()
        return JSONResponse({"id": job_id, "state": state, "finished_at": at, "completions": self.completions[job_id]})
