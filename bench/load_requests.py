"""Requests as bytes, made before the clock runs."""

import uuid
from collections.abc import Mapping
from io import BytesIO

import numpy as np
from PIL import Image

BOUNDARY = "dmae-load-0123456789abcdef"


def picture(seed: int, size: int = 32, *, cells: int = 4) -> bytes:
    """A PNG of so many random cells a side, blurred; another for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


def request(
    method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """One request of HTTP/1.1."""
    lines = {"Host": "localhost", **(headers or {})}
    if body:
        lines["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def form(image: bytes, fields: Mapping[str, str]) -> bytes:
    """A body of multipart/form-data, the image last."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    disposition = 'form-data; name="image"; filename="image.png"'
    file = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: image/png\r\n\r\n"
    return b"".join(parts) + file.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()


def upload(path: str, image: bytes, fields: Mapping[str, str], *, key: str) -> bytes:
    """A form that is posted with an API key and an Idempotency-Key of its own."""
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Authorization": f"Bearer {key}",
        "Idempotency-Key": str(uuid.uuid4()),
    }
    return request("POST", path, form(image, fields), headers)
