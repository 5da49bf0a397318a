"""What the tests of the package share."""

import os
import signal
import subprocess
import sys
import textwrap

import carnelian
import pytest


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def protocol(request):
    return request.param


@pytest.fixture
def r(protocol):
    with carnelian.Redis(protocol=protocol) as client:
        yield client


@pytest.fixture
def text(protocol, r):
    with carnelian.Redis(engine=r.engine, protocol=protocol, decode_responses=True) as client:
        yield client


@pytest.fixture
def program(tmp_path):
    """Runs a program in a Python of its own, in an empty folder; returns what it has printed."""

    def run(source, *arguments, expect=0):
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(source), *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == expect, done.stderr
        assert expect or not done.stderr, done.stderr
        return done.stdout

    return run


@pytest.fixture
def in_child():
    """Runs a function in a forked child; returns what it returned as text, or the name of what it raised."""

    def run(work):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(20)
                try:
                    said = f"returned {work()}"
                except BaseException as error:
                    said = f"raised {type(error).__name__}"
                os.write(writer, said.encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as said:
            result = said.read()
        assert os.waitpid(child, 0)[1] == 0
        return result

    return run
