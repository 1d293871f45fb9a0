"""The service of the web tests, for images and requests that nobody meant."""

from tests.app.conftest import (  # noqa: F401 - fixtures
    anyio_backend,
    model_store,
    picture,
    problem,
    redis_url,
    serve,
    service,
    worker,
)
