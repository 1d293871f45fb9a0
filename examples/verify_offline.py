"""Check a certificate with nothing but public keys: python examples/verify_offline.py FILE JWKS.

The keys are fetched once, from a place that you trust, and kept:

    curl http://127.0.0.1:8000/.well-known/jwks.json > jwks.json

`dmae verify FILE --key jwks.json` does the same, and can check image and model too.
"""
# ruff: noqa: INP001, T201 - a script

import sys
from pathlib import Path

from app.certificates.keys import read_key_set
from app.certificates.verification import verify

certificate, keys = (Path(name).read_bytes() for name in sys.argv[1:3])

report = verify(certificate, read_key_set(keys))
for check in report.checks:
    mark = {True: "ok", False: "WRONG", None: "?"}[check.passed]
    print(f"{mark:<5}  {check.name}: {check.detail}")
print(report.outcome)
sys.exit(report.outcome != "valid")
