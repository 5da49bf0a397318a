"""Lists through redis-py."""

import pytest
import redis


def test_both_ends(text):
    assert text.rpush("l", "b", "c") == 2
    assert text.lpush("l", "a", "z") == 4
    assert text.lrange("l", 0, -1) == ["z", "a", "b", "c"]
    assert text.llen("l") == 4
    assert text.lpop("l") == "z"
    assert text.rpop("l") == "c"
    assert text.lpop("l", 5) == ["a", "b"]
    assert text.lpop("l") is None
    assert text.exists("l") == 0
    assert text.lpushx("l", "a") == 0
    assert text.rpushx("l", "a") == 0


def test_any_bytes_and_numbers_come_back_as_they_were(r):
    items = [b"", b"\x00\xff\r\n", b"12", b"012", b"-1", b"9223372036854775807", b"9223372036854775808", b"x" * 100_000]
    assert r.rpush("l", *items) == len(items)
    assert r.lrange("l", 0, -1) == items
    assert [r.lindex("l", n) for n in range(-len(items), 0)] == items


def test_the_middle(text):
    text.rpush("l", *"abcabc")
    assert text.lindex("l", 2) == "c"
    assert text.lindex("l", 6) is None
    assert text.linsert("l", "BEFORE", "b", "x") == 7
    assert text.linsert("l", "AFTER", "b", "y") == 8
    assert text.linsert("l", "AFTER", "none", "y") == -1
    assert text.lrange("l", 0, -1) == list("axbycabc")
    assert text.lset("l", -1, "last") is True
    assert text.lrem("l", -1, "a") == 1
    assert text.lrange("l", 0, -1) == ["a", "x", "b", "y", "c", "b", "last"]
    assert text.ltrim("l", 1, -2) is True
    assert text.lrange("l", 0, -1) == ["x", "b", "y", "c", "b"]
    with pytest.raises(redis.ResponseError, match="index out of range"):
        text.lset("l", 9, "x")
    with pytest.raises(redis.ResponseError, match="no such key"):
        text.lset("none", 0, "x")


def test_positions(text):
    text.rpush("l", *"abcabca")
    assert text.lpos("l", "a") == 0
    assert text.lpos("l", "a", rank=-1) == 6
    assert text.lpos("l", "a", count=0) == [0, 3, 6]
    assert text.lpos("l", "a", rank=2, count=2) == [3, 6]
    assert text.lpos("l", "c", maxlen=2) is None
    assert text.lpos("l", "none") is None


def test_from_one_to_another(text):
    text.rpush("l", *"abc")
    assert text.rpoplpush("l", "m") == "c"
    assert text.lmove("l", "m", "LEFT", "RIGHT") == "a"
    assert text.lrange("m", 0, -1) == ["c", "a"]
    assert text.lmove("m", "m", "LEFT", "RIGHT") == "c"
    assert text.lrange("m", 0, -1) == ["a", "c"]
    assert text.lmpop(2, "none", "m", direction="RIGHT", count=5) == ["m", ["c", "a"]]
    assert text.lmpop(2, "none", "m", direction="LEFT") is None


def test_many_items(r):
    items = [f"item:{n}".encode() for n in range(50_000)]
    for at in range(0, len(items), 1000):
        r.rpush("l", *items[at : at + 1000])
    assert r.llen("l") == 50_000
    assert r.lrange("l", 0, -1) == items
    assert r.lrange("l", 24_990, 25_009) == items[24_990:25_010]
    assert r.lindex("l", 25_000) == items[25_000]
    assert r.object("ENCODING", "l") == b"quicklist"
    assert r.ltrim("l", 10_000, -10_001)
    assert r.lrange("l", 0, 0) + r.lrange("l", -1, -1) == [items[10_000], items[39_999]]


def test_wrong_type(r):
    r.set("k", "v")
    for call in (lambda: r.lpush("k", "a"), lambda: r.lrange("k", 0, -1), lambda: r.lpop("k"), lambda: r.rpoplpush("k", "x")):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            call()
    assert r.get("k") == b"v"
