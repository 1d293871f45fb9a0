"""Certify pictures from Python: python examples/certify.py PICTURE...   (needs `dmae serve`)."""
# ruff: noqa: INP001, T201 - a script

import sys
from pathlib import Path

from app.client import Client
from app.client_views import Request

with Client("http://127.0.0.1:8000") as client:
    for name in sys.argv[1:]:
        request = Request(image=Path(name).read_bytes(), sigma=0.25, n=1000)
        job = client.wait(client.submit(request))
        if job.certificate is None:
            print(f"{name}: {job.state}: {job.error}")
        elif job.certificate["predicted"] is None:
            print(f"{name}: abstained")
        else:
            label, radius = job.certificate["predicted"]["label"], job.certificate["radius"]
            print(f"{name}: {label!r} whatever changes by less than {radius:.3f}")
