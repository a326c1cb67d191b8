#!/bin/bash
# make demo: a broken fleet in a private redis-server, and the jobs that mend it. Nothing outside
# a temporary directory is touched, and everything that was started here ends here.
# shellcheck disable=SC2317 # functions that a trap or wait_until calls
set -u
cd "$(dirname "$0")/.." || exit 1
build=$(realpath "${BUILD:-build}")
python="/usr/bin/python3 -B"
dir=$(mktemp -d "${TMPDIR:-/tmp}/coordkeep-demo.XXXXXX")
socket=$dir/redis.sock
started=()
failed=0

# The coordinators go before their server
clean_up() {
	local n
	for ((n = ${#started[@]} - 1; n >= 0; n--)); do
		kill "${started[n]}" 2>/dev/null
		wait "${started[n]}" 2>/dev/null
	done
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

bold=
plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	bold=$(tput bold 2>/dev/null)
	plain=$(tput sgr0 2>/dev/null)
fi

title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '%s\n' "$@" | sed 's/^/   /'; }

# run JOB ARGUMENTS: shown as a person would type it. 0 and 1 (findings), and 2 (a critical
# finding) are what a job may say in such a state; anything else is a defect.
config=coordkeep
run() {
	local job=$1 code
	shift
	[ -x "$build/$job" ] || { note "($job is not built)"; return; }
	printf '%s$ %s %s%s\n' "$bold" "$job" "$*" "$plain"
	"$build/$job" -c "$dir/$config.ini" "$@" </dev/null 2>&1
	code=$?
	printf '[exit %d]\n' "$code"
	[ "$code" -le 2 ] || failed=1
}

state() { $python tests/demo_state.py "$socket" "$@"; }

wait_until() {
	local n
	for ((n = 0; n < 600; n++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	echo "demo: not within 30 s: $*" >&2
	exit 1
}

beats() { [ "$(redis-cli -s "$socket" exists "blocking:heartbeat:$1")" = 1 ]; }

coordinator() {
	local id=$1
	shift
	$python tests/coordinator/coordinator.py --socket "$socket" --id "$id" "$@" </dev/null &
	started+=($!)
	coordinators+=($!)
}

redis-server --port 0 --unixsocket "$socket" --unixsocketperm 700 --dir "$dir" --save '' \
	--logfile "$dir/redis.log" >/dev/null &
started+=($!)
wait_until redis-cli -s "$socket" ping

# Three hosts, each with its environment file and one coordinator
umask 077
hosts="host-1 host-2 host-3"
old_secret=$(openssl rand -hex 32)
openssl rand -hex 32 >"$dir/master.key"
for host in $hosts; do
	mkdir "$dir/$host"
	echo "BLOCKING_COORDINATION_SECRET=$old_secret" >"$dir/$host/env"
done
coordinators=()
coordinator coord-1 --env-file "$dir/host-1/env" --ack-ttl 2 --status "$dir/host-1/coordinator.json" \
	--peer coord-2 --work fetch-pages
coordinator coord-2 --env-file "$dir/host-2/env" --ack-ttl 2 --status "$dir/host-2/coordinator.json" \
	--peer coord-1 --peer coord-slow
coordinator coord-slow --env-file "$dir/host-3/env" --ack-ttl 2 --status "$dir/host-3/coordinator.json" \
	--peer coord-1 --offset-ms -660000
for id in coord-1 coord-2 coord-slow; do
	wait_until beats "$id"
done
state fill

cat >"$dir/coordkeep.ini" <<INI
[redis]
url = unix://$socket

[job]
state_dir = $dir/state

[log]
format = human

# The default waits 12 s, two beats of the slowest usual writers; here they beat every 0.3 s.
[liveness]
confirm = 2s

[reap-stale]
undo_dir = $dir/undo
INI
# /proc shows the coordinators of all three hosts: each check_command names its own.
for n in 1 2 3; do
	host=host-$n
	cp "$dir/coordkeep.ini" "$dir/$host.ini"
	cat >>"$dir/$host.ini" <<-INI

	[secrets]
	env_file = $dir/$host/env

	[secret-rotate-phase]
	hosts = $hosts
	host = $host
	coordinators_accept_other = yes
	master_key_file = $dir/master.key
	state_dir = $dir/$host/rotation
	soak = 1s
	drain = 2s
	check_command = $python $PWD/tests/coordinator/fingerprints.py $dir/$host/coordinator.json
	reload_command = kill -HUP ${coordinators[n - 1]}
	restart_command =
	INI
done

title "A fleet in trouble"
note "coord-1 and coord-2 are well. coord-slow is too, but its clock is eleven minutes slow." \
	"coord-4, coord-5 and coord-10 crashed; their heartbeats have no TTL and stay for ever." \
	"coord-7 died with two work items in hand. Other applications share this Redis."
state show
others=$(state others)

title "Is it safe to look? A dry run changes nothing, anywhere"
run reap-stale -n

title "Delete what gone coordinators left behind"
run reap-stale -v

title "Give keys the expiry that they lack"
run ttl-fixer -n
run ttl-fixer

title "Hand on the work of the dead, exactly once"
run escalate-dead
note "(coord-7 is met for the first time and has 120 s to show life, then three warnings." \
	"A person who knows that it is dead does not wait:)"
run escalate-dead --coordinator coord-7 --force
run escalate-dead --list

title "Do the clocks agree?"
note "(an old heartbeat is watched: who goes on writing is not dead, his clock is behind)"
run clock-audit -v

title "Rotate the secret of three hosts under coordinators that go on talking"
# What cron does on each host, once a round
old_is_there() { grep -q "$old_secret" "$dir"/host-*/env; }
round() {
	local host
	for host in $hosts; do
		"$build/secret-rotate-phase" -c "$dir/$host.ini" "$@" </dev/null 2>>"$dir/rotate.log" |
			sed "s/^/   $host: /"
	done
}
if [ -x "$build/secret-rotate-phase" ]; then
	round -q
	config="host-1"
	run secret-rotate-phase --start
	for ((n = 1; n <= 20; n++)); do
		printf 'round %d\n' "$n"
		round
		old_is_there || break
		sleep 1
	done
	round -q
	run secret-rotate-phase --status
	if old_is_there; then
		note "the old secret is still in an environment file"
		cat "$dir/rotate.log"
		failed=1
	else
		note "the environment files hold the new secret only"
	fi
	config=coordkeep
	grep -ho '"\(signals\|acks\)_[a-z]*": [0-9]*' "$dir"/host-*/coordinator.json |
		awk '{ n[$1] += $2 } END { for (what in n) print "   " what, n[what] }' | sort
	if grep -q '_rejected": [1-9]' "$dir"/host-*/coordinator.json; then
		note "A SIGNATURE WAS REJECTED"
		failed=1
	fi
fi

title "Afterwards"
state show
if [ "$(state others)" = "$others" ]; then
	note "the keys of other applications: unchanged, byte for byte"
else
	note "THE KEYS OF OTHER APPLICATIONS HAVE CHANGED"
	failed=1
fi
for pid in "${coordinators[@]}"; do
	kill -0 "$pid" 2>/dev/null || { note "COORDINATOR $pid IS GONE"; failed=1; }
done
exit $failed
