"""The client that most people use, redis-py, against the server at REDIS_URL.

Nothing here is about one server: the file passes against Redis 7.0 and Valkey too, which is how the tests themselves
are tested.
"""

import os
import threading
import time

import pytest
import redis

from conftest import URL


def test_the_protocol_is_the_one_asked_for(r, protocol):
    assert r.client_info()["resp"] == str(protocol)


def test_ping_and_echo(r):
    assert r.ping() is True
    assert r.echo(b"a\r\n\0b") == b"a\r\n\0b"


def test_get_and_set(r):
    assert r.get("k") is None
    assert r.set("k", "v") is True
    assert r.get("k") == b"v"
    assert r.getset("k", b"\x00\xff\r\n") == b"v"
    assert r.getdel("k") == b"\x00\xff\r\n"
    assert r.exists("k") == 0
    r["item"] = 5
    assert r["item"] == b"5"
    assert "item" in r
    del r["item"]
    assert "item" not in r


def test_set_options(r):
    assert r.set("k", "1", nx=True) is True
    assert r.set("k", "2", nx=True) is None
    assert r.set("none", "2", xx=True) is None
    assert r.set("k", "3", xx=True, get=True) == b"1"
    assert r.set("k", "4", ex=100) is True
    assert 98 <= r.ttl("k") <= 100
    assert r.set("k", "5", keepttl=True) is True
    assert r.ttl("k") > 0
    assert r.set("k", "6", px=200_000) is True
    assert 198_000 <= r.pttl("k") <= 200_000
    assert r.set("k", "7", exat=4_000_000_000) is True
    assert r.expiretime("k") == 4_000_000_000
    assert r.set("k", "8", pxat=4_000_000_000_123) is True
    assert r.pexpiretime("k") == 4_000_000_000_123
    assert r.set("k", "9") is True
    assert r.ttl("k") == -1


def test_getex(r):
    r.set("k", "v")
    assert r.getex("k", ex=100) == b"v"
    assert 98 <= r.ttl("k") <= 100
    assert r.getex("k", persist=True) == b"v"
    assert r.ttl("k") == -1


def test_many_at_once(r):
    assert r.mset({"a": 1, "b": 2}) is True
    assert r.mget("a", "none", "b") == [b"1", None, b"2"]
    assert not r.msetnx({"b": 3, "c": 3})
    assert r.get("c") is None
    assert r.msetnx({"c": 3, "d": 4})
    assert r.delete("a", "b", "none") == 2
    assert r.unlink("c") == 1
    assert r.exists("d", "d", "c") == 2


def test_numbers(r):
    assert r.incr("n") == 1
    assert r.incrby("n", 9) == 10
    assert r.decr("n", 20) == -10
    assert r.incrbyfloat("n", 0.5) == -9.5
    assert r.get("n") == b"-9.5"
    r.set("n", 2**63 - 1)
    with pytest.raises(redis.ResponseError, match="increment or decrement would overflow"):
        r.incr("n")
    r.set("n", "abc")
    with pytest.raises(redis.ResponseError, match="value is not an integer or out of range"):
        r.incr("n")


def test_parts_of_strings(r):
    assert r.append("k", "Hello") == 5
    assert r.append("k", " World") == 11
    assert r.strlen("k") == 11
    assert r.getrange("k", -5, -1) == b"World"
    assert r.setrange("k", 6, "Redis") == 11
    assert r.get("k") == b"Hello Redis"
    assert r.setrange("pad", 3, "x") == 4
    assert r.get("pad") == b"\0\0\0x"


def test_lcs(r):
    r.mset({"a": "ohmytext", "b": "mynewtext"})
    assert r.lcs("a", "b") == b"mytext"
    assert r.lcs("a", "b", len=True) == 6


def test_bitmaps(r):
    assert r.setbit("bits", 7, 1) == 0
    assert r.setbit("bits", 7, 0) == 1
    r.set("bits", b"\xff\xf0\x00")
    assert r.getbit("bits", 11) == 1
    assert r.bitcount("bits") == 12
    assert r.bitcount("bits", 1, 1) == 4
    assert r.bitcount("bits", 0, 7, "BIT") == 8
    assert r.bitpos("bits", 0) == 12
    assert r.bitpos("bits", 1, 2) == -1
    r.set("other", b"\x0f")
    assert r.bitop("AND", "dest", "bits", "other") == 3
    assert r.get("dest") == b"\x0f\x00\x00"
    assert r.bitop("NOT", "dest", "other") == 1
    assert r.get("dest") == b"\xf0"
    field = r.bitfield("field").set("u8", 0, 250).overflow("SAT").incrby("u8", 0, 10).overflow("FAIL").incrby("u8", 0, 1)
    assert field.get("u8", 0).execute() == [0, 255, None, 255]


def test_expiry(r):
    r.set("k", "v")
    assert r.expire("k", 100)
    assert not r.expire("none", 100)
    assert not r.expire("k", 50, gt=True)
    assert r.expire("k", 50, lt=True)
    assert not r.expire("k", 70, nx=True)
    assert r.pexpire("k", 70_000, xx=True)
    assert 69 <= r.ttl("k") <= 70
    assert r.persist("k")
    assert r.ttl("k") == -1
    assert r.ttl("none") == -2
    assert r.expireat("k", int(time.time()) - 10)
    assert r.exists("k") == 0


def test_a_key_goes_when_its_time_comes(r):
    r.set("k", "v", px=40)
    r.set("stays", "v", px=100_000)
    deadline = time.time() + 5
    while r.get("k") is not None:
        assert time.time() < deadline
        time.sleep(0.01)
    # Also without being read: active expiry takes it out of the count.
    r.set("unread", "v", px=40)
    while r.dbsize() != 1:
        assert time.time() < deadline
        time.sleep(0.01)
    assert r.get("stays") == b"v"


def test_keys(r):
    r.mset({"a": 1, "b": 2})
    assert r.type("a") == b"string"
    assert r.type("none") == b"none"
    assert r.rename("a", "c") is True
    assert not r.renamenx("b", "c")
    with pytest.raises(redis.ResponseError, match="no such key"):
        r.rename("none", "x")
    assert r.copy("c", "d")
    assert not r.copy("c", "d")
    assert r.copy("b", "d", replace=True)
    assert r.get("d") == b"2"
    assert r.touch("b", "c", "none") == 2
    assert sorted(r.keys("[bc]")) == [b"b", b"c"]
    assert r.randomkey() in (b"b", b"c", b"d")
    assert r.object("ENCODING", "b") == b"int"
    assert r.dbsize() == 3


def test_databases(r):
    r.set("k", "v")
    assert r.move("k", 1)
    assert r.get("k") is None
    assert r.swapdb(0, 1)
    assert r.get("k") == b"v"
    assert r.copy("k", "k", destination_db=1)
    with redis.Redis.from_url(URL, db=1, protocol=r.get_connection_kwargs()["protocol"]) as one:
        assert one.get("k") == b"v"
        assert one.flushdb()
        assert one.dbsize() == 0
    assert r.dbsize() == 1


def test_scan_iter(r):
    expected = {f"key:{n}".encode() for n in range(3000)}
    with r.pipeline(transaction=False) as pipe:
        for key in expected:
            pipe.set(key, 1)
        pipe.set("other", 1)
        pipe.execute()
    assert set(r.scan_iter("key:*", count=100)) == expected
    assert len(set(r.scan_iter())) == 3001
    assert set(r.scan_iter("key:1?")) == {f"key:{n}".encode() for n in range(10, 20)}
    assert len(set(r.scan_iter(_type="string", count=500))) == 3001
    assert list(r.scan_iter(_type="list")) == []


def test_scan_cursors_survive_in_a_double(r):
    """Some clients keep numbers in doubles."""
    with r.pipeline(transaction=False) as pipe:
        for n in range(2000):
            pipe.set(n, n)
        pipe.execute()
    cursor = 0
    while True:
        cursor, _ = r.scan(cursor)
        assert int(float(cursor)) == cursor
        if cursor == 0:
            break


def test_pipelines(r):
    with r.pipeline(transaction=False) as pipe:
        for n in range(5000):
            pipe.set(f"k{n}", n).get(f"k{n}").incr(f"k{n}")
        replies = pipe.execute()
    assert replies[0::3] == [True] * 5000
    assert replies[1::3] == [str(n).encode() for n in range(5000)]
    assert replies[2::3] == [n + 1 for n in range(5000)]


def test_an_error_in_a_pipeline_leaves_the_others(r):
    with r.pipeline(transaction=False) as pipe:
        replies = pipe.set("k", "abc").incr("k").get("k").execute(raise_on_error=False)
    assert replies[0] is True and replies[2] == b"abc"
    assert isinstance(replies[1], redis.ResponseError)


def test_decode_responses(text):
    text.set("schlüssel", "wört")
    assert text.get("schlüssel") == "wört"
    assert text.keys() == ["schlüssel"]
    assert text.type("schlüssel") == "string"
    assert text.mget("schlüssel", "none") == ["wört", None]


def test_errors(r):
    with pytest.raises(redis.ResponseError, match="unknown command 'NOSUCH', with args beginning with: 'a' 'b'"):
        r.execute_command("NOSUCH", "a", "b")
    with pytest.raises(redis.ResponseError, match="wrong number of arguments for 'get' command"):
        r.execute_command("GET")
    with pytest.raises(redis.ResponseError, match="syntax error"):
        r.execute_command("SET", "k", "v", "FOO")
    with pytest.raises(redis.ResponseError, match="invalid expire time in 'set' command"):
        r.execute_command("SET", "k", "v", "EX", "0")
    with pytest.raises(redis.ResponseError, match="DB index is out of range"):
        r.execute_command("SELECT", "99")
    with pytest.raises(redis.ResponseError, match="bit offset is not an integer or out of range"):
        r.setbit("k", 2**32, 1)
    # And the connection is as good as before.
    assert r.ping()


def test_client_names(protocol):
    with redis.Redis.from_url(URL, protocol=protocol, client_name="from-url", single_connection_client=True) as r:
        assert r.client_getname() in (b"from-url", "from-url")
        assert r.client_setname("mine") is True
        assert r.client_getname() in (b"mine", "mine")
        info = r.client_info()
        assert info["name"] == "mine"
        assert int(info["id"]) == r.client_id()
        assert any(c["name"] == "mine" for c in r.client_list())
        with pytest.raises(redis.ResponseError, match="Client names cannot contain spaces"):
            r.client_setname("not mine")


def test_client_kill(r, protocol):
    with redis.Redis.from_url(URL, protocol=protocol, single_connection_client=True) as victim:
        number = victim.client_id()
        assert r.client_kill_filter(_id=number) == 1
        with pytest.raises(redis.ConnectionError):
            victim.ping()


def test_info(r):
    r.set("k", "v", ex=100)
    info = r.info()
    for name in ("redis_version", "process_id", "tcp_port", "uptime_in_seconds", "connected_clients", "used_memory",
                 "maxmemory_policy", "total_commands_processed", "keyspace_hits", "expired_keys", "role"):
        assert name in info, name
    assert info["connected_clients"] >= 1
    assert info["used_memory"] > 0
    assert info["db0"]["keys"] == 1 and info["db0"]["expires"] == 1
    assert "used_memory" in r.info("memory") and "redis_version" not in r.info("memory")


def test_info_counts(r):
    r.config_resetstat()
    r.set("k", "v")
    for _ in range(3):
        r.get("k")
    r.get("none")
    stats = r.info("stats")
    assert stats["keyspace_hits"] == 3
    assert stats["keyspace_misses"] == 1
    assert stats["total_commands_processed"] >= 5


def test_config(r):
    assert r.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert set(r.config_get("maxmemory*")) >= {"maxmemory", "maxmemory-policy", "maxmemory-samples"}
    assert r.config_get("maxmemory", "databases") == {"maxmemory": "0", "databases": "16"}
    assert r.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert r.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
    finally:
        r.config_set("maxmemory-policy", "noeviction")
    with pytest.raises(redis.ResponseError, match="argument"):
        r.config_set("maxmemory-policy", "no-such")
    with pytest.raises(redis.ResponseError, match="Unknown option"):
        r.config_set("no-such-directive", "1")


def test_time_and_command(r):
    seconds, micros = r.time()
    assert abs(seconds - time.time()) < 60 and 0 <= micros < 1_000_000
    assert r.command_count() > 50
    facts = r.command()["get"]
    assert facts["arity"] == 2 and facts["first_key_pos"] == 1
    keys = r.execute_command("COMMAND GETKEYS", "MSET", "a", 1, "b", 2)
    # redis-py decodes them by itself, in RESP2 only.
    assert [key if isinstance(key, str) else key.decode() for key in keys] == ["a", "b"]


def test_memory_usage(r):
    r.set("small", "x")
    r.set("big", "x" * 100_000)
    assert r.memory_usage("none") is None
    assert 10 < r.memory_usage("small") < 1000
    assert 100_000 <= r.memory_usage("big") < 200_000


@pytest.mark.parametrize("length", [16_383, 16_384, 16_385, 1_000_000, 40_000_000])
def test_large_values(r, length):
    value = os.urandom(1000) * (length // 1000 + 1)
    value = value[:length]
    r.set("big", value)
    assert r.strlen("big") == length
    assert r.get("big") == value
    assert r.getrange("big", length - 10, -1) == value[-10:]
    assert r.mget("big", "none", "big") == [value, None, value]


def test_a_reply_that_was_begun_is_not_changed_by_later_writes(r):
    """A large value is sent while it is replaced in the same pipeline."""
    first, second = b"1" * 5_000_000, b"2" * 5_000_000
    r.set("big", first)
    with r.pipeline(transaction=False) as pipe:
        replies = pipe.get("big").set("big", second).get("big").append("big", "3").delete("big").get("big").execute()
    assert replies == [first, True, second, 5_000_001, 1, None]


def test_many_connections(protocol):
    clients = [redis.Redis.from_url(URL, protocol=protocol, single_connection_client=True) for _ in range(300)]
    try:
        for n, client in enumerate(clients):
            client.set(f"conn:{n}", n)
        assert [client.get(f"conn:{299 - n}") for n, client in enumerate(clients)] == [str(299 - n).encode() for n in range(300)]
        assert clients[0].info("clients")["connected_clients"] >= 300
        assert len({client.client_id() for client in clients}) == 300
    finally:
        for client in clients:
            client.close()


def test_threads_count_together(r):
    def count():
        for _ in range(500):
            r.incr("n")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert r.get("n") == b"4000"


def test_flush(r):
    r.set("k", "v")
    assert r.flushdb(asynchronous=True)
    assert r.dbsize() == 0
    r.set("k", "v")
    assert r.flushall()
    assert r.dbsize() == 0


def test_reset_and_select(r):
    # RESET falls back to RESP2, which redis-py does not follow.
    with redis.Redis.from_url(URL, protocol=2, single_connection_client=True) as one:
        assert one.select(3)
        one.set("k", "v")
        assert r.get("k") is None
        assert one.execute_command("RESET") in (b"RESET", "RESET")
        assert one.get("k") is None
