"""What schemathesis sends for a file: an image of the corpus, whole or spoilt, or any bytes."""

import random
from typing import Any

import schemathesis
from hypothesis import strategies as st

from tests.fuzz.corpus import seeds, spoilt

WHOLE = [data for name, data in seeds() if name.startswith(("png 2 8 0", "jpeg RGB", "webp RGB"))]
SPOILT = [spoilt(data, random.Random(index)) for index, data in enumerate(WHOLE)]  # noqa: S311

images = st.sampled_from(WHOLE) | st.sampled_from(SPOILT) | st.binary(max_size=200)
schemathesis.openapi.format("binary", images)
for kind in ("image/png", "image/jpeg", "image/webp"):
    schemathesis.openapi.media_type(kind, images)

_FORM: dict[str, Any] = {
    "sigma": {"enum": [0.25, 0.5]},
    "mode": {"enum": ["adaptive", "anytime", "predict"]},
    "n": {"type": "integer", "minimum": 10_000, "maximum": 100_000},
    "alpha": {"type": "number", "minimum": 0.001, "maximum": 0.1},
    "priority": {"enum": ["interactive", "normal", "batch"]},
    "webhook_url": {"enum": ["http://127.0.0.1:1/hook"]},
}
"""Fields that go together whatever their values: else hardly a request would become a job."""


@schemathesis.hook
def before_load_schema(_: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Narrows the form of a certificate to what the model of the tests can answer."""
    for path in ("/certify", "/predict"):
        content = raw_schema["paths"][path]["post"]["requestBody"]["content"]
        form = content["multipart/form-data"]["schema"]
        known = {name: _FORM[name] for name in _FORM if name in form["properties"]}
        form["properties"] = {"image": form["properties"]["image"], **known}
        raw_schema["paths"][path]["post"]["requestBody"]["content"] = {
            "multipart/form-data": {"schema": form}
        }
