"""Redis 7.0 and the subject, each started once for all cases."""

import asyncio

import pytest

import sides


@pytest.fixture(scope="session")
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def real(loop):
    server = sides.Redis70()
    side = sides.Server(loop, server.url)
    yield side
    side.close()
    server.close()


@pytest.fixture(scope="session")
def subject(loop):
    side = sides.subject(loop)
    yield side
    side.close()
