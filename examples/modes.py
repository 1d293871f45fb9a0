"""Five questions about one picture: python examples/modes.py PICTURE   (needs `dmae serve`)."""
# ruff: noqa: INP001, T201 - a script

import sys
from pathlib import Path

from app.cli_output import describe
from app.client import Client
from app.client_views import Request

picture = Path(sys.argv[1]).read_bytes()
QUESTIONS = {
    "Which class, and how far does it hold, roughly?": Request(
        image=picture, sigma=0.25, mode="adaptive", precision=0.2
    ),
    "The same, as the literature does it?": Request(
        image=picture, sigma=0.25, mode="fixed", n=1_000
    ),
    "Does it hold up to 0.125?": Request(image=picture, sigma=0.25, mode="decide", radius=0.125),
    "Which class, just here?": Request(image=picture, sigma=0.25, mode="predict"),
}

with Client("http://127.0.0.1:8000") as client:
    for question, request in QUESTIONS.items():
        job = client.wait(client.submit(request))
        print(f"{question}\n{describe(job.certificate) if job.certificate else job.error}\n")

    print("How far does it hold, as far as a thousand draws can tell?")
    job = client.submit(Request(image=picture, sigma=0.25, mode="anytime"))
    for job in client.follow(job):  # noqa: B020 - the same job, later
        if job.interim and job.draws_done >= 1_000:
            break
    job = job if job.ended else client.cancel(job.id)
    print(describe(job.certificate) if job.certificate else job.error)
