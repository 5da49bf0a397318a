"""What all tests of redis-py share: a client of either protocol, of an empty server at REDIS_URL."""

import os

import pytest
import redis

URL = os.environ["REDIS_URL"]


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def protocol(request):
    return request.param


@pytest.fixture
def r(protocol):
    with redis.Redis.from_url(URL, protocol=protocol) as client:
        client.flushall()
        yield client
        client.flushall()


@pytest.fixture
def text(protocol, r):
    with redis.Redis.from_url(URL, protocol=protocol, decode_responses=True) as client:
        yield client


@pytest.fixture
def newer(text):
    """What came after Redis 7.0, so that it alone may lack it."""
    if text.info("server")["redis_version"].startswith("7.0."):
        pytest.skip("Redis 7.0 does not have it")
    return text
