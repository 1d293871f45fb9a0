"""Certify a picture: python examples/certify_one.py [PICTURE]   (needs `dmae serve`)."""
# ruff: noqa: INP001, T201 - a script

import sys

from app.client import Client

picture = sys.argv[1] if len(sys.argv) > 1 else "examples/images/ship.jpg"

# The service at DMAE_URL, else on this machine; with the key DMAE_API_KEY, if there is one.
with Client() as client:
    job = client.certify(picture, sigma=0.25, n=1000)
    certificate = job.wait(
        on_progress=lambda job: print(f"  {job.state}, {job.draws_done} of {job.draws_planned}")
    )

if certificate.certified:
    print(f"{certificate.label!r}, whatever changes by less than {certificate.radius} (L2)")
else:
    print(certificate.document["abstention"]["explanation"])
print(certificate.statement)
certificate.save("certificate.json")
print("kept in certificate.json; `dmae verify certificate.json` checks it")
