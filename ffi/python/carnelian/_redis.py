"""What differs between the versions of redis-py that this works with (5 and later)."""

import inspect
from types import ModuleType
from typing import Any, Callable, Optional

import redis

__all__ = ["SETS_ARE_LISTS", "is_observed", "no_maintenance"]

# Sets of RESP3 are lists, and not sets, which cannot have everything in them.
SETS_ARE_LISTS = int(redis.__version__.split(".")[0]) >= 6

_providers: Optional[ModuleType] = None
try:
    from redis.observability import providers as _providers
except ImportError:
    pass


def no_maintenance(pool: Callable[..., Any]) -> dict[str, Any]:
    """What tells a pool that an engine in this process is not going to be moved to another machine."""
    if "maint_notifications_config" not in inspect.signature(pool).parameters:
        return {}
    from redis.maint_notifications import MaintNotificationsConfig

    return {"maint_notifications_config": MaintNotificationsConfig(enabled=False)}


def is_observed() -> bool:
    """Whether somebody measures what redis-py does, so that everything has to go through it."""
    observability = getattr(_providers, "_observability_instance", None)
    return observability is not None and observability.get_provider_manager() is not None
