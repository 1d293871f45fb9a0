"""A client of the service: `Client`, and `AsyncClient` for asyncio and trio.

    with Client() as client:
        certificate = client.certify("photo.jpg", sigma=0.25).wait()
    print(certificate.label, certificate.radius)

What can go wrong is in `app.client.errors`.
"""

from app.client.asynchronous import AsyncClient, AsyncJob
from app.client.errors import ClientError, NoCertificate, ProblemAnswer
from app.client.sync import Client, Job
from app.client.views import Certificate
from app.client.webhooks import verify_webhook

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "Certificate",
    "Client",
    "ClientError",
    "Job",
    "NoCertificate",
    "ProblemAnswer",
    "verify_webhook",
]
