"""The same routes as computetower's over RQ."""

import asyncio
import contextlib

import redis
from rq import Callback, Queue, Retry
from rq.exceptions import NoSuchJobError
from rq.job import Job
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import rq_tasks
import streams

connection = redis.Redis.from_url(streams.REDIS_URL)
queue = Queue("bench", connection=connection)
STATES = {"finished": "completed", "failed": "failed", "stopped": "cancelled", "canceled": "cancelled"}


@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.streams = streams.Streams()
    listening = await app.state.streams.start()
    yield
    listening.cancel()


def enqueue(payload):
    retry = Retry(max=3, interval=[1, 2, 4])
    return queue.enqueue(rq_tasks.noop, payload, retry=retry, on_success=Callback(rq_tasks.completed), result_ttl=3600)


async def submit(request):
    # RQ's client blocks. It is called here and not in a thread: for so short a call the thread would cost more than it lets others do.
    job = enqueue((await request.json())["payload"])
    return JSONResponse({"id": job.id}, status_code=202)


def fetch(job_id):
    job = Job.fetch(job_id, connection=connection)
    return job, STATES.get(job.get_status(refresh=False), "running")


async def show(request):
    try:
        job, state = fetch(request.path_params["id"])
    except NoSuchJobError:
        return JSONResponse({}, status_code=404)
    return request.app.state.streams.show(job.id, state, job.ended_at)


async def events(request):
    job_id = request.path_params["id"]

    async def result():
        job, state = await asyncio.to_thread(fetch, job_id)
        return job.return_value() if state == "completed" else None

    return request.app.state.streams.response(job_id, result)


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/api/v1/jobs", submit, methods=["POST"]),
        Route("/api/v1/jobs/{id}", show),
        Route("/api/v1/jobs/{id}/events", events),
    ],
)
