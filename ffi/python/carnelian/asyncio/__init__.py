"""The asyncio side of carnelian: `carnelian.asyncio.Redis` is a `redis.asyncio.Redis`.

    import carnelian.asyncio

    async with carnelian.asyncio.Redis("data") as r:
        await r.set("greeting", "hello")
"""

from .client import Redis
from .connection import Connection
from .pipeline import Pipeline
from .pool import BlockingConnectionPool, ConnectionPool

__all__ = ["BlockingConnectionPool", "Connection", "ConnectionPool", "Pipeline", "Redis", "from_url"]

from_url = Redis.from_url
