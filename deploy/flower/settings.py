# ruff: noqa: INP001 - no package: Celery reads this file where Flower runs
"""Where Flower finds the queue; see `jobs/queue.py`."""

import os

broker_url = os.environ["REDIS_URL"]
broker_transport_options = {"global_keyprefix": "dmae:celery:"}
accept_content = ["json"]
