"""The same routes as computetower's over arq."""

import contextlib

from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import Job
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import streams


@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.pool = await create_pool(RedisSettings.from_dsn(streams.REDIS_URL))
    app.state.streams = streams.Streams()
    listening = await app.state.streams.start()
    yield
    listening.cancel()


async def submit(request):
    job = await request.app.state.pool.enqueue_job("noop", (await request.json())["payload"])
    return JSONResponse({"id": job.job_id}, status_code=202)


async def show(request):
    job_id = request.path_params["id"]
    info = await Job(job_id, request.app.state.pool).result_info()
    if info is None:
        return request.app.state.streams.show(job_id, "running", None)
    return request.app.state.streams.show(job_id, "completed" if info.success else "failed", info.finish_time)


async def events(request):
    job_id = request.path_params["id"]

    async def result():
        info = await Job(job_id, request.app.state.pool).result_info()
        return info and info.result

    return request.app.state.streams.response(job_id, result)


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/api/v1/jobs", submit, methods=["POST"]),
        Route("/api/v1/jobs/{id}", show),
        Route("/api/v1/jobs/{id}/events", events),
    ],
)
