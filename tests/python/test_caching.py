"""Client-side caching as redis-py does it: what it keeps is dropped as soon as somebody changes it."""

import os
import threading
import time

import pytest
import redis
from redis.cache import CacheConfig


@pytest.fixture
def cached(r):
    """A client that keeps what it reads. The others, of both protocols, do not."""
    url = os.environ["REDIS_URL"]
    with redis.Redis.from_url(url, protocol=3, decode_responses=True, cache_config=CacheConfig()) as client:
        yield client


def calls(r, command):
    """How often the server has run a command."""
    return r.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]


def eventually(holds):
    """What one connection is told, another one may know a moment earlier."""
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_what_is_known_is_not_asked_for(cached, r):
    r.set("k", "v")
    before = calls(r, "get")
    assert [cached.get("k") for _ in range(10)] == ["v"] * 10
    assert calls(r, "get") == before + 1
    assert cached.get_cache().size == 1


def test_what_is_not_there_is_asked_for_each_time(cached, r):
    before = calls(r, "get")
    assert [cached.get("none") for _ in range(3)] == [None] * 3
    assert calls(r, "get") == before + 3


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.set("k", "2"),
        lambda r: r.append("k", "2"),
        lambda r: r.incrby("k", 41),
        lambda r: r.setrange("k", 0, "9"),
        lambda r: r.delete("k"),
        lambda r: r.unlink("k"),
        lambda r: r.getdel("k"),
        lambda r: r.rename("k", "other"),
        lambda r: r.rename("from", "k"),
        lambda r: r.copy("from", "k", replace=True),
        lambda r: r.expire("k", 0),
        lambda r: r.pexpire("k", 30),
        lambda r: r.move("k", 1),
        lambda r: r.flushdb(),
        lambda r: r.flushall(asynchronous=True),
        lambda r: r.pipeline(transaction=True).set("j", "1").set("k", "2").execute(),
    ],
    ids="set append incrby setrange del unlink getdel rename-away rename-to copy expire-now expire-soon move flushdb "
    "flushall transaction".split(),
)
def test_changes_by_others_are_heard_of(cached, r, change):
    r.mset({"k": "1", "from": "3"})
    assert cached.get("k") == cached.get("k") == "1"
    change(r)
    eventually(lambda: cached.get("k") != "1")
    value = r.get("k")
    assert cached.get("k") == (value and value.decode())


def test_expired_keys_are_dropped_though_nobody_asks_for_them(cached, r):
    r.set("k", "v", px=100)
    assert cached.get("k") == "v"
    before = calls(r, "get")
    cache = cached.get_cache()

    def is_empty():
        # Any command makes the client look at what it was told.
        cached.ping()
        return cache.size == 0

    eventually(is_empty)
    assert calls(r, "get") == before
    assert cached.get("k") is None


def test_its_own_changes_are_seen_at_once(cached, r):
    for n in range(200):
        cached.set("k", n)
        assert cached.get("k") == str(n)
    cached.delete("k")
    assert cached.get("k") is None


def test_only_what_has_changed_is_dropped(cached, r):
    r.mset({"a": "1", "b": "2"})
    assert (cached.get("a"), cached.get("b")) == ("1", "2")
    r.set("a", "3")
    eventually(lambda: cached.get("a") == "3")
    before = calls(r, "get")
    assert (cached.get("a"), cached.get("b")) == ("3", "2")
    assert calls(r, "get") == before


def test_replies_about_several_keys(cached, r):
    r.mset({"a": "1", "b": "2"})
    assert cached.mget("a", "b", "c") == ["1", "2", None]
    r.set("b", "3")
    eventually(lambda: cached.mget("a", "b", "c") == ["1", "3", None])
    # A key that was not there is kept in mind as well.
    r.set("c", "4")
    eventually(lambda: cached.mget("a", "b", "c") == ["1", "3", "4"])


def test_collections(cached, r):
    r.hset("h", mapping={"f": "1", "g": "2"})
    r.rpush("l", "a", "b")
    r.sadd("s", "m")
    r.zadd("z", {"m": 1.5})

    def read():
        return (
            cached.hgetall("h"),
            cached.hget("h", "f"),
            cached.lrange("l", 0, -1),
            set(cached.smembers("s")),
            cached.zscore("z", "m"),
        )

    assert read() == ({"f": "1", "g": "2"}, "1", ["a", "b"], {"m"}, 1.5)
    before = [calls(r, c) for c in ("hgetall", "hget", "lrange", "smembers", "zscore")]
    assert read() == ({"f": "1", "g": "2"}, "1", ["a", "b"], {"m"}, 1.5)
    assert [calls(r, c) for c in ("hgetall", "hget", "lrange", "smembers", "zscore")] == before
    r.hdel("h", "f")
    r.lpop("l")
    r.sadd("s", "n")
    r.zincrby("z", 2, "m")
    eventually(lambda: read() == ({"g": "2"}, None, ["b"], {"m", "n"}, 3.5))


def test_nothing_stale_stays_when_threads_read_and_others_write(cached, r):
    keys = [f"k{n}" for n in range(20)]
    r.mset(dict.fromkeys(keys, "0"))
    wrong, done = [], threading.Event()

    def read():
        last = dict.fromkeys(keys, 0)
        while not done.is_set():
            for key in keys:
                value = int(cached.get(key))
                # Values only grow, so a smaller one is one from before.
                if value < last[key]:
                    wrong.append((key, last[key], value))
                last[key] = value

    # One reader: threads of redis-py share what is kept, and it may be told of by any of their connections.
    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(50):
            for key in keys:
                r.incr(key)
    finally:
        done.set()
        reader.join(10)
    assert not wrong
    eventually(lambda: [cached.get(key) for key in keys] == ["50"] * len(keys))


def test_the_server_forgets_clients_that_have_gone(cached, r):
    r.set("k", "v")
    cached.get("k")
    assert r.info("clients")["tracking_clients"] == 1
    cached.close()
    eventually(lambda: r.info("clients")["tracking_clients"] == 0)
    r.set("k", "w")
    assert cached.get("k") == "w"
