"""Tests of a program that uses Redis, without Redis: the engine is the test double, and its clock is turned by hand.

pytest test_shop.py
"""

import redis


class Shop:
    """The program: baskets are kept for an hour, and a client may ask ten times a minute."""

    def __init__(self, client: redis.Redis):
        self.client = client

    def put(self, customer, item):
        with self.client.pipeline() as p:
            p.rpush(f"basket:{customer}", item).expire(f"basket:{customer}", 3600).execute()

    def basket(self, customer):
        return self.client.lrange(f"basket:{customer}", 0, -1)

    def may_ask(self, customer):
        with self.client.pipeline() as p:
            count, _ = p.incr(f"asked:{customer}").expire(f"asked:{customer}", 60, nx=True).execute()
        return count <= 10


def test_a_basket_is_kept_for_an_hour(carnelian_redis, carnelian_clock):
    shop = Shop(carnelian_redis)
    shop.put("anna", "pears")
    carnelian_clock.advance(3000)
    shop.put("anna", "plums")
    carnelian_clock.advance(3600)
    assert shop.basket("anna") == [b"pears", b"plums"]
    carnelian_clock.advance(0.001)
    assert shop.basket("anna") == []


def test_whoever_asks_too_often_has_to_wait(carnelian_redis, carnelian_clock):
    shop = Shop(carnelian_redis)
    assert all(shop.may_ask("anna") for _ in range(10))
    assert not shop.may_ask("anna")
    assert shop.may_ask("ben")
    carnelian_clock.advance(61)
    assert shop.may_ask("anna")


def test_a_program_that_connects_by_itself(carnelian_engine, carnelian_redis):
    host, port = carnelian_engine.serve()
    Shop(redis.Redis(host, port)).put("anna", "figs")
    assert Shop(carnelian_redis).basket("anna") == [b"figs"]
