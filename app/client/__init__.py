"""A client of the service: `Client`, and `AsyncClient` for asyncio.

    with Client() as client:
        certificate = client.certify("photo.jpg", sigma=0.25).wait()
    print(certificate.label, certificate.radius)

What can go wrong is in `app.client.errors`.
"""

from app.client.async_handles import AsyncEvaluation, AsyncJob
from app.client.asynchronous import AsyncClient
from app.client.errors import ClientError, ProblemAnswer
from app.client.handles import Evaluation, Job
from app.client.sync import Client
from app.client.views import Certificate
from app.client.webhooks import verify_webhook

__all__ = [
    "AsyncClient",
    "AsyncEvaluation",
    "AsyncJob",
    "Certificate",
    "Client",
    "ClientError",
    "Evaluation",
    "Job",
    "ProblemAnswer",
    "verify_webhook",
]
