"""Scalars for TensorBoard, written by the thread that has them.

TensorBoard's own writer has a thread, whose traceback is all that one sees of a full disk.
"""

import os
import socket
import time
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

# What protobuf makes of them at import no type checker sees.
_events: Any = event_pb2
_summaries: Any = summary_pb2


class Board:
    """An event file of a run; later files of the same folder go on where earlier ones ended.

    Args:
        folder: Of all event files of the run.
        start: Steps done before; what earlier files have of later ones is passed over.
    """

    def __init__(self, folder: Path, start: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # Files are read in the order of their names.
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / name).open("ab")
        self._records = RecordWriter(self._file)
        self._add(file_version="brain.Event:2")
        begun = _events.SessionLog(status=_events.SessionLog.START)
        self._add(step=start + 1, session_log=begun)

    def add(self, name: str, value: float, step: int) -> None:
        """Adds a scalar."""
        scalar = _summaries.Summary.Value(tag=name, simple_value=value)
        self._add(step=step, summary=_summaries.Summary(value=[scalar]))

    def flush(self) -> None:
        """Hands everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()

    def _add(self, **event: Any) -> None:
        self._records.write(_events.Event(wall_time=time.time(), **event).SerializeToString())
