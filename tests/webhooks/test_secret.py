"""Secrets: derived, one a tenant, two of them valid for a day after a rotation."""

import base64
import json
import time

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from app.webhooks.secret import (
    OVERLAP_S,
    Generation,
    newest,
    rotate,
    secret_of,
    signed_headers,
    valid_secrets,
)
from jobs.command import SyncRunner
from jobs.connection import make_redis

SERVER = b"s" * 32
BODY = json.dumps({"type": "job.succeeded", "data": {"label": "Löwe"}}).encode()


def test_a_secret_is_256_bits_of_the_servers_for_one_tenant_and_generation() -> None:
    secrets = {secret_of(SERVER, tenant, number) for tenant in "ab" for number in (1, 2)}
    secrets.add(secret_of(b"t" * 32, "a", 1))

    assert len(secrets) == 5
    assert all(len(base64.b64decode(s.removeprefix("whsec_"))) == 32 for s in secrets)
    assert secret_of(SERVER, "a", 1) in secrets


def test_tenants_cannot_name_themselves_into_another_ones_secret() -> None:
    assert secret_of(SERVER, "b", 1) != secret_of(SERVER, "1 of b", 1)
    assert secret_of(SERVER, "1 of b", 2) != secret_of(SERVER, "b", 21)


def test_the_library_verifies_what_was_signed() -> None:
    secret = secret_of(SERVER, "a", 1)

    headers = signed_headers([secret], message_id="msg_1", body=BODY, now=time.time())

    assert Webhook(secret).verify(BODY, headers)["type"] == "job.succeeded"


@pytest.mark.parametrize("change", ["body", "id", "timestamp", "secret", "age"])
def test_the_library_notices_every_change(change: str) -> None:
    secret, now = secret_of(SERVER, "a", 1), time.time() - (400 if change == "age" else 0)
    headers = signed_headers([secret], message_id="msg_1", body=BODY, now=now)
    body = BODY.replace(b"succeeded", b"failed") if change == "body" else BODY
    headers |= {"webhook-id": "msg_2"} if change == "id" else {}
    headers |= {"webhook-timestamp": str(int(now) + 1)} if change == "timestamp" else {}
    reader = Webhook(secret_of(SERVER, "b", 1) if change == "secret" else secret)

    with pytest.raises(WebhookVerificationError):
        reader.verify(body, headers)


def test_after_a_rotation_both_secrets_verify_for_a_day() -> None:
    since = time.time() - 10
    generation = Generation(number=2, since=since)
    old, new = secret_of(SERVER, "a", 1), secret_of(SERVER, "a", 2)

    both = valid_secrets(SERVER, "a", generation, now=time.time())
    headers = signed_headers(both, message_id="m", body=BODY, now=time.time())

    assert both == [new, old]
    assert Webhook(old).verify(BODY, headers) == Webhook(new).verify(BODY, headers)
    assert valid_secrets(SERVER, "a", generation, now=since + OVERLAP_S) == [new]


def test_a_rotation_is_kept_and_its_repetition_changes_nothing(redis_url: str) -> None:
    with make_redis(redis_url) as client:
        run = SyncRunner(client).run

        first = run(newest("a"))
        rotated = [run(rotate("a", now=5.0)), run(rotate("a", now=5.0)), run(newest("a"))]

        assert first == Generation(number=1, since=0)
        assert rotated == [Generation(number=2, since=5.0)] * 3
        assert run(rotate("a", now=6.0)).number == 3
        assert run(newest("b")).number == 1
