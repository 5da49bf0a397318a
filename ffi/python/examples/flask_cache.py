"""A Flask application that caches with Flask-Caching in its own process.

    python flask_cache.py

Flask-Caching takes a client instead of the name of a host, and `carnelian.Redis` is one.
"""

import carnelian
from flask import Flask, jsonify
from flask_caching import Cache

app = Flask(__name__)
app.config.update(CACHE_TYPE="RedisCache", CACHE_REDIS_HOST=carnelian.Redis(), CACHE_DEFAULT_TIMEOUT=60)
cache = Cache(app)
computed = []


@app.get("/square/<int:n>")
@cache.cached()
def square(n):
    computed.append(n)
    return jsonify(square=n * n)


@cache.memoize()
def slow(n):
    computed.append(n)
    return n + 1


def main():
    browser = app.test_client()
    for _ in range(3):
        print("square:", browser.get("/square/7").get_json()["square"], "computed", len(computed), "time(s)")
    computed.clear()
    with app.app_context():
        print("memoized:", slow(1), slow(1), slow(2), "computed", len(computed), "time(s)")
        cache.delete_memoized(slow, 1)
        print("forgotten:", slow(1), slow(2), "computed", len(computed), "time(s)")
        cache.set_many({"a": 1, "b": [2]})
        print("many:", cache.get_many("a", "b", "none"))
        cache.clear()
        print("cleared:", cache.get("a"))


if __name__ == "__main__":
    main()
