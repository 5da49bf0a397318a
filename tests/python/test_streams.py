"""Streams through redis-py. The two protocols give what was read in different shapes, which `entries` makes alike."""

import pytest
import redis


def entries(reply, key="s"):
    """Of one stream that was read."""
    if isinstance(reply, dict):
        found = reply.get(key, [])
        return found[0] if found and isinstance(found[0], list) else found
    return next((found for name, found in reply if name == key), [])


def ids(found):
    return [identifier for identifier, _ in found]


def test_entries(text):
    assert text.xadd("s", {"a": "1", "b": "2"}, id="1-1") == "1-1"
    assert text.xadd("s", {"a": "3"}, id="1-*") == "1-2"
    assert text.xadd("s", {"x": "4"}, id="2-0") == "2-0"
    assert text.xlen("s") == 3
    assert text.xrange("s") == [("1-1", {"a": "1", "b": "2"}), ("1-2", {"a": "3"}), ("2-0", {"x": "4"})]
    assert ids(text.xrevrange("s", count=2)) == ["2-0", "1-2"]
    assert ids(text.xrange("s", min="(1-1", max="1")) == ["1-2"]
    assert text.xdel("s", "1-2", "9-9") == 1
    with pytest.raises(redis.ResponseError, match="equal or smaller than the target stream top item"):
        text.xadd("s", {"a": "1"}, id="1-5")
    assert text.xadd("none", {"a": "1"}, nomkstream=True) is None
    identifier = text.xadd("s", {"a": "1"})
    assert int(identifier.split("-")[0]) > 1_600_000_000_000


def test_reading(text):
    for n in range(1, 6):
        text.xadd("s", {"n": n}, id=f"{n}-0")
    assert ids(entries(text.xread({"s": "2-0"}))) == ["3-0", "4-0", "5-0"]
    assert ids(entries(text.xread({"s": "0"}, count=2))) == ["1-0", "2-0"]
    assert not text.xread({"s": "$"})


def test_trimming(text):
    for n in range(1, 1001):
        text.xadd("s", {"n": n}, id=f"{n}-0")
    assert text.xtrim("s", maxlen=500, approximate=False) == 500
    assert text.xtrim("s", minid="901-0", approximate=False) == 400
    assert text.xlen("s") == 100
    text.xadd("s", {"n": 0}, id="2000-0", maxlen=10, approximate=False)
    assert ids(text.xrange("s"))[0] == "992-0"
    assert text.xinfo_stream("s")["last-generated-id"] == "2000-0"


def test_groups(text):
    for n in range(1, 6):
        text.xadd("s", {"n": n}, id=f"{n}-0")
    assert text.xgroup_create("s", "g", id="0") is True
    with pytest.raises(redis.ResponseError, match="BUSYGROUP"):
        text.xgroup_create("s", "g")
    assert ids(entries(text.xreadgroup("g", "one", {"s": ">"}, count=2))) == ["1-0", "2-0"]
    assert ids(entries(text.xreadgroup("g", "two", {"s": ">"}))) == ["3-0", "4-0", "5-0"]
    assert ids(entries(text.xreadgroup("g", "one", {"s": "0"}))) == ["1-0", "2-0"]
    assert text.xack("s", "g", "1-0", "9-0") == 1
    pending = text.xpending("s", "g")
    assert pending["pending"] == 4 and pending["min"] == "2-0" and pending["max"] == "5-0"
    detail = text.xpending_range("s", "g", "-", "+", 10, consumername="two")
    assert [entry["message_id"] for entry in detail] == ["3-0", "4-0", "5-0"]
    assert all(entry["times_delivered"] == 1 for entry in detail)
    assert ids(text.xclaim("s", "g", "one", 0, ["3-0"])) == ["3-0"]
    cursor, claimed, *_ = text.xautoclaim("s", "g", "one", 0, start_id="0", count=2)
    assert cursor == "4-0" and ids(claimed) == ["2-0", "3-0"]
    consumers = {consumer["name"]: consumer["pending"] for consumer in text.xinfo_consumers("s", "g")}
    assert consumers == {"one": 2, "two": 2}
    assert text.xgroup_delconsumer("s", "g", "two") == 2
    group = text.xinfo_groups("s")[0]
    assert group["name"] == "g" and group["pending"] == 2 and group["last-delivered-id"] == "5-0"
    assert text.xgroup_setid("s", "g", "0") is True
    assert text.xgroup_destroy("s", "g") == 1
    with pytest.raises(redis.ResponseError, match="NOGROUP"):
        text.xreadgroup("g", "one", {"s": ">"})


def test_any_bytes_come_back_as_they_were(r):
    fields = {b"": b"\x00\xff\r\n", b"12": b"012", b"big": b"x" * 100_000}
    identifier = r.xadd("s", fields)
    assert r.xrange("s") == [(identifier, fields)]


def test_an_empty_stream_stays(text):
    text.xadd("s", {"a": "1"}, id="1-0")
    text.xdel("s", "1-0")
    assert text.exists("s") == 1 and text.xlen("s") == 0
    assert text.type("s") == "stream"


def test_wrong_type(r):
    r.set("k", "v")
    for call in (lambda: r.xadd("k", {"a": 1}), lambda: r.xrange("k"), lambda: r.xread({"k": "0"}), lambda: r.xlen("k")):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            call()
