"""Locks that rest on scripts: those of redis-py, and Redlock over three servers."""

import asyncio
import os
import subprocess
import threading
import time

import pottery
import pytest
import redis
import redis.asyncio
from pottery import AIORedlock, Redlock
from redis.exceptions import LockError, LockNotOwnedError

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")


def together(count, act):
    """Runs something on several threads; what one of them raises is raised here."""
    raised = []

    def run(n):
        try:
            act(n)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if raised:
        raise raised[0]


def test_one_holds_it(text):
    mine, other = text.lock("l", timeout=60), text.lock("l", timeout=60)
    assert mine.acquire(blocking=False)
    assert mine.owned() and mine.locked() and other.locked() and not other.owned()
    assert not other.acquire(blocking=False)
    began = time.monotonic()
    assert not other.acquire(blocking_timeout=0.2)
    assert time.monotonic() - began >= 0.05
    mine.release()
    assert not mine.locked() and text.get("l") is None
    assert other.acquire(blocking=False)
    other.release()


def test_who_does_not_hold_it_cannot_release_it(text):
    mine, other = text.lock("l", timeout=60), text.lock("l", timeout=60)
    with pytest.raises(LockError, match="unlocked"):
        mine.release()
    mine.acquire()
    # As if it had run out and somebody else had taken it.
    text.delete("l")
    assert other.acquire(blocking=False)
    for act in (mine.release, mine.reacquire, lambda: mine.extend(10)):
        other_token = text.get("l")
        # Releasing forgets the token, which is put back for what follows.
        token = mine.local.token
        with pytest.raises(LockNotOwnedError):
            act()
        mine.local.token = token
        assert text.get("l") == other_token
    other.release()
    with text.lock("l", timeout=60, raise_on_release_error=False):
        text.delete("l")


def test_its_time_is_prolonged(text):
    lock = text.lock("l", timeout=60)
    lock.acquire()
    assert 50 < text.ttl("l") <= 60
    assert lock.extend(100)
    assert 150 < text.ttl("l") <= 160
    assert lock.extend(30, replace_ttl=True)
    assert 20 < text.ttl("l") <= 30
    assert lock.reacquire()
    assert 50 < text.ttl("l") <= 60
    lock.release()


def test_it_ends_by_itself(text):
    lock = text.lock("l", timeout=0.1)
    began = time.monotonic()
    lock.acquire()
    with text.lock("l", timeout=60, blocking_timeout=10, sleep=0.01):
        assert time.monotonic() - began >= 0.09
        with pytest.raises(LockNotOwnedError):
            lock.release()


def test_its_token_is_of_a_thread(text):
    lock = text.lock("l", timeout=60)
    shared = text.lock("s", timeout=60, thread_local=False)
    lock.acquire()
    shared.acquire()

    def elsewhere(_):
        assert not lock.acquire(blocking=False)
        assert shared.owned()
        shared.release()

    together(1, elsewhere)
    assert lock.owned() and not shared.locked()
    text.delete("l")
    together(1, lambda _: lock.acquire())
    assert lock.locked() and not lock.owned()
    with pytest.raises(LockNotOwnedError):
        lock.release()


def test_threads_contend(text):
    """A counter that is read and written in two commands, with the lock held, is never raced."""

    def count(_):
        for _ in range(25):
            with text.lock("l", timeout=60, blocking_timeout=60, sleep=0.001):
                text.set("n", int(text.get("n") or 0) + 1)

    together(4, count)
    assert text.get("n") == "100"


def test_scripts_that_are_gone_are_loaded_again(text):
    lock = text.lock("l", timeout=60)
    for _ in range(3):
        lock.acquire()
        text.script_flush()
        lock.extend(10)
        text.script_flush()
        lock.release()


def test_asyncio(protocol, r):
    async def main():
        url = os.environ["REDIS_URL"]
        async with redis.asyncio.Redis.from_url(url, protocol=protocol, decode_responses=True) as client:
            mine, other = client.lock("l", timeout=60), client.lock("l", timeout=60)
            assert await mine.acquire(blocking=False)
            assert not await other.acquire(blocking_timeout=0.05)
            assert await mine.extend(100) and 150 < await client.ttl("l") <= 160
            assert await mine.reacquire() and 50 < await client.ttl("l") <= 60
            await client.delete("l")
            assert await other.acquire(blocking=False)
            with pytest.raises(LockNotOwnedError):
                await mine.release()
            assert await other.owned()
            await other.release()

            async def count():
                for _ in range(10):
                    async with client.lock("l", timeout=60, blocking_timeout=60, sleep=0.001):
                        await client.set("n", int(await client.get("n") or 0) + 1)

            await asyncio.gather(*(count() for _ in range(8)))
            assert await client.get("n") == "80"

    asyncio.run(asyncio.wait_for(main(), 60))


@pytest.fixture(scope="module")
def urls():
    """The server at REDIS_URL and two more, which end when they hear nothing more from here."""
    command = [os.path.join(ROOT, "scripts", "with-server"), "sh", "-c", 'echo "$REDIS_URL"; read -r _']
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    yield [os.environ["REDIS_URL"]] + [server.stdout.readline().strip() for server in started]
    for server in started:
        server.communicate()


@pytest.fixture
def masters(urls, protocol):
    clients = [redis.Redis.from_url(url, protocol=protocol) for url in urls]
    for client in clients:
        client.flushall()
    yield clients
    for client in clients:
        client.flushall()
        client.close()


def redlock(masters, **options):
    return Redlock(key="l", masters=set(masters), **{"auto_release_time": 60, **options})


def held(masters):
    """What each server says of who holds the lock."""
    return [master.get("redlock:l") for master in masters]


def until_all(masters, condition):
    """Redlock goes on as soon as two servers have agreed, and what it asks of the third may come later."""
    end = time.monotonic() + 10
    while not all(condition(master) for master in masters):
        assert time.monotonic() < end
        time.sleep(0.005)


def test_redlock_is_held_by_one(masters):
    mine, other = redlock(masters), redlock(masters)
    assert mine.acquire(blocking=False)
    until_all(masters, lambda master: master.exists("redlock:l"))
    tokens = held(masters)
    assert len(set(tokens)) == 1
    assert 50 < mine.locked() <= 60
    assert not other.locked() and not other.acquire(blocking=False)
    with pytest.raises(pottery.ReleaseUnlockedLock):
        other.release()
    assert held(masters) == tokens
    mine.release()
    # The last server's release may be under way as well.
    assert held(masters).count(None) >= 2
    with other:
        assert not mine.acquire(blocking=False)


def test_redlock_needs_a_majority(masters):
    masters[0].set("redlock:l", "somebody's")
    lock = redlock(masters)
    assert lock.acquire(blocking=False)
    lock.release()
    masters[1].set("redlock:l", "somebody's")
    assert not lock.acquire(blocking=False)
    assert held(masters) == [b"somebody's", b"somebody's", None]
    # Somebody gives up one of them while we wait.
    threading.Timer(0.2, masters[1].delete, ["redlock:l"]).start()
    assert lock.acquire(timeout=10)
    lock.release()
    assert held(masters) == [b"somebody's", None, None]


def test_redlock_gets_over_a_lost_server(masters):
    with redis.Redis(port=1) as lost:
        lock = redlock([*masters[:2], lost])
        assert lock.acquire(timeout=10)
        lock.extend()
        assert 50 < lock.locked() <= 60
        lock.release()
        assert held(masters)[:2] == [None] * 2


def test_redlock_is_extended_and_runs_out(masters):
    lock = redlock(masters)
    lock.acquire()
    until_all(masters, lambda master: master.exists("redlock:l"))
    for master in masters:
        assert master.pexpire("redlock:l", 20_000)
    assert 0 < lock.locked() < 20
    lock.extend()
    until_all(masters, lambda master: master.ttl("redlock:l") > 50)
    assert 50 < lock.locked() <= 60
    for master in masters[:2]:
        master.delete("redlock:l")
    assert not lock.locked()
    with pytest.raises(pottery.ExtendUnlockedLock):
        lock.extend()


def test_threads_contend_for_redlock(masters):
    r = masters[0]

    def count(_):
        for _ in range(5):
            # A third server that is late to hold it may keep it until its time is up, so that is not far.
            with redlock(masters, auto_release_time=5):
                r.set("n", int(r.get("n") or 0) + 1)

    together(3, count)
    assert r.get("n") == b"15"


def test_redlock_and_asyncio(urls, masters, protocol):
    async def main():
        clients = {redis.asyncio.Redis.from_url(url, protocol=protocol) for url in urls}
        mine = AIORedlock(key="l", masters=clients, auto_release_time=60)
        other = AIORedlock(key="l", masters=clients, auto_release_time=60)
        assert await mine.acquire()
        assert 50 < await mine.locked() <= 60
        assert not await other.acquire(blocking=False)
        await mine.extend()
        await mine.release()
        assert held(masters).count(None) >= 2
        async with other:
            assert held(masters).count(None) <= 1
        for client in clients:
            await client.aclose()

    asyncio.run(asyncio.wait_for(main(), 60))
