"""Certified accuracy of a folder: python examples/evaluate_folder.py FOLDER   (needs `dmae serve`).

The folder has a folder for each class, named after it or numbered.
"""
# ruff: noqa: INP001, T201 - a script

import sys
from pathlib import Path

from app.client import Client

folder = Path(sys.argv[1])

with Client() as client:
    evaluation = client.evaluate(folder, sigma=0.25, n=1000, name=folder.name)
    status = evaluation.wait(on_progress=lambda it: print(f"  {it.items_done} of {it.items}"))
    for point in status.curve:
        interval = f"[{point.low:.3f}, {point.high:.3f}]"
        print(f"radius {point.radius}: certified accuracy {point.accuracy:.3f} {interval}")
    for item in status.body["items"]:
        if item["error"]:
            print(f"{item['name']}: {item['error']['message']}")
    Path("evaluation.tsv").write_text(evaluation.table(), encoding="utf-8")
    Path("evaluation.svg").write_text(evaluation.plot(), encoding="utf-8")
