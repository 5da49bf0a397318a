"""Sets through redis-py."""

import pytest
import redis


def test_members(text):
    assert text.sadd("s", "a", "b", "a") == 2
    assert text.sadd("s", "b", "c") == 1
    assert text.scard("s") == 3
    assert text.smembers("s") == {"a", "b", "c"}
    assert text.sismember("s", "a") == 1
    assert text.smismember("s", ["a", "none", "c"]) == [1, 0, 1]
    assert text.srem("s", "a", "none") == 1
    assert text.smove("s", "t", "b")
    assert not text.smove("s", "t", "none")
    assert text.smembers("t") == {"b"}
    assert text.srem("s", "c") == 1
    assert text.exists("s") == 0
    assert text.smembers("s") == set()


def test_any_bytes_come_back_as_they_were(r):
    members = {b"", b"\x00\xff\r\n", b"12", b"012", b"-1", b"x" * 100_000}
    assert r.sadd("s", *members) == len(members)
    assert r.smembers("s") == members


def test_encodings(text):
    text.sadd("s", *range(100))
    assert text.object("ENCODING", "s") == "intset"
    assert text.smembers("s") == {str(n) for n in range(100)}
    text.sadd("s", "a")
    assert text.object("ENCODING", "s") in ("listpack", "hashtable")
    text.sadd("s", *range(1000))
    assert text.object("ENCODING", "s") == "hashtable"
    assert text.scard("s") == 1001


def test_algebra(text):
    text.sadd("a", *"abcd")
    text.sadd("b", *"cdef")
    assert text.sinter("a", "b") == {"c", "d"}
    assert text.sunion("a", "b") == set("abcdef")
    assert text.sdiff("a", "b") == {"a", "b"}
    assert text.sintercard(2, ["a", "b"]) == 2
    assert text.sintercard(2, ["a", "b"], limit=1) == 1
    assert text.sinterstore("to", "a", "b") == 2
    assert text.smembers("to") == {"c", "d"}
    assert text.sunionstore("to", "a", "b") == 6
    assert text.sdiffstore("to", "a", "a") == 0
    assert text.exists("to") == 0


def test_at_random(text):
    members = {f"m{n}" for n in range(300)}
    text.sadd("s", *members)
    assert text.srandmember("s") in members
    assert set(text.srandmember("s", 10)) < members
    assert len(set(text.srandmember("s", 10))) == 10
    assert len(text.srandmember("s", -1000)) == 1000
    popped = set(text.spop("s", 100))
    popped.add(text.spop("s"))
    assert len(popped) == 101
    assert text.smembers("s") == members - popped


def test_sscan(text):
    members = {f"m{n}" for n in range(3000)}
    text.sadd("s", *members)
    assert set(text.sscan_iter("s")) == members
    assert set(text.sscan_iter("s", match="m1?", count=100)) == {f"m{n}" for n in range(10, 20)}


def test_wrong_type(r):
    r.rpush("k", "v")
    for call in (lambda: r.sadd("k", "a"), lambda: r.smembers("k"), lambda: r.spop("k"), lambda: r.sinter("k", "x")):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            call()
