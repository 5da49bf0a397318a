"""What is packed and read without redis-py is what redis-py packs and reads."""

import random

import pytest
from carnelian._replies import Unread, read
from carnelian._requests import pack
from redis.connection import Encoder, PythonRespSerializer
from redis.exceptions import RedisError, ResponseError

encoder = Encoder("utf-8", "strict", False)


class Wire:
    """A socket that has some bytes to give."""

    def __init__(self, data):
        self.data = data

    def recv(self, size, flags=0):
        data, self.data = self.data[:size], self.data[size:]
        return data

    def settimeout(self, timeout):
        pass


def redis_py_reads(data, protocol, decode=False):
    from redis._parsers import _RESP2Parser, _RESP3Parser

    class Connection:
        _sock = Wire(data)
        socket_timeout = None
        encoder = Encoder("utf-8", "strict", decode)

    parser = (_RESP2Parser if protocol == 2 else _RESP3Parser)(65536)
    parser.on_connect(Connection)
    return parser.read_response()


def ours_reads(data, decode=None):
    from redis._parsers import _RESP3Parser

    reply, end = read(data, 0, decode, _RESP3Parser.parse_error)
    assert end == len(data)
    return reply


def plain(reply):
    """Errors and numbers that are none are compared by what they say."""
    if isinstance(reply, list):
        return [plain(item) for item in reply]
    if isinstance(reply, dict):
        return {plain(key): plain(value) for key, value in reply.items()}
    return repr(reply) if isinstance(reply, (Exception, float)) else reply


REPLIES = [
    b"+OK\r\n", b"+\r\n", b":0\r\n", b":-12\r\n", b"$0\r\n\r\n", b"$5\r\nhel\r\n\r\n"[:0] + b"$3\r\na\r\n\r\n", b"*0\r\n",
    b"*2\r\n$1\r\na\r\n:1\r\n", b"*2\r\n*1\r\n+x\r\n$2\r\nyy\r\n", b"-ERR wrong\r\n", b"-WRONGTYPE no\r\n",
    b"-NOSCRIPT none\r\n", b"*2\r\n-ERR x\r\n$1\r\na\r\n",
]  # fmt: skip
RESP2 = [b"$-1\r\n", b"*-1\r\n", b"*3\r\n$-1\r\n*-1\r\n$1\r\na\r\n"]
RESP3 = [
    b"_\r\n", b",1.5\r\n", b",inf\r\n", b",-inf\r\n", b",nan\r\n", b"#t\r\n", b"#f\r\n", b"(123456789012345678901234567890\r\n",
    b"%1\r\n$1\r\na\r\n*1\r\n:1\r\n", b"%0\r\n", b"~2\r\n+a\r\n+b\r\n", b"=7\r\ntxt:abc\r\n", b"*2\r\n_\r\n%1\r\n:1\r\n#t\r\n",
]  # fmt: skip


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("protocol", [2, 3])
def test_replies(protocol, decode):
    for data in REPLIES + (RESP2 if protocol == 2 else RESP3):
        expected = redis_py_reads(data, protocol, decode)
        assert plain(ours_reads(data, bytes.decode if decode else None)) == plain(expected), data


def test_what_is_not_whole_or_not_plain_is_left_alone():
    for data in REPLIES + RESP2 + RESP3:
        for end in range(len(data)):
            with pytest.raises(Unread):
                ours_reads(data[:end])
    for data in [b">1\r\n+x\r\n", b"|1\r\n+a\r\n+b\r\n+c\r\n", b"?\r\n", b"%1\r\n*1\r\n:1\r\n:1\r\n", b"!5\r\nERR x\r\n",
                 b"-ERR max number of clients reached\r\n"]:  # fmt: skip
        with pytest.raises(Unread):
            ours_reads(data)


def test_random_replies():
    rand = random.Random(7)

    def make(depth):
        kind = rand.choice("$+:*%~,#_" if depth else "$+:,#_")
        if kind == "$":
            data = bytes(rand.choices(b"ab\r\n$*", k=rand.choice([0, 1, 5, 300])))
            return b"$%d\r\n%b\r\n" % (len(data), data)
        if kind in "*~":
            count = rand.randrange(5)
            return kind.encode() + b"%d\r\n" % count + b"".join(make(depth - 1) for _ in range(count))
        if kind == "%":
            count = rand.randrange(4)
            return b"%%%d\r\n" % count + b"".join(b":%d\r\n" % n + make(depth - 1) for n in range(count))
        return {"+": b"+OK\r\n", ":": b":%d\r\n" % rand.randrange(-5, 10**12), ",": b",0.25\r\n", "#": b"#t\r\n", "_": b"_\r\n"}[
            kind
        ]  # fmt: skip

    for _ in range(2000):
        data = make(4)
        assert ours_reads(data) == redis_py_reads(data, 3), data


def test_requests():
    rand = random.Random(7)
    packer = PythonRespSerializer(10**9, encoder.encode)
    values = ["", "text", "ü€", "%s%d", b"", b"\x00\r\n%b", 0, -1, 10**20, 1.5, float("inf"), 1e300]
    names = ["GET", "get", "CONFIG GET", "X%sY", "XINFO  STREAM", "É"]
    for _ in range(3000):
        arguments = (rand.choice(names), *rand.choices(values, k=rand.choice([0, 1, 2, 5, 63, 64, 65, 200])))
        assert pack(arguments, str.encode, encoder.encode) == b"".join(packer.pack(*arguments))


def test_arguments_that_redis_py_refuses_are_refused_in_its_words():
    packer = PythonRespSerializer(6000, encoder.encode)
    for value in [True, None, object(), [], {}]:
        with pytest.raises(RedisError) as theirs:
            packer.pack("SET", "k", value)
        with pytest.raises(RedisError) as ours:
            pack(("SET", "k", value), str.encode, encoder.encode)
        assert str(ours.value).split(" at 0x")[0] == str(theirs.value).split(" at 0x")[0]


def test_what_redis_py_has_to_pack():
    for arguments in [("HIMPORT SET", "k"), ("himport", "SET"), (b"GET", "k"), ("", "k"), ("SET", "k", memoryview(b"x")),
                      ("SET", "k", bytearray(b"x"))]:  # fmt: skip
        assert pack(arguments, str.encode, encoder.encode) is None


def test_errors_among_elements_are_kept():
    assert isinstance(ours_reads(b"*1\r\n-ERR x\r\n")[0], ResponseError)
