#!/bin/sh
# Install the Debian packages that building, testing and so on need:
#	deps.sh [build] [test] [lint] [coverage] [bench] [deb]
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
	deb) echo dpkg-dev ;;
	coverage) echo gcovr ;;
	bench) echo redis-server redis-tools python3 python3-redis python3-pytest ;;
	*) echo "usage: tests/deps.sh [build] [test] [lint] [coverage] [bench] [deb]" >&2; exit 64 ;;
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
	echo "Packages are missing: $missing" >&2
	echo "Install them with:    sudo $0 $*" >&2
	exit 1
fi

# The servers among them are wanted for their programs, not to be started: neither now (RUNLEVEL
# where init is not systemd, the mask where it is) nor when the machine boots.
servers=
for package in $missing; do
	case $package in
	redis-server | prometheus) servers="$servers $package.service" ;;
	esac
done
on_servers() {
	# shellcheck disable=SC2086 # a list of words
	[ -z "$servers" ] || [ ! -d /run/systemd/system ] ||
		$as_root systemctl "$@" $servers >/dev/null 2>&1 || true
}

echo "Installing: $missing"
install="$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends"
on_servers mask --runtime
# shellcheck disable=SC2086 # lists of words
$install $missing </dev/null >/dev/null 2>&1 ||
	{ $as_root apt-get update -q </dev/null && $install $missing </dev/null; } || failed=$?
on_servers unmask --runtime
on_servers disable
exit "${failed:-0}"
