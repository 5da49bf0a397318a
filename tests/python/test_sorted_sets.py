"""Sorted sets through redis-py. The two protocols give pairs in different shapes, which `pairs` makes alike."""

import pytest
import redis


def pairs(reply):
    return [(member, float(score)) for member, score in reply]


def test_members_and_scores(text):
    assert text.zadd("z", {"a": 1, "b": 2.5, "c": "-inf"}) == 3
    assert text.zadd("z", {"a": 10, "d": 4}, ch=True) == 2
    assert text.zadd("z", {"a": 20}, nx=True) == 0
    assert text.zadd("z", {"e": 20}, xx=True) == 0
    assert text.zadd("z", {"a": 5}, gt=True, ch=True) == 0
    assert text.zadd("z", {"a": 15}, incr=True) == 25
    assert text.zscore("z", "a") == 25.0
    assert text.zscore("z", "none") is None
    assert text.zmscore("z", ["c", "none"]) == [float("-inf"), None]
    assert text.zcard("z") == 4
    assert text.zincrby("z", -0.5, "b") == 2.0
    assert text.zrem("z", "a", "none") == 1
    assert pairs(text.zrange("z", 0, -1, withscores=True)) == [("c", float("-inf")), ("b", 2.0), ("d", 4.0)]
    assert text.zrank("z", "d") == 2 and text.zrevrank("z", "d") == 0
    assert text.zrank("z", "none") is None
    with pytest.raises(redis.ResponseError, match="not a valid float"):
        text.zadd("z", {"a": "nan"})


def test_ranges(text):
    text.zadd("z", {c: n for n, c in enumerate("abcdefghij")})
    assert text.zrange("z", 2, 4) == ["c", "d", "e"]
    assert text.zrange("z", 0, 2, desc=True) == ["j", "i", "h"]
    assert text.zrangebyscore("z", "(2", 5) == ["d", "e", "f"]
    assert text.zrangebyscore("z", 2, "+inf", start=1, num=2) == ["d", "e"]
    assert text.zrevrangebyscore("z", 3, 1) == ["d", "c", "b"]
    assert text.zrange("z", 5, 2, byscore=True, desc=True, offset=1, num=2) == ["e", "d"]
    assert text.zcount("z", 2, "(5") == 3
    assert text.zrangestore("to", "z", 0, 1) == 2
    assert text.zrange("to", 0, -1) == ["a", "b"]
    assert text.zremrangebyrank("z", 0, 1) == 2
    assert text.zremrangebyscore("z", 8, 9) == 2
    assert text.zrange("z", 0, -1) == list("cdefgh")


def test_by_letters(text):
    text.zadd("z", {c: 0 for c in "abcdef"})
    assert text.zrangebylex("z", "[b", "(e") == ["b", "c", "d"]
    assert text.zrevrangebylex("z", "+", "[d") == ["f", "e", "d"]
    assert text.zlexcount("z", "-", "[c") == 3
    assert text.zremrangebylex("z", "-", "(c") == 2
    assert text.zrange("z", "-", "+", bylex=True, offset=1, num=2) == ["d", "e"]


def test_pops(text):
    text.zadd("z", {"a": 1, "b": 2, "c": 3, "d": 4})
    assert pairs(text.zpopmin("z", 2)) == [("a", 1.0), ("b", 2.0)]
    assert pairs(text.zpopmax("z", 1)) == [("d", 4.0)]
    key, popped = text.zmpop(2, ["none", "z"], min=True)
    assert key == "z" and pairs(popped) == [("c", 3.0)]
    assert text.exists("z") == 0


def test_algebra(text):
    text.zadd("a", {"x": 1, "y": 2})
    text.zadd("b", {"y": 10, "z": 20})
    assert pairs(text.zunion(["a", "b"], withscores=True)) == [("x", 1.0), ("y", 12.0), ("z", 20.0)]
    assert pairs(text.zinter(["a", "b"], aggregate="MAX", withscores=True)) == [("y", 10.0)]
    assert text.zdiff(["a", "b"]) == ["x"]
    assert text.zintercard(2, ["a", "b"]) == 1
    assert text.zunionstore("to", {"a": 2, "b": 0.5}) == 3
    assert pairs(text.zrange("to", 0, -1, withscores=True)) == [("x", 2.0), ("y", 9.0), ("z", 10.0)]
    assert text.zinterstore("to", ["a", "b"]) == 1
    assert text.zdiffstore("to", ["a", "a"]) == 0
    assert text.exists("to") == 0


def test_encodings_and_many_members(text):
    text.zadd("z", {"a": 1})
    assert text.object("ENCODING", "z") == "listpack"
    scores = {f"m{n}": n * 7919 % 5000 for n in range(5000)}
    text.zrem("z", "a")
    text.zadd("z", scores)
    assert text.object("ENCODING", "z") == "skiplist"
    expected = sorted(scores, key=lambda member: (scores[member], member))
    assert text.zrange("z", 0, -1) == expected
    assert [text.zrank("z", member) for member in expected[2000:2010]] == list(range(2000, 2010))
    assert dict(text.zscan_iter("z")) == {member: float(score) for member, score in scores.items()}
    assert set(text.zrandmember("z", 10)) < set(scores)


def test_wrong_type(r):
    r.set("k", "v")
    for call in (lambda: r.zadd("k", {"a": 1}), lambda: r.zrange("k", 0, -1), lambda: r.zpopmin("k"), lambda: r.zunion(["k"])):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            call()
