"""Hashes through redis-py."""

import time

import pytest
import redis


def test_fields(text):
    assert text.hset("h", "a", "1") == 1
    assert text.hset("h", mapping={"a": "2", "b": "3"}) == 1
    assert text.hget("h", "a") == "2"
    assert text.hget("h", "none") is None
    assert text.hmget("h", ["a", "none", "b"]) == ["2", None, "3"]
    assert text.hgetall("h") == {"a": "2", "b": "3"}
    assert text.hkeys("h") == ["a", "b"] and text.hvals("h") == ["2", "3"]
    assert text.hlen("h") == 2
    assert text.hexists("h", "a") and not text.hexists("h", "none")
    assert text.hstrlen("h", "b") == 1
    assert text.hsetnx("h", "a", "9") == 0
    assert text.hsetnx("h", "c", "9") == 1
    assert text.hdel("h", "a", "b", "none") == 2
    assert text.hdel("h", "c") == 1
    assert text.exists("h") == 0
    assert text.hgetall("h") == {}


def test_any_bytes_come_back_as_they_were(r):
    mapping = {b"": b"", b"\x00\xff\r\n": b"\r\n", b"12": b"012", b"-1": b"9" * 30, b"big": b"x" * 100_000}
    r.hset("h", mapping=mapping)
    assert r.hgetall("h") == mapping


def test_numbers(text):
    assert text.hincrby("h", "n", 5) == 5
    assert text.hincrby("h", "n", -7) == -2
    assert text.hincrbyfloat("h", "n", 0.5) == -1.5
    assert text.hget("h", "n") == "-1.5"
    text.hset("h", "big", 2**63 - 1)
    with pytest.raises(redis.ResponseError, match="increment or decrement would overflow"):
        text.hincrby("h", "big", 1)
    with pytest.raises(redis.ResponseError, match="hash value is not an integer"):
        text.hincrby("h", "n", 1)


def test_encodings_and_many_fields(text):
    text.hset("h", "a", "1")
    assert text.object("ENCODING", "h") == "listpack"
    mapping = {f"field{n}": f"value{n}" for n in range(3000)}
    text.hset("h", mapping=mapping)
    assert text.object("ENCODING", "h") == "hashtable"
    assert text.hgetall("h") == {"a": "1", **mapping}
    assert dict(text.hscan_iter("h", match="field1?")) == {f"field{n}": f"value{n}" for n in range(10, 20)}
    assert dict(text.hscan_iter("h", count=100)) == {"a": "1", **mapping}


def test_at_random(text):
    mapping = {f"f{n}": f"v{n}" for n in range(50)}
    text.hset("h", mapping=mapping)
    assert text.hrandfield("h") in mapping
    assert len(set(text.hrandfield("h", 10))) == 10
    assert len(text.hrandfield("h", -100)) == 100
    assert text.hrandfield("none") is None


def test_fields_expire(newer):
    r = newer
    r.hset("h", mapping={"a": "1", "b": "2", "c": "3"})
    assert r.hexpire("h", 100, "a", "none") == [1, -2]
    assert r.hpexpire("h", 200_000, "b", nx=True) == [1]
    assert r.hpexpire("h", 300_000, "b", nx=True) == [0]
    assert 98 <= r.httl("h", "a", "c", "none")[0] <= 100
    assert r.httl("h", "c", "none") == [-1, -2]
    assert r.hexpireat("h", 4_000_000_000, "c") == [1]
    assert r.hexpiretime("h", "c") == [4_000_000_000]
    assert r.hpexpiretime("h", "c") == [4_000_000_000_000]
    assert r.hpersist("h", "c", "c") == [1, -1]
    assert r.hexpireat("h", int(time.time()) - 10, "a") == [2]
    assert r.hgetall("h") == {"b": "2", "c": "3"}


def test_a_field_goes_when_its_time_comes(newer):
    r = newer
    r.hset("h", mapping={"a": "1", "b": "2"})
    r.hpexpire("h", 40, "a")
    deadline = time.time() + 5
    while r.hget("h", "a") is not None:
        assert time.time() < deadline
        time.sleep(0.01)
    assert r.hgetall("h") == {"b": "2"}
    r.hpexpire("h", 40, "b")
    while r.dbsize() != 0:
        assert time.time() < deadline
        time.sleep(0.01)


def test_get_and_set_with_deadlines(newer):
    r = newer
    assert r.hsetex("h", mapping={"a": "1", "b": "2"}, ex=100) == 1
    assert 98 <= r.httl("h", "a")[0] <= 100
    assert r.hgetex("h", "a", persist=True) == ["1"]
    assert r.httl("h", "a") == [-1]
    assert r.hgetdel("h", "a", "none") == ["1", None]
    assert r.hgetdel("h", "b") == ["2"]
    assert r.exists("h") == 0


def test_wrong_type(r):
    r.set("k", "v")
    for call in (lambda: r.hset("k", "a", 1), lambda: r.hgetall("k"), lambda: r.hincrby("k", "a"), lambda: r.hdel("k", "a")):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            call()
