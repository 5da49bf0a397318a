"""The two sides of the comparison: Redis 7.0, and what is compared with it.

A side makes clients, synchronous ones and ones of asyncio, of either protocol, that decode or not. The subject is the
package; CARNELIAN_SUBJECT=redis://host:port makes it a server, which is how the cases themselves are tested:
Redis 7.0 has to agree with itself.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import redis
import redis.asyncio


class Side:
    def __init__(self, loop):
        self.loop = loop
        self.made = {}
        self.extra = []

    def client(self, kind, **options):
        """The client of these options, made at the first call."""
        key = (kind, tuple(sorted(options.items())))
        if key not in self.made:
            self.made[key] = self.make(kind, **options)
        return self.made[key]

    def another(self, kind, **options):
        """A client that nobody else has, to be closed after the case."""
        client = self.make(kind, **options)
        self.extra.append((kind, client))
        return client

    def later(self, method, *args, when=lambda client: client.info("clients")["blocked_clients"], **kwargs):
        """Has a method of another client called when the caller waits, or when something else is the case."""
        client = self.client("sync", protocol=3, decode_responses=False)

        def call():
            end = time.monotonic() + 10
            while not when(client) and time.monotonic() < end:
                time.sleep(0.001)
            getattr(client, method)(*args, **kwargs)

        threading.Thread(target=call).start()

    def empty(self):
        for kind, client in self.extra:
            self.shut(kind, client)
        self.extra.clear()
        self.client("sync", protocol=3, decode_responses=False).flushall()

    def shut(self, kind, client):
        if kind == "sync":
            client.close()
        else:
            self.loop.run_until_complete(client.aclose())

    def close(self):
        for (kind, _), client in self.made.items():
            self.shut(kind, client)


class Server(Side):
    """A server at an address."""

    def __init__(self, loop, url):
        super().__init__(loop)
        self.place = urlsplit(url)

    def make(self, kind, **options):
        module = redis if kind == "sync" else redis.asyncio
        # Not by `from_url`: that gives clients another number of attempts.
        return module.Redis(host=self.place.hostname, port=self.place.port, **options)


class Package(Side):
    """The package, on an engine in this process."""

    def __init__(self, loop):
        super().__init__(loop)
        import carnelian
        import carnelian.asyncio

        self.carnelian = carnelian
        self.engine = carnelian.Engine()

    def make(self, kind, **options):
        module = self.carnelian if kind == "sync" else self.carnelian.asyncio
        return module.Redis(engine=self.engine, **options)

    def close(self):
        super().close()
        self.engine.close()


def subject(loop):
    url = os.environ.get("CARNELIAN_SUBJECT")
    return Server(loop, url) if url else Package(loop)


class Redis70:
    """A real Redis 7.0 of our own. A machine without one fails, for a comparison that is skipped
    proves nothing; `scripts/get-peers` brings it."""

    def __init__(self):
        peers = os.environ.get("CARNELIAN_PEERS") or str(Path.home() / ".cache/peers/bin")
        program = shutil.which("redis-server", path=f"{peers}{os.pathsep}{os.environ['PATH']}")
        if program is None:
            raise RuntimeError("there is no redis-server to compare with: run scripts/get-peers")
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        if "v=7.0." not in version:
            raise RuntimeError(f"the oracle of this comparison is Redis 7.0, and {program} is: {version}")
        self.folder = tempfile.mkdtemp()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        with redis.Redis.from_url(self.url) as client:
            for _ in range(200):
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    time.sleep(0.05)
        self.close()
        raise RuntimeError(f"{program} does not answer")

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
