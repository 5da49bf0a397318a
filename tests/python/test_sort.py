"""SORT through redis-py."""

import pytest
import redis


def test_numbers_and_letters(text):
    text.rpush("l", "3", "10", "1.5", "-2")
    assert text.sort("l") == ["-2", "1.5", "3", "10"]
    assert text.sort("l", desc=True, start=0, num=2) == ["10", "3"]
    assert text.sort("l", alpha=True) == ["-2", "1.5", "10", "3"]
    text.sadd("s", "c", "a", "b")
    assert text.sort("s", alpha=True) == ["a", "b", "c"]
    with pytest.raises(redis.ResponseError, match="can't be converted into double"):
        text.sort("s")


def test_by_and_get(text):
    text.rpush("l", "1", "2", "3")
    text.mset({"weight_1": 30, "weight_2": 10, "weight_3": 20, "name_1": "one", "name_2": "two"})
    text.hset("h_1", "f", "hash one")
    assert text.sort("l", by="weight_*") == ["2", "3", "1"]
    assert text.sort("l", by="weight_*", get=["#", "name_*"]) == ["2", "two", "3", None, "1", "one"]
    assert text.sort("l", by="nosort", get="h_*->f") == ["hash one", None, None]
    assert text.sort("l", by="weight_*", get=["#", "name_*"], groups=True) == [("2", "two"), ("3", None), ("1", "one")]


def test_store_and_read_only(text):
    text.rpush("l", "3", "1", "2")
    assert text.sort("l", store="to") == 3
    assert text.lrange("to", 0, -1) == ["1", "2", "3"]
    assert text.sort_ro("l", desc=True) == ["3", "2", "1"]
    assert text.sort("none") == []
