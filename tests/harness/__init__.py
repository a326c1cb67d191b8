"""What the scenarios share: a private redis-server, a runner for the jobs, exact
snapshots of a keyspace, a proxy that can fail on purpose, and recorders.

    from harness import snapshot, differences, wait_for

The fixtures (`server`, `r`, `job`, `proxy`) are in tests/scenarios/conftest.py.
"""

from .certificates import Certificates
from .job import Job, Run, build_dir, root_dir
from .processes import end, spawn
from .proxy import Proxy
from .recorder import Monitor, Strace
from .redis_server import RedisServer
from .snapshot import Key, differences, names, snapshot
from .waiting import wait_for

__all__ = [
    "Certificates", "Job", "Key", "Monitor", "Proxy", "RedisServer", "Run", "Strace",
    "build_dir", "differences", "end", "names", "root_dir", "snapshot", "spawn", "wait_for",
]
