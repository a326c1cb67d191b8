"""Fixtures of the scenarios. Each test has a redis-server of its own."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from coordinator.fleet import Fleet  # noqa: E402
from escalating import QUICK, State  # noqa: E402
from harness import Job, Proxy, RedisServer  # noqa: E402
from rotation_hosts import Hosts  # noqa: E402


@functools.lru_cache(None)
def there_is(what):
    """Whether this machine and user have what a test needs."""
    if os.geteuid() != 0 or what == "root":
        return os.geteuid() == 0
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


def pytest_runtest_setup(item):
    for needed in item.iter_markers("needs"):
        if not there_is(*needed.args):
            pytest.skip(f"needs {needed.args[0]}")


def pytest_collection_modifyitems(items):
    """The long ones first: the others fill what time they leave on the other processors."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture
def server():
    """A private redis-server; server.client(), server.url, server.hang(), ..."""
    with RedisServer() as s:
        yield s


@pytest.fixture
def r(server):
    """A client of `server`; keys and values are bytes."""
    with server.client() as client:
        yield client


@pytest.fixture
def job(server, tmp_path):
    """job("reap-stale", {"liveness": {"confirm": "1s"}}) -> Job on `server`.

    All jobs of one test share their directories, as on a real host."""
    made = []

    def make(name, config=None, url=None, env=None, directory=None):
        made.append(Job(name, url or server.url, directory or tmp_path / "host", config, env))
        return made[-1]

    yield make
    for j in made:
        j.close()


@pytest.fixture
def fleet(server, tmp_path):
    """fleet.start("coord-a", work=["w1"]) -> a real coordinator process on `server`."""
    with Fleet(server.socket, tmp_path) as f:
        yield f


@pytest.fixture
def proxy(server):
    """A proxy in front of `server`: job("ttl-fixer", url=proxy.url)."""
    with Proxy(server) as p:
        yield p


@pytest.fixture
def now_ms(r):
    """now_ms() -> Redis's clock in ms."""
    def now():
        seconds, micro = r.time()
        return seconds * 1000 + micro // 1000
    return now


@pytest.fixture
def heartbeat(r, now_ms):
    """heartbeat("coord-1", age_ms=0, ttl=90, **fields) writes one as a coordinator does;
    ttl=None leaves it without expiry. Returns its key."""
    def write(ident, age_ms=0, ttl=90, field="timestamp", **more):
        key = f"blocking:heartbeat:{ident}"
        value = {"coordinatorId": ident, field: now_ms() - age_ms, "iteration": 1,
                 "phase": "loop3", "status": "active", **more}
        r.set(key, json.dumps(value), ex=ttl)
        return key.encode()
    return write


@pytest.fixture
def state(r):
    """What escalate-dead's scenarios set up and look at: see escalating.py."""
    return State(r)


@pytest.fixture
def escalate(job):
    """escalate-dead with thresholds that are over in seconds."""
    return job("escalate-dead", QUICK)


@pytest.fixture
def hosts(job, r, tmp_path):
    """Three hosts that rotate their secret: see rotation_hosts.py."""
    return Hosts(job, r, tmp_path)


@pytest.fixture
def make_hosts(job, r, tmp_path):
    """make_hosts(config={"drain": "1h"}) -> Hosts."""
    return lambda **options: Hosts(job, r, tmp_path, **options)
