#!/bin/sh
# Install the Debian packages that building and testing need: deps.sh [build] [test] [lint] [bench]
# As root, or where sudo asks no password, with apt-get; otherwise says what to install, and fails.
set -eu

packages_of() {
	case $1 in
	build) echo gcc make libc6-dev pkg-config libhiredis-dev libssl-dev libinih-dev libjansson-dev ;;
	test) echo check redis-server redis-tools python3 python3-pytest python3-pytest-xdist \
		python3-redis python3-jsonschema openssl faketime strace procps systemd prometheus \
		cron dpkg-dev mandoc logrotate ;;
	lint) echo clang clang-tidy cppcheck shellcheck valgrind python3-pyflakes \
		libclang-rt-dev libc6-dbg ;;
	bench) echo redis-server redis-tools python3 python3-redis python3-pytest ;;
	*) echo "usage: tests/deps.sh [build] [test] [lint] [bench]" >&2; exit 64 ;;
	esac
}

wanted=
for part in "${@:-build}"; do
	wanted="$wanted $(packages_of "$part")"
done

if ! command -v dpkg-query >/dev/null; then
	echo "Not a Debian system: what these packages hold is needed by whatever name it has here:$wanted" >&2
	exit 0
fi

missing=
for package in $wanted; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086 # a list of words
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')

if [ "$(id -u)" -eq 0 ]; then
	as_root=
elif sudo -n true 2>/dev/null; then
	as_root="sudo -n"
else
	echo "Missing packages. Install them with:" >&2
	echo "    sudo apt-get install --no-install-recommends $missing" >&2
	exit 1
fi

echo "Installing: $missing"
# RUNLEVEL=1: a server that comes with a package is wanted for its program, not to be started.
install="$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends"
# shellcheck disable=SC2086 # lists of words
$install $missing </dev/null >/dev/null 2>&1 ||
	{ $as_root apt-get update -q </dev/null && $install $missing </dev/null; }
