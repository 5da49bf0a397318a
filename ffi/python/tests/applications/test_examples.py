"""The examples do what they say."""


def test_django(example):
    assert example("django_cache.py") == [
        "answer: 42 computed 1 time(s)",
        "answer: 42 computed 1 time(s)",
        "answer: 42 computed 1 time(s)",
        "visits: 1",
        "visits: 2",
        "visits: 3",
        "greeting: {'hello': ['world']}",
        "hits: 400",
    ]


def test_flask(example):
    assert example("flask_cache.py") == [
        "square: 49 computed 1 time(s)",
        "square: 49 computed 1 time(s)",
        "square: 49 computed 1 time(s)",
        "memoized: 2 2 3 computed 2 time(s)",
        "forgotten: 2 3 computed 3 time(s)",
        "many: [1, [2], None]",
        "cleared: None",
    ]


def test_rq(example):
    assert example("rq_jobs.py") == [
        "sums: [0, 2, 4]",
        "flaky: at last after 3 attempts",
        "dependent: finished 0 left",
    ]


def test_celery(example):
    assert example("celery_served.py") == [
        "waiting: 3",
        "sums: [0, 2, 4]",
        "group: [1, 2, 3, 4, 5]",
        "chord: 20",
        "retried: 2 times",
        "workers: 1",
    ]


def test_fixtures_of_pytest(example):
    said = example("test_shop.py", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert said[-1].startswith("3 passed")
