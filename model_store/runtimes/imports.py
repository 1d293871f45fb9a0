"""OpenVINO and nncf, without a call home."""

import sys
from importlib import import_module
from typing import Any, cast


def import_silently(name: str) -> Any:
    """Import a package of OpenVINO's.

    By default they report each import and conversion to a third party. None as a module makes
    Python refuse to import it, which they take for telemetry that is not installed.

    Raises:
        ImportError: It is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", cast("Any", None))
    return import_module(name)
