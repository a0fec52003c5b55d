"""The service's routes. ``create_app`` makes the application; any ASGI server runs it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sharp_cli.errors import SharpError
from sharp_cli.formats.registry import FORMATS
from sharp_cli.serve.guard import Guard
from sharp_cli.serve.jobs import Job, Jobs, QueueFull
from sharp_cli.serve.metrics import Metrics, resident_bytes
from sharp_cli.serve.page import POLICY, page
from sharp_cli.serve.settings import ServeSettings
from sharp_cli.serve.uploads import AnswerFirst, may_send_more, photo_options, receive
from sharp_cli.serve.worker import Worker

MEDIA_TYPES = {".glb": "model/gltf-binary", ".html": "text/html; charset=utf-8"}
"""Of results that are more than bytes."""
NOT_OFFERED = (".usdz",)
"""Needs a package that a service may lack."""
CONTENT_TYPES = {
    suffix: MEDIA_TYPES.get(suffix, "application/octet-stream")
    for suffix in (*(known.suffix for known in FORMATS if known.writer), ".html")
    if suffix not in NOT_OFFERED
}
"""Suffixes of results, and their media types."""

SANDBOX = "sandbox allow-scripts allow-pointer-lock"
"""For a result's page: it may not use the service as the page that shows it does."""

SILENCE = 15.0
"""Seconds after which an event stream says that it is still there."""


def create_app(settings: ServeSettings, converter: Worker, exporter: Worker) -> Starlette:
    """The application.

    Args:
        converter, exporter: their handlers are those of :mod:`sharp_cli.serve.convert`, or others that write the
            files that are asked for. They are closed when the application ends.
    """
    metrics = Metrics()
    jobs = Jobs(settings, converter, exporter, metrics)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(jobs.run())
        try:
            yield
        finally:
            converter.close()  # first: a thread waits for its answer
            exporter.close()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    app = Starlette(
        routes=_routes(),
        lifespan=lifespan,
        middleware=[Middleware(Guard, settings.token, metrics)],
        exception_handlers={HTTPException: _explain, SharpError: _explain_failure},
    )
    app.state.settings, app.state.jobs, app.state.metrics, app.state.uploads = settings, jobs, metrics, 0
    app.state.workers = (converter, exporter)
    return app


def _routes() -> list[Route]:
    return [
        Route("/", _page),
        Route("/splats", _post_splat, methods=["POST"]),
        Route("/splats/{name}", _get_splat),
        Route("/jobs/{id}", _get_job),
        Route("/jobs/{id}/events", _get_events),
        Route("/health", _health),
        Route("/metrics", _metrics),
    ]


async def _page(request: Request) -> Response:
    return HTMLResponse(page(), headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})


async def _post_splat(request: Request) -> Response:
    """Take a photo. 202 with the job; with ``?wait=true`` the file itself, in ``?format=``."""
    state = request.app.state
    jobs: Jobs = state.jobs
    suffix = "." + request.query_params.get("format", "ply")
    if suffix not in CONTENT_TYPES:
        raise HTTPException(400, f"unknown format (use one of {', '.join(known[1:] for known in CONTENT_TYPES)})")
    jobs.check_room()  # before the body comes
    if state.uploads >= state.settings.uploads:
        state.metrics.count("sharp_refused_total", reason="uploads")
        raise QueueFull
    job = jobs.new(_title(request.query_params.get("name", "")), photo_options(request))
    state.uploads += 1
    try:
        await receive(request, job.photo, state.settings)
        jobs.submit(job)
    except BaseException:
        jobs.discard(job)
        raise
    finally:
        state.uploads -= 1
    if request.query_params.get("wait") not in ("true", "1"):
        return JSONResponse(_describe(jobs, job), 202, {"Location": f"/jobs/{job.id}"})
    async for _ in job.states():
        pass
    if job.status == "failed":
        raise HTTPException(422 if job.code in ("failed", "not_finite") else 500, job.reason)
    return await _file(jobs, job, suffix)


async def _get_splat(request: Request) -> Response:
    jobs: Jobs = request.app.state.jobs
    name, dot, suffix = request.path_params["name"].partition(".")
    job = jobs.get(name)
    if job is None or dot + suffix not in CONTENT_TYPES:
        raise HTTPException(404, "no such splat")
    if job.status != "done":
        raise HTTPException(409, f"the splat is not there: its job {'has ' if job.is_over else 'is '}{job.status}")
    return await _file(jobs, job, dot + suffix)


async def _file(jobs: Jobs, job: Job, suffix: str) -> Response:
    path = await jobs.export(job, suffix)
    kind = "inline" if suffix == ".html" else "attachment"
    headers = {"Cache-Control": "private, no-store"}
    if suffix == ".html":
        headers["Content-Security-Policy"] = SANDBOX
    return FileResponse(
        path,
        media_type=CONTENT_TYPES[suffix],
        filename=job.title + suffix,
        content_disposition_type=kind,
        headers=headers,
    )


async def _get_job(request: Request) -> Response:
    return JSONResponse(_describe(request.app.state.jobs, _job(request)), headers={"Cache-Control": "no-store"})


async def _get_events(request: Request) -> Response:
    """Server-sent events: the job as JSON, now and after every change, until it is over."""
    jobs, job = request.app.state.jobs, _job(request)

    async def events() -> AsyncIterator[str]:
        async for changed in job.states(SILENCE):
            yield f"data: {json.dumps(_describe(jobs, job))}\n\n" if changed else ": still there\n\n"

    return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok", "waiting": len(request.app.state.jobs)})


async def _metrics(request: Request) -> Response:
    state = request.app.state
    gauges = {"sharp_queue_length": len(state.jobs), "sharp_uploads": state.uploads}
    gauges["sharp_worker_starts"] = state.workers[0].starts
    if (resident := resident_bytes()) is not None:
        gauges["sharp_resident_bytes"] = resident
    return PlainTextResponse(state.metrics.text(gauges), media_type="text/plain; version=0.0.4")


async def _explain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refusal(request, error.status_code, str(error.status_code), error.detail)


async def _explain_failure(request: Request, error: Exception) -> Response:
    assert isinstance(error, SharpError)
    full = isinstance(error, QueueFull)
    if full:
        return _refusal(request, 429, "queue_full", str(error), {"Retry-After": "5"})
    return _refusal(request, 500, error.code, str(error))


def _refusal(
    request: Request, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An answer with a reason. If more of the body may come, the connection ends, or a client sends all of it."""
    content, more = {"error": {"code": code, "message": message}}, may_send_more(request)
    headers = {**(headers or {}), **({"Connection": "close"} if more or status == 408 else {})}
    if more and status != 408:  # then the client is silent
        return AnswerFirst(request, content, status, headers)
    return JSONResponse(content, status, headers)


def _job(request: Request) -> Job:
    job: Job | None = request.app.state.jobs.get(request.path_params["id"])
    if job is None:
        raise HTTPException(404, "no such job (finished ones are forgotten after a while)")
    return job


def _describe(jobs: Jobs, job: Job) -> dict[str, Any]:
    text: dict[str, Any] = {"id": job.id, "status": job.status, "position": jobs.position(job), "stage": job.stage}
    if job.status == "failed":
        text["error"] = {"code": job.code, "message": job.reason}
    if job.status == "done":
        text |= {"facts": job.facts, "files": {suffix[1:]: f"/splats/{job.id}{suffix}" for suffix in CONTENT_TYPES}}
    if job.started is not None and job.ended is not None:
        text["seconds"] = {
            "waited": round(job.started - job.created, 3),
            "worked": round(job.ended - job.started, 3),
        }
    return text


def _title(name: str) -> str:
    """A photo's name as a title and for downloads: no folders, no suffix, nothing that a header cannot hold."""
    stem = re.split(r"[/\\]", name)[-1].rpartition(".")[0] or name
    return re.sub(r"[^\w .()+-]+", "_", stem).strip(". ")[:80] or "splat"
