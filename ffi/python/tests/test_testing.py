"""The fixtures that pytest finds when the package is installed."""

import asyncio
import sys

import pytest
import redis


def test_a_redis(carnelian_redis):
    assert isinstance(carnelian_redis, redis.Redis)
    assert carnelian_redis.dbsize() == 0
    assert carnelian_redis.set("k", "v")


def test_it_is_empty_again(carnelian_redis):
    assert carnelian_redis.dbsize() == 0


def test_time_is_turned(carnelian_redis, carnelian_clock):
    carnelian_redis.set("session", "anna", ex=3600)
    carnelian_clock.advance(3599)
    assert carnelian_redis.ttl("session") == 1
    carnelian_clock.advance(1.001)
    assert carnelian_redis.get("session") is None


@pytest.mark.skipif(sys.version_info < (3, 10), reason="a lock of asyncio belongs to the loop that there is when it is made")
def test_one_engine_for_all(carnelian_engine, carnelian_redis, carnelian_async_redis):
    carnelian_redis.set("k", "v")
    assert asyncio.run(carnelian_async_redis.get("k")) == b"v"
    host, port = carnelian_engine.serve()
    assert redis.Redis(host, port).get("k") == b"v"


def test_they_are_found_by_pytest(program):
    pytest.importorskip("carnelian")
    said = program(
        """
        import pathlib, pytest, sys
        pathlib.Path("test_it.py").write_text("def test_it(carnelian_redis): assert carnelian_redis.ping()")
        sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "test_it.py"]))
        """
    )
    assert "1 passed" in said
