"""Redis as a library: an engine in this process behind redis-py's own API, without a server.

    import carnelian

    r = carnelian.Redis("data")     # a redis.Redis; the keys are kept in that directory
    r.set("greeting", "hello")
"""

from ._library import version
from .client import Redis
from .connection import Connection
from .engine import Clock, Engine
from .errors import ClosedError, EngineError, ForkedError
from .pipeline import Pipeline
from .pool import BlockingConnectionPool, ConnectionPool

__all__ = [
    "BlockingConnectionPool",
    "Clock",
    "ClosedError",
    "Connection",
    "ConnectionPool",
    "Engine",
    "EngineError",
    "ForkedError",
    "Pipeline",
    "Redis",
    "from_url",
]

__version__ = version()

from_url = Redis.from_url
