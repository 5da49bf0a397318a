"""`carnelian.django.Cache` is Django's Redis cache, in this process: what Django promises of its caches holds."""

import os
import threading

import pytest
from django.conf import settings
from django.core.cache import CacheHandler


if not settings.configured:
    settings.configure()


NAMED = "carnelian://tests of django"


def caches(location="", **options):
    return CacheHandler({"default": {"BACKEND": "carnelian.django.Cache", "LOCATION": location, "OPTIONS": options}})


@pytest.fixture
def cache():
    cache = caches(NAMED, db=5)["default"]
    cache.clear()
    return cache


def test_values(cache):
    for value in (1, -5, True, None, 1.5, "text", "", b"bytes", [1, {"a": (2,)}], {1, 2}):
        cache.set("k", value)
        found = cache.get("k", "default")
        assert found == value and type(found) is type(value)
    assert cache.get("none") is None
    assert cache.get("none", "default") == "default"
    assert "k" in cache and "none" not in cache


def test_adding_and_removing(cache):
    assert cache.add("k", 1) is True
    assert cache.add("k", 2) is False
    assert cache.get("k") == 1
    assert cache.delete("k") is True
    assert cache.delete("k") is False
    assert cache.get_or_set("k", lambda: 3) == 3
    assert cache.get_or_set("k", 4) == 3
    cache.clear()
    assert cache.get("k") is None


def test_many(cache):
    assert cache.set_many({"a": 1, "b": "two"}, timeout=100) == []
    assert cache.get_many(["a", "b", "none"]) == {"a": 1, "b": "two"}
    cache.delete_many(["a", "none"])
    assert cache.get_many(["a", "b"]) == {"b": "two"}


def test_counting(cache):
    cache.set("n", 1)
    assert cache.incr("n") == 2
    assert cache.decr("n", 5) == -3
    with pytest.raises(ValueError):
        cache.incr("none")


def test_versions(cache):
    cache.set("k", "old", version=1)
    cache.set("k", "new", version=2)
    assert cache.get("k") == "old"
    assert cache.get("k", version=2) == "new"
    assert cache.incr_version("k", 2) == 3
    assert cache.get("k", version=3) == "old"


def test_timeouts(cache):
    client = cache._cache.get_client()
    cache.set("k", 1, timeout=100)
    assert 98 <= client.ttl(cache.make_key("k")) <= 100
    cache.set("k", 1)
    assert 298 <= client.ttl(cache.make_key("k")) <= 300
    cache.set("k", 1, timeout=None)
    assert client.ttl(cache.make_key("k")) == -1
    assert cache.touch("k", 50) is True
    assert 48 <= client.ttl(cache.make_key("k")) <= 50
    assert cache.touch("none") is False
    cache.set("k", 1, timeout=0)
    assert cache.get("k") is None


def test_threads_share_one_engine(cache):
    """Django makes an object for every thread, and drops it with the thread."""
    handler = caches(NAMED, db=5)
    thread = threading.Thread(target=lambda: handler["default"].set("k", "of a thread that has ended"))
    thread.start()
    thread.join()
    assert cache.get("k") == "of a thread that has ended"


def test_databases_are_apart(cache):
    other = caches(NAMED, db=6)["default"]
    cache.set("k", 1)
    other.set("k", 2)
    assert (cache.get("k"), other.get("k")) == (1, 2)


def test_caches_in_memory_are_apart(cache):
    other = caches()["default"]
    cache.set("k", 1)
    other.set("k", 2)
    assert (cache.get("k"), other.get("k")) == (1, 2)
    assert caches()["default"].get("k") == 2


def test_directives_reach_the_engine():
    cache = caches(maxmemory="100mb", maxmemory_policy="allkeys-lru")["default"]
    assert cache._cache.get_client().config_get("maxmemory*")["maxmemory"] == str(100 * 1024 * 1024)


def test_a_directory_keeps_what_is_cached(tmp_path):
    cache = caches(str(tmp_path / "cache"))["default"]
    cache.set("k", "kept")
    # As at the end of the process.
    cache._cache.get_client().engine.close()
    assert caches(str(tmp_path / "cache"))["default"].get("k") == "kept"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_process_that_was_forked_has_a_cache_of_its_own(cache):
    """As under a server that loads the application before it forks its workers."""
    cache.set("k", "of the parent")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            cache.set("child", 1)
            status = 0 if (cache.get("k"), cache.get("child")) == (None, 1) else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert cache.get("k") == "of the parent" and cache.get("child") is None
