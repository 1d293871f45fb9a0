"""Let only robust answers through: python examples/decide_threshold.py PICTURE RADIUS.

Mode `decide` asks one question, whether the radius is at least so large, and stops as soon as the
votes have answered it: far fewer draws than a radius takes. A "no" says "not shown", never
"smaller". Exit code 0 for yes, 1 for no; 2 if the service could not tell.
"""
# ruff: noqa: INP001, T201 - a script

import sys

from app.client import Client, ClientError

picture, radius = sys.argv[1], float(sys.argv[2])

try:
    with Client() as client:
        job = client.certify(picture, sigma=0.25, mode="decide", radius=radius)
        certificate = job.wait(timeout=120)
except ClientError as error:
    print(f"no answer: {error}", file=sys.stderr)
    sys.exit(2)

draws = job.status.draws_done
if certificate.certified:
    print(f"yes: {certificate.label!r} holds within {certificate.radius}, shown by {draws} draws")
else:
    print(f"no: not shown by {draws} draws; {certificate.document['abstention']['explanation']}")
    sys.exit(1)
