"""What clients say on the wire."""

CRLF = b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked"


def post(*headers: bytes, host: bytes = b"Host: localhost", path: bytes = b"/certify") -> bytes:
    """The head of a form that is sent."""
    lines = [b"POST " + path + b" HTTP/1.1", host]
    lines += [b"Content-Type: multipart/form-data; boundary=x", *headers]
    return CRLF.join(lines) + CRLF + CRLF
