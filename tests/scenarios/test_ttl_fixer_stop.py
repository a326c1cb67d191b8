"""A pass that is cut short is taken up where it was; one whose server changed is not."""

import pytest

from harness import Monitor, snapshot, wait_for

KEY = "coordkeep:cursor:ttl-fixer"
MANY = 3000
SLOW = {"scan": {"max_keys_per_second": 500}}


def fill(r, n=MANY):
    pipe = r.pipeline(transaction=False)
    for i in range(n):
        pipe.set(f"blocking:signal:{i}", "x")
    pipe.execute()


def fixed(r):
    return r.info("keyspace")["db0"]["expires"]


def looked_at(seen):
    return {a[0] for name, a, script in seen.commands
            if name == "PTTL" and not script and a[0].startswith("blocking:")}


def stop_half_way(r, fixer):
    run = fixer.start("--format", "json", config=SLOW)
    wait_for(lambda: fixed(r) > 200, what="some keys are fixed")
    run.signal()
    done = run.wait().parse()
    assert done.exit == 75 and done.json["complete"] is False, done
    assert 200 <= done.count("ttl-set") < MANY, done
    return done


def test_a_signal_and_the_next_run(server, r, job):
    fill(r)
    fixer = job("ttl-fixer")
    first = stop_half_way(r, fixer)
    run_id, db, cursor = r.get(KEY).split()
    assert run_id.decode() == r.info("server")["run_id"] and db == b"0" and cursor != b"0"
    assert 0 < r.ttl(KEY) <= 7 * 86400
    assert r.keys("coordkeep:lease*") == []

    with Monitor(server) as seen:
        second = fixer.json()
    assert second.exit == 0 and second.json["complete"] is True, second
    assert len(looked_at(seen)) < MANY, "it began at the start again"
    assert first.count("ttl-set") + second.count("ttl-set") == MANY, (first, second)
    assert r.exists(KEY) == 0
    with Monitor(server) as seen:
        fixer.run("-q")
    assert len(looked_at(seen)) == MANY


def test_the_time_is_up(r, job):
    fill(r)
    fixer = job("ttl-fixer", SLOW)
    done = fixer.json("--max-runtime", "2s")
    assert done.exit == 75 and 0 < done.count("ttl-set") < MANY, done
    assert r.exists(KEY)
    runs = 1
    while done.exit == 75:
        assert runs < 60, "the runs do not get on"
        done = fixer.json("--max-runtime", "2s")
        runs += 1
    assert done.exit == 0 and runs > 2
    # the keys of the runs themselves do not count
    assert all(r.ttl(f"blocking:signal:{i}") > 0 for i in range(MANY))
    assert r.exists(KEY) == 0


def test_says_that_it_goes_on(r, job):
    fill(r)
    fixer = job("ttl-fixer")
    stop_half_way(r, fixer)
    done = fixer.run("-n")
    assert "Going on" in done.stdout and r.exists(KEY), done
    assert "Going on" in fixer.run().stdout
    assert "Going on" not in fixer.run().stdout


def test_a_pass_that_goes_on_speaks_of_the_rest(r, job):
    fill(r)
    fixer = job("ttl-fixer")
    stop_half_way(r, fixer)
    for i in range(MANY):
        r.expire(f"blocking:signal:{i}", 1000)
    done = fixer.run()
    assert "No key without a TTL in the rest of the pass" in done.stdout, done
    assert "keys in the rest of the pass" in done.stdout, done


@pytest.mark.parametrize("stored", [
    "0123456789012345678901234567890123456789 0 77", "{run_id} 1 77", "{run_id} 0 x",
    "{run_id} 0 -1", "{run_id} 0 99999999999999999999999", "{run_id} 0", "{run_id} 00 77", "", "rubbish"])
def test_a_cursor_that_means_nothing_here(server, r, job, stored):
    fill(r, 500)
    r.set(KEY, stored.format(run_id=r.info("server")["run_id"]))
    done = job("ttl-fixer").json()
    assert done.exit == 0 and done.count("ttl-set") == 500, done
    assert r.exists(KEY) == 0


def test_a_cursor_of_another_type(r, job):
    fill(r, 10)
    r.rpush(KEY, "x")
    done = job("ttl-fixer").json()
    assert done.exit == 0 and done.count("ttl-set") == 10, done
    assert r.exists(KEY) == 0
    r.rpush(KEY, "x")
    fill(r)
    stop_half_way(r, job("ttl-fixer"))
    assert r.type(KEY) == b"string"


def test_each_db_has_its_own(server, r, job):
    other = server.client(db=3)
    fill(other)
    fixer = job("ttl-fixer", {"redis": {"db": 3}})
    run = fixer.start(config=SLOW)
    wait_for(lambda: other.info("keyspace")["db3"]["expires"] > 200)
    run.signal()
    assert run.wait().exit == 75
    assert other.get(KEY).split()[1] == b"3" and not r.exists(KEY)
    assert fixer.run("-q").exit == 0 and not other.exists(KEY)


def test_a_pause_that_comes_ends_it(r, job):
    fill(r)
    fixer = job("ttl-fixer")
    run = fixer.start("--format", "json", config=SLOW)
    wait_for(lambda: fixed(r) > 200, what="some keys are fixed")
    assert fixer.run("--pause", "1h", "--reason", "incident").exit == 0
    done = run.wait().parse()
    assert done.exit == 75 and "incident" in done.json["error"], done
    assert 200 <= done.count("ttl-set") < MANY and fixed(r) < MANY, done


def test_dry_run_leaves_no_cursor(r, job):
    fill(r)
    fixer = job("ttl-fixer", SLOW)
    done = fixer.run("-n", "--max-runtime", "1s")
    assert done.exit == 75 and r.keys("coordkeep:*") == [], done
    assert fixed(r) == 0


def test_the_server_restarts_in_mid_run(server, r, job):
    """The new one is scanned from its start, whatever the cursor was."""
    fill(r)
    fixer = job("ttl-fixer", {"redis": {"retries": 10, "backoff": "100ms"}})
    run = fixer.start("--format", "json", config=SLOW)
    wait_for(lambda: fixed(r) > 200, what="some keys are fixed")
    server.hang()
    server.kill()
    server.start()
    # another client fills it before the job can be back and done
    fill(server.client(), 1000)
    done = run.wait().parse()
    assert done.exit == 0 and "starting again" in done.stderr, done
    after = snapshot(server.client())
    assert len(after) == 1000
    assert all(k.expiry is not None for k in after.values())
