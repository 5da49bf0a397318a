"""Jobs of rq_jobs.py. RQ finds them by the name of their module."""

attempts = []


def add(a, b):
    return a + b


def flaky():
    attempts.append(1)
    if len(attempts) < 3:
        raise RuntimeError("not yet")
    return "at last"
