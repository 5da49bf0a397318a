"""A program that is its own broker for Celery: it opens an engine, serves it, and starts a worker beside it.

    python celery_served.py

The worker is another process, and reaches the engine through its port as it would reach Redis. This one could use
`carnelian.Redis(engine=engine)` to look into the queues without it.
"""

import os
import subprocess
import sys
from pathlib import Path

import carnelian


def main():
    engine = carnelian.Engine()
    host, port = engine.serve()
    os.environ["CELERY_URL"] = f"redis://{host}:{port}/0"

    from celery import chord, group

    from celery_tasks import add, app, flaky, total

    waiting = [add.delay(n, n) for n in range(3)]
    print("waiting:", carnelian.Redis(engine=engine).llen("celery"))
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-q", "-A", "celery_tasks", "worker", "--pool", "solo", "--loglevel", "error"],
        cwd=Path(__file__).parent,
        stdout=subprocess.DEVNULL,
    )
    try:
        print("sums:", [task.get(timeout=300) for task in waiting])
        print("group:", group(add.s(n, 1) for n in range(5)).apply_async().get(timeout=300))
        print("chord:", chord((add.s(n, n) for n in range(5)), total.s()).apply_async().get(timeout=300))
        print("retried:", flaky.delay().get(timeout=300), "times")
        print("workers:", len(app.control.ping(timeout=5)))
    finally:
        worker.terminate()
        worker.wait(timeout=60)
    engine.close()


if __name__ == "__main__":
    main()
