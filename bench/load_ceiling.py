"""What the service is held against: the framework alone, and the simple way with Celery."""

import hashlib
import os
from io import BytesIO

from celery import Celery
from PIL import Image
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from jobs.connection import celery_url


async def upload(request: Request) -> Response:
    """The form parsed and the image read, nothing done with it."""
    return PlainTextResponse(str(len(await _image(request))))


async def get(_: Request) -> Response:
    """A word."""
    return PlainTextResponse("queued")


def _naive(celery: Celery) -> Route:
    """A task a request, sent while it waits, as a first version does it."""

    async def naive(request: Request) -> Response:
        data = await _image(request)
        pixels = Image.open(BytesIO(data)).convert("RGB").tobytes()
        digest = hashlib.sha256(pixels).hexdigest()
        task = celery.send_task("certify", (digest, pixels.hex()), queue="naive")
        return PlainTextResponse(str(task.id), status_code=202)

    return Route("/naive", naive, methods=["POST"])


async def _image(request: Request) -> bytes:
    async with request.form() as form:
        image = form["image"]
        assert isinstance(image, UploadFile)  # noqa: S101 - of our own client
        return await image.read()


def application() -> Starlette:
    """For `uvicorn --factory`."""
    url = celery_url(os.environ["REDIS_URL"])
    celery = Celery(broker=url)
    celery.conf.task_ignore_result = True
    return Starlette(
        routes=[
            Route("/certify", upload, methods=["POST"]),
            Route("/jobs", get),
            _naive(celery),
        ]
    )
