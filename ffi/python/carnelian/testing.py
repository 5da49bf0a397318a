"""pytest fixtures: a Redis for tests that is one, without a server, and whose time can be turned.

Installing the package is enough, pytest finds them:

    def test_session_ends(carnelian_redis, carnelian_clock):
        carnelian_redis.set("session", "anna", ex=60)
        carnelian_clock.advance(61)
        assert carnelian_redis.get("session") is None

Each test has an engine of its own, in memory. Tests of what is kept in a directory open it themselves, with pytest's
`tmp_path`.
"""

import time
from collections.abc import Iterator

import pytest

from .asyncio import Redis as AsyncRedis
from .client import Redis
from .engine import Clock, Engine

__all__ = ["carnelian_async_redis", "carnelian_clock", "carnelian_engine", "carnelian_redis"]


@pytest.fixture
def carnelian_engine() -> Iterator[Engine]:
    """An empty engine in memory. Its clock shows the time when the test began, and stands still."""
    with Engine(clock=time.time()) as engine:
        yield engine


@pytest.fixture
def carnelian_clock(carnelian_engine: Engine) -> Clock:
    """The clock of that engine: `advance(seconds)` turns it forward."""
    return carnelian_engine.clock


@pytest.fixture
def carnelian_redis(carnelian_engine: Engine) -> Iterator[Redis]:
    """A client of that engine: a `redis.Redis` that answers with bytes."""
    with Redis(engine=carnelian_engine) as client:
        yield client


@pytest.fixture
def carnelian_async_redis(carnelian_engine: Engine) -> AsyncRedis:
    """A client of that engine for asyncio. It lives in the loop that uses it, and ends with the engine."""
    return AsyncRedis(engine=carnelian_engine)
