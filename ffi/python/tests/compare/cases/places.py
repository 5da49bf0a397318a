"""Places (GEO)."""

from redis.exceptions import DataError, ResponseError

from calls import fails, r

FILL = r.geoadd("g", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"))
MORE = r.geoadd("g", (12.758489, 38.788135, "edge1", 17.241510, 38.788135, "edge2"))

CASES = {
    "adding": [
        FILL,
        r.geoadd("g", (13.5, 38, "Palermo")),
        r.geoadd("g", (13.6, 38, "Palermo"), ch=True),
        r.geoadd("g", (1, 1, "none"), xx=True),
        r.geoadd("g", (1, 1, "Palermo"), nx=True),
        r.geopos("g", "Palermo", "none"),
        r.geopos("none", "a"),
        r.geohash("g", "Palermo", "none"),
        r.geodist("g", "Palermo", "Catania"),
        r.geodist("g", "Palermo", "Catania", "km"),
        r.geodist("g", "Palermo", "none"),
        r.zscore("g", "Catania"),
        fails(ResponseError, r.geoadd("g", (200, 38, "x"))),
        fails(DataError, r.geodist("g", "Palermo", "Catania", "parsec")),
        fails(DataError, r.geoadd("g", (1, 2))),
        fails(DataError, r.geoadd("g", (1, 2, "a"), nx=True, xx=True)),
        fails(DataError, r.geodist("g", "Palermo", None)),
    ],
    "searching": [
        FILL,
        MORE,
        r.geosearch("g", longitude=15, latitude=37, radius=200, unit="km", sort="ASC"),
        r.geosearch("g", longitude=15, latitude=37, width=400, height=400, unit="km", sort="DESC"),
        r.geosearch("g", member="Palermo", radius=200, unit="km", sort="ASC", count=2),
        r.geosearch("g", longitude=15, latitude=37, radius=200, unit="km", sort="ASC", withdist=True),
        r.geosearch("g", longitude=15, latitude=37, radius=200, unit="km", sort="ASC", withdist=True, withcoord=True),
        r.geosearch("g", longitude=15, latitude=37, radius=200, unit="km", sort="ASC", withhash=True),
        r.geosearch("none", longitude=15, latitude=37, radius=200),
        r.geosearchstore("d", "g", longitude=15, latitude=37, radius=200, unit="km"),
        r.zrange("d", 0, -1),
        r.geosearchstore("d", "g", longitude=15, latitude=37, radius=200, unit="km", storedist=True),
        r.zrange("d", 0, -1, withscores=True),
        fails(ResponseError, r.geosearch("g", member="none", radius=200)),
        fails(DataError, r.geosearch("g", radius=200)),
        fails(DataError, r.geosearch("g", member="Palermo")),
        fails(DataError, r.geosearch("g", member="Palermo", radius=1, unit="parsec")),
        fails(DataError, r.geosearch("g", member="Palermo", radius=1, any=True)),
    ],
    "as of old": [
        FILL,
        r.georadius("g", 15, 37, 200, "km", sort="ASC"),
        r.georadius("g", 15, 37, 200, "km", withdist=True, withcoord=True, withhash=True, sort="ASC"),
        r.georadius("g", 15, 37, 200, "km", count=1, sort="DESC"),
        r.georadiusbymember("g", "Palermo", 200, "km", sort="ASC"),
        r.georadius("g", 15, 37, 200, "km", store="d"),
        r.zcard("d"),
        r.georadius("g", 15, 37, 200, "km", store_dist="d"),
        fails(ResponseError, r.georadiusbymember("g", "none", 1)),
        fails(DataError, r.georadius("g", 15, 37, 200, store="a", store_dist="b")),
    ],
}
