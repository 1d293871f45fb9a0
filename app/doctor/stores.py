"""The store and what it knows: is it durable, who works, who may ask."""

import time
from collections.abc import Mapping
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from app.doctor.findings import Finding, Findings, fail, ok, warn
from app.embedded.valkey import OLDEST
from jobs import api_keys, store
from jobs.command import SyncRunner
from jobs.connection import make_redis
from jobs.errors import JobsError
from jobs.record import WorkerInfo

FULL = 0.8
LARGEST_SKEW_S = 2.0
LONGEST_ANSWER_S = 0.05

Info = Mapping[str, Any]


def store_checks(url: str, *, named: bool) -> Findings:
    """All that can be said of the store.

    Args:
        url: Where it is.
        named: Whether somebody said that it is there; an own one need not be running.
    """
    with make_redis(url) as connection:
        try:
            began = time.monotonic()
            seconds, microseconds = cast(Any, connection).time()
            took = time.monotonic() - began
            info: Info = cast(Any, connection).info()
        except RedisError as error:
            yield _away(error, named=named)
            return
        yield _speed(info, took)
        yield _clock(seconds + microseconds / 1e6 - time.time())
        yield _memory(info)
        yield _append_only(info)
        try:
            yield from _workers(SyncRunner(connection).run(store.workers()))
            yield _keys(connection)
        except JobsError as error:
            yield fail("store", str(error), "look into its log")


def _away(error: Exception, *, named: bool) -> Finding:
    if named:
        return fail("store", f"does not answer: {error}", "start it, or correct REDIS_URL")
    return warn("store", "not running", "`dmae serve` starts one; REDIS_URL names another")


def _speed(info: Info, took: float) -> Finding:
    text = str(info.get("valkey_version") or info["redis_version"])
    kind = "Valkey" if "valkey_version" in info else "Redis"
    found = f"{kind} {text}, answers in {1000 * took:.1f} ms"
    version = tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
    if version < OLDEST:
        return fail("store", found, "upgrade to 7.2 or newer: older ones have known holes in Lua")
    if took > LONGEST_ANSWER_S:
        return warn("store", found, "bring it nearer, or look for slow scripts and swapping")
    return ok("store", found)


def _clock(skew_s: float) -> Finding:
    name = "clock of the store"
    found = f"{abs(skew_s):.2f} s {'ahead' if skew_s > 0 else 'behind'}"
    if abs(skew_s) > LARGEST_SKEW_S:
        return warn(name, found, "let both machines follow an NTP server: deadlines depend on it")
    return ok(name, found)


def _memory(info: Info) -> Finding:
    policy, limit = str(info.get("maxmemory_policy")), int(info.get("maxmemory") or 0)
    used = int(info.get("used_memory") or 0)
    found = f"{policy}, {used / 1e6:,.0f} MB used of {limit / 1e6:,.0f}" if limit else policy
    if policy != "noeviction":
        return fail(
            "store memory",
            found,
            "CONFIG SET maxmemory-policy noeviction: one that forgets loses jobs",
        )
    if limit and used > FULL * limit:
        return warn("store memory", found, "raise maxmemory, or delete jobs: new ones are refused")
    return ok("store memory", found)


def _append_only(info: Info) -> Finding:
    if not info.get("aof_enabled"):
        return warn(
            "store durability",
            "no append-only file",
            "CONFIG SET appendonly yes: without it a restart loses the jobs since the last dump",
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        return fail("store durability", "the last write failed", "make room on its disk")
    return ok("store durability", "append-only file")


def _workers(infos: tuple[WorkerInfo, ...]) -> Findings:
    ready = [info for info in infos if info.state == "ready"]
    if not ready:
        starting = f", {len(infos)} starting" if infos else ""
        yield fail("workers", f"none is ready{starting}", "`dmae worker`, and look into its log")
    for info in ready:
        name = f"worker {info.instance}"
        for model in info.models:
            if model.problem is not None:
                yield fail(name, f"{model.id}: {model.problem}", "correct the model, restart it")
            elif model.warning is not None:
                yield warn(name, f"{model.id}: {model.warning}", "see WORKER_RUNTIME")
            else:
                speed = model.draws_per_s or 0.0
                yield ok(name, f"{model.id} by {model.runtime} on {info.device}, {speed:,.0f}/s")


def _keys(connection: Redis) -> Finding:
    stored = SyncRunner(connection).run(api_keys.listing())
    usable = [each for each in stored if each.opens(time.time())]
    if not stored:
        who = "none yet: who is at the service's machine may ask, nobody else"
        return ok("API keys", f"{who}, unless its APP_KEYS says otherwise")
    if not usable:
        return fail("API keys", "none opens anything any more", "`dmae keys create --name NAME`")
    return ok("API keys", f"{len(usable)} in use")
