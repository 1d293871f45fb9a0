"""How a URL is spelt for whom."""

import pytest

from jobs.connection import celery_url, redis_url


@pytest.mark.parametrize(
    ("ours", "celerys"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock"),
        ("unix:///run/redis.sock?db=2", "redis+socket:///run/redis.sock?virtual_host=2"),
        ("redis+socket:///run/redis.sock", "redis+socket:///run/redis.sock"),
        ("rediss://:pw@host/1", "rediss://:pw@host/1?ssl_cert_reqs=required"),
        ("rediss://host/1?ssl_cert_reqs=none", "rediss://host/1?ssl_cert_reqs=none"),
    ],
)
def test_celery_gets_its_own_spelling(ours: str, celerys: str) -> None:
    assert celery_url(ours) == celerys


def test_redis_gets_its_own_spelling() -> None:
    assert redis_url("redis+socket:///r.sock?virtual_host=2") == "unix:///r.sock?db=2"
    assert redis_url("redis://host/0") == "redis://host/0"
