"""Geo commands through redis-py."""

import pytest
import redis

PLACES = (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")


def test_places(text):
    assert text.geoadd("g", PLACES) == 2
    assert text.geoadd("g", (13.5, 38.2, "Palermo"), nx=True) == 0
    assert text.geoadd("g", (13.361390, 38.2, "Palermo"), xx=True, ch=True) == 1
    text.geoadd("g", PLACES)
    assert text.geodist("g", "Palermo", "Catania") == pytest.approx(166274.1516)
    assert text.geodist("g", "Palermo", "Catania", "km") == pytest.approx(166.2742)
    assert text.geodist("g", "Palermo", "none") is None
    assert text.geohash("g", "Palermo", "none", "Catania") == ["sqc8b49rny0", None, "sqdtr74hyu0"]
    longitude, latitude = text.geopos("g", "Palermo")[0]
    assert longitude == pytest.approx(13.361389, abs=1e-5) and latitude == pytest.approx(38.115556, abs=1e-5)
    assert text.geopos("g", "none") == [None]
    assert text.type("g") == "zset"


def test_search(text):
    text.geoadd("g", PLACES)
    text.geoadd("g", (12.758489, 38.788135, "edge1", 17.241510, 38.788135, "edge2"))
    around = dict(longitude=15, latitude=37)
    assert text.geosearch("g", **around, radius=200, unit="km", sort="ASC") == ["Catania", "Palermo"]
    assert text.geosearch("g", **around, width=400, height=400, unit="km", sort="DESC") == [
        "edge1", "edge2", "Palermo", "Catania"]
    assert text.geosearch("g", member="Palermo", radius=1, unit="m") == ["Palermo"]
    assert text.geosearch("g", **around, radius=200, unit="km", count=1) == ["Catania"]
    found = text.geosearch("g", **around, radius=200, unit="km", sort="ASC", withdist=True, withcoord=True, withhash=True)
    name, distance, score, place = found[0]
    assert name == "Catania" and float(distance) == pytest.approx(56.4413) and score == 3479447370796909
    assert tuple(place) == (pytest.approx(15.087269, abs=1e-5), pytest.approx(37.502669, abs=1e-5))
    assert text.geosearchstore("to", "g", **around, radius=200, unit="km", storedist=True) == 2
    assert text.zscore("to", "Catania") == pytest.approx(56.4412578701582)
    assert text.georadius("g", 15, 37, 200, unit="km", sort="ASC") == ["Catania", "Palermo"]
    assert text.georadiusbymember("g", "Palermo", 200, unit="km", sort="ASC") == ["Palermo", "edge1", "Catania"]


def test_errors(r):
    with pytest.raises(redis.ResponseError, match="invalid longitude,latitude pair"):
        r.geoadd("g", (200, 10, "x"))
    with pytest.raises(redis.ResponseError, match="could not decode requested zset member|member none does not exist"):
        r.geoadd("g", PLACES)
        r.geosearch("g", member="none", radius=1, unit="m")
