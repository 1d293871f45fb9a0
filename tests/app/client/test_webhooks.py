"""A delivery is believed if the service signed it lately, and not otherwise."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from app.client import verify_webhook
from app.client.errors import InvalidWebhook

NEW, OLD = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldw==", "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZA=="
BODY = b'{"type": "job.succeeded", "data": {"id": "job-1"}}'


def signed(secret: str, body: bytes = BODY, *, age: timedelta = timedelta()) -> dict[str, str]:
    then = datetime.now(UTC) - age
    signature = Webhook(secret).sign("msg_1", then, body.decode())
    stamp = str(int(then.timestamp()))
    return {"Webhook-Id": "msg_1", "webhook-timestamp": stamp, "WEBHOOK-SIGNATURE": signature}


@pytest.mark.parametrize("secrets", [NEW, [NEW], [OLD, NEW], (NEW, OLD)])
def test_a_delivery_of_the_service_is_read(secrets: Any) -> None:
    assert verify_webhook(BODY, signed(NEW), secrets)["type"] == "job.succeeded"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"Webhook-Id": "msg_2"}, "No matching signature"),
        ({"webhook-timestamp": "1000000000"}, "too old"),
        ({"webhook-timestamp": "soon"}, "Signature Headers"),
        ({"WEBHOOK-SIGNATURE": "v1,AAAA"}, "No matching signature"),
        ({"WEBHOOK-SIGNATURE": "v1"}, "malformed"),
        ({"WEBHOOK-SIGNATURE": "v1,A"}, "malformed"),
        ({"WEBHOOK-SIGNATURE": ""}, "Missing required headers"),
    ],
)
def test_a_forged_delivery_is_refused(change: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidWebhook, match=why):
        verify_webhook(BODY, signed(NEW) | change, NEW)


@pytest.mark.parametrize("body", [BODY + b" ", b"", b"\xff"])
def test_another_body_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidWebhook):
        verify_webhook(body, signed(NEW), NEW)


def test_an_old_delivery_is_refused() -> None:
    with pytest.raises(InvalidWebhook, match="too old"):
        verify_webhook(BODY, signed(NEW, age=timedelta(minutes=6)), NEW)


@pytest.mark.parametrize("secrets", [[], OLD, "", "whsec_", "whsec_!"])
def test_without_the_right_secret_nothing_is_believed(secrets: Any) -> None:
    with pytest.raises(InvalidWebhook):
        verify_webhook(BODY, signed(NEW), secrets)


@pytest.mark.parametrize("body", [b"[]", b"no json"])
def test_what_is_signed_but_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidWebhook):
        verify_webhook(body, signed(NEW, body), NEW)
