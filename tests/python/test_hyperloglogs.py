"""HyperLogLogs through redis-py."""

import pytest
import redis


def test_counting(r):
    assert r.pfadd("h", "a", "b", "c") == 1
    assert r.pfadd("h", "a") == 0
    assert r.pfcount("h") == 3
    assert r.pfcount("none") == 0
    for at in range(0, 100_000, 1000):
        r.pfadd("many", *range(at, at + 1000))
    assert abs(r.pfcount("many") - 100_000) < 2_000
    assert abs(r.pfcount("many", "h") - 100_003) < 2_000


def test_merging(r):
    r.pfadd("a", *"abc")
    r.pfadd("b", *"cde")
    assert r.pfmerge("to", "a", "b")
    assert r.pfcount("to") == 5


def test_it_is_a_string(r):
    r.pfadd("h", "a")
    assert r.type("h") == b"string"
    value = r.get("h")
    assert value.startswith(b"HYLL")
    r.set("copy", value)
    assert r.pfcount("copy") == 1


def test_other_strings_are_refused(r):
    r.set("k", "v")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE Key is not a valid HyperLogLog string value"):
        r.pfadd("k", "a")
    r.set("k", b"HYLL\x00")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE Key is not a valid HyperLogLog string value"):
        r.pfcount("k")
