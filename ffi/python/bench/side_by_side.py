"""What redis-py's calls take on an engine in the process, beside redis-py with a redis-server over its Unix socket.

    .venv/bin/python ffi/python/bench/side_by_side.py [rounds]

Both sides take turns, round by round, so that whatever else the machine does hits both; what is shown is the median of
the rounds. The package has to be installed as it is released (`scripts/wheel`), and redis-server to be on PATH.
"""

import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import carnelian
import redis

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
MEGABYTE = 1_000_000

# How long it takes a new Python to import redis-py, and to import ours and open an empty engine.
IMPORTS = {
    "theirs": "import redis",
    "ours": "import carnelian; carnelian.Redis()",
}


def calls(r):
    """What is measured: name, the function, how often it is called in a round, and the target."""

    def pipeline(transaction):
        pipe = r.pipeline(transaction=transaction)
        for n in range(100):
            pipe.set(f"key:{n}", "value")
        pipe.execute()

    r.set("key", "value")
    r.rpush("list", *range(100))
    r.hset("hash", mapping={f"field:{n}": n for n in range(100)})
    return [
        ("r.get", lambda: r.get("key"), 2000, 0.35),
        ("r.set", lambda: r.set("key", "value"), 2000, 0.5),
        ("pipeline of 100", lambda: pipeline(False), 40, 0.5),
        ("transaction of 100", lambda: pipeline(True), 40, None),
        ("r.incr", lambda: r.incr("n"), 2000, None),
        ("r.lrange of 100", lambda: r.lrange("list", 0, -1), 400, None),
        ("r.hgetall of 100", lambda: r.hgetall("hash"), 400, None),
    ]


def microseconds(call, count):
    began = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - began) / count * 1e6


def start_up(program):
    """Milliseconds from the first line of a new Python to the end of the last."""
    source = f"import time; began = time.perf_counter(); {program}; print((time.perf_counter() - began) * 1e3)"
    return float(subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout)


def row(name, ours, theirs, ratio, target):
    print(f"| {name:<22} | {ours:>12} | {theirs:>12} | {ratio:>9} | {target:>14} |")


def measure(socket):
    ours, theirs = calls(carnelian.Redis()), calls(redis.Redis(unix_socket_path=socket))
    for (name, mine, count, target), (_, other, _, _) in zip(ours, theirs):
        times = [(microseconds(mine, count), microseconds(other, count)) for _ in range(ROUNDS)]
        a, b = (statistics.median(side) for side in zip(*times))
        row(name, f"{a:.1f} us", f"{b:.1f} us", f"{a / b:.2f} x", f"{target} x" if target else "")


def main():
    if not shutil.which("redis-server"):
        sys.exit("redis-server is not on PATH: scripts/get-peers says where it is")
    print(f"Python {sys.version.split()[0]}, redis-py {redis.__version__}, carnelian {carnelian.__version__}\n")
    row("", "carnelian", "redis-server", "", "target")
    row("---", "---:", "---:", "---:", "---")
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/socket"
        command = ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not pathlib.Path(socket).exists():
                if server.poll() is not None:
                    sys.exit("redis-server does not start")
                time.sleep(0.01)
            measure(socket)
        finally:
            server.kill()
            server.wait()
    starts = [(start_up(IMPORTS["ours"]), start_up(IMPORTS["theirs"])) for _ in range(ROUNDS)]
    a, b = (statistics.median(side) for side in zip(*starts))
    row("import, and open", f"{a:.0f} ms", f"{b:.0f} ms", f"+{a - b:.0f} ms", "+50 ms")
    libraries = pathlib.Path(carnelian.__file__).parent.glob("_native/*")
    library = max(file.stat().st_size for file in libraries)
    wheels = pathlib.Path(__file__).resolve().parents[3] / "target" / "wheels" / "wheel"
    packed = [wheel.stat().st_size for wheel in wheels.glob("carnelian-*.whl")]
    row("the library", f"{library / MEGABYTE:.1f} MB", "", "", "")
    row("the wheel", f"{packed[0] / MEGABYTE:.1f} MB" if packed else "not built", "", "", "8 MB")


if __name__ == "__main__":
    main()
