"""A Django application that caches in its own process: no server, and nothing but settings.

    python django_cache.py

Views, sessions and the low-level cache all use the engine; threads of the process share it.
"""

import threading

import django
from django.conf import settings
from django.http import JsonResponse
from django.test import Client
from django.urls import path
from django.views.decorators.cache import cache_page

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only an example",
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    CACHES={
        "default": {
            "BACKEND": "carnelian.django.Cache",
            "OPTIONS": {"maxmemory": "100mb", "maxmemory_policy": "allkeys-lru"},
        }
    },
)
django.setup()

from django.core.cache import cache  # noqa: E402  it needs the settings

computed = []


@cache_page(60)
def answer(request):
    computed.append("answer")
    return JsonResponse({"answer": 42})


def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse({"visits": request.session["visits"]})


urlpatterns = [path("answer/", answer), path("visits/", visits)]


def main():
    browser = Client()
    for _ in range(3):
        print("answer:", browser.get("/answer/").json()["answer"], "computed", len(computed), "time(s)")
    for _ in range(3):
        print("visits:", browser.get("/visits/").json()["visits"])

    cache.set("greeting", {"hello": ["world"]}, timeout=300)
    print("greeting:", cache.get("greeting"))
    cache.set("hits", 0)
    threads = [threading.Thread(target=lambda: [cache.incr("hits") for _ in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("hits:", cache.get("hits"))


if __name__ == "__main__":
    main()
