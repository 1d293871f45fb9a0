"""Nothing stays for ever: a key expires, or it is one and holds no more than so much."""

from typing import Any

import pytest

from jobs import ledger, store
from jobs.caller import Idempotency
from jobs.errors import JobGone
from jobs.record import WebhookRef

pytestmark = pytest.mark.redis


def all_that_happens(life: Any) -> None:
    """Makes every kind of key there is."""
    acme = life.caller("acme", requests_per_minute=100, draws_per_day=10_000, weight=2)
    webhook = WebhookRef(url="https://example.org/", events=("job.succeeded",))
    name = Idempotency(key="k", payload_sha256="11" * 32)
    changes = {"tenant": "acme", "webhook": webhook}
    first = life.other(1, **changes)
    life.submit(first, caller=acme, idempotency=name)
    life.submit(life.other(1, **changes), caller=acme)
    life.complete(first.id)
    life.submit(life.other(1, **changes), caller=acme)
    for number in range(2, 6):
        life.submit(life.other(number, priority="batch"))
        life.submit(life.other(number, tenant="acme"), caller=acme)
    life.worker("w")
    chunks = life.admit(window=5, max_running=2)
    life.begin(chunks[0]), life.commit(chunks[1], window=5), life.begin(chunks[0])
    life.release(chunks[0])
    life.begin(chunks[0], alone=True)
    snapshot = life.snapshot(chunks[1].job_id)
    life.run(ledger.show(snapshot.spec.id, draws=10, document={"counts": {}}))
    life.run(store.delete(life.submit(life.other(9)).job_id, tenant="local", now=life.now))
    life.run(store.server_secret(b"a" * 32))


def test_every_key_but_the_secret_and_the_outbox_expires(life: Any) -> None:
    all_that_happens(life)

    lasting = {key for key in life.all_keys() if life.client.ttl(key) < 0}

    kinds = {key.split(b":")[1] for key in life.all_keys()}
    assert lasting == {b"dmae:secret", b"dmae:outbox"}
    assert kinds >= {
        *(b"account", b"asked", b"books", b"busy", b"certificate", b"held"),
        *(b"idempotency", b"inflight", b"job", b"jobs", b"joined", b"known", b"line"),
        *(b"line_of", b"live"),
        *(b"queue", b"rate", b"ready", b"running", b"spent", b"started", b"worker", b"workers"),
    }


def test_nothing_of_a_job_is_kept_longer_than_its_certificate_but_what_was_counted(
    life: Any,
) -> None:
    all_that_happens(life)

    longest = {key for key in life.all_keys() if life.client.ttl(key) > 30 * 86_400}

    assert longest <= {b"dmae:counters"}


def test_the_outbox_and_a_tenant_s_list_hold_so_many_and_no_more(life: Any) -> None:
    fill = """
        for i = 1, 110000 do
          redis.call('XADD', 'dmae:outbox', '*', 'job', i)
          redis.call('ZADD', 'dmae:jobs:local', 1700000000 + i, i)
        end"""
    life.client.eval(fill, 0)
    life.client.zadd("dmae:jobs:local", {f"new{i}": life.now for i in range(3)})
    webhook = WebhookRef(url="https://example.org/", events=())

    job_id = life.submit(life.other(1, webhook=webhook)).job_id
    life.run(store.cancel(job_id, tenant="local", now=life.now))

    assert life.client.xlen("dmae:outbox") <= 100_200
    assert life.client.zcard("dmae:jobs:local") == 4


def test_a_tenant_s_list_is_cut_at_its_oldest(life: Any) -> None:
    fill = "for i = 1, 110000 do redis.call('ZADD', 'dmae:jobs:local', ARGV[1] + i / 1000, i) end"
    life.client.eval(fill, 0, life.now - 3_600)

    life.submit(life.other(1))

    assert life.client.zcard("dmae:jobs:local") == 100_000
    assert life.client.zscore("dmae:jobs:local", 10_001) is None
    assert life.client.zscore("dmae:jobs:local", 10_002) is not None


@pytest.mark.parametrize(("drawn", "seconds"), [(0, 600), (1, 86_400)])
def test_a_job_cancelled_before_its_first_draw_is_soon_forgotten(
    life: Any, drawn: int, seconds: int
) -> None:
    """Submitting and cancelling in turn spends no draws, and must not fill the store."""
    job_id, chunks = life.started()
    for chunk in chunks[:drawn]:
        life.commit(chunk)

    life.run(store.cancel(job_id, tenant="local", now=life.now))

    record = [key for key in life.all_keys() if key.startswith(b"dmae:job:{" + job_id.encode())]
    assert {life.client.ttl(key) for key in record} == {seconds}
    life.client.delete(*record)
    with pytest.raises(JobGone):
        life.read(job_id)


def test_a_deletion_forgets_no_job_that_still_has_time(life: Any) -> None:
    """A service may give its jobs longer than a list remembers those that are gone."""
    times = {"created_at": life.now, "deadline_at": life.now + 20 * 86_400}
    life.submit(life.other(1, **times))
    life.now += 10 * 86_400
    times = {"created_at": life.now, "deadline_at": life.now + 20 * 86_400}
    second = life.submit(life.other(2, **times)).job_id

    life.run(store.delete(second, tenant="local", now=life.now))

    assert len(life.run(store.list_jobs("local", now=life.now)).jobs) == 1


def test_the_questions_about_one_image_are_counted_up_to_a_thousand(life: Any) -> None:
    spec = life.other(1)
    name = f"dmae:asked:{spec.model.function_sha256}:{spec.image.tensor_sha256}"
    life.client.sadd(name, *range(1_000))

    life.submit(spec)
    life.admit()

    assert life.snapshot(spec.id).attempts == 1_000
