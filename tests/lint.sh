#!/bin/bash
# Analyzers, linters and the rules of the house. Every part runs; the exit status says whether
# any of them had something to say. $BUILD/lint/flags comes from the Makefile.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
workers=$(nproc)
failed=()

part() {
	local name=$1 start=$SECONDS
	shift
	if "$@"; then
		printf 'ok    %-12s %3d s\n' "$name" $((SECONDS - start))
	else
		printf 'FAIL  %-12s %3d s\n' "$name" $((SECONDS - start))
		failed+=("$name")
	fi
}

# Tracked files, so that what somebody is writing beside it is not judged.
files() { git ls-files -- "$@" | while read -r f; do [ -e "$f" ] && echo "$f"; done; }
sources() { files 'shared/*.c' 'jobs/*.c'; }
if ! git rev-parse --git-dir >/dev/null 2>&1; then
	files() { for p in "$@"; do find . -path "./$build*" -prune -o -path "./$p" -print; done; }
fi

# Leaks are for LeakSanitizer and valgrind: gcc 12 loses a pointer that a struct bytes holds.
analyzer() {
	sources | xargs -P "$workers" -n 1 gcc "@$build/lint/flags" -fanalyzer \
		-Wno-analyzer-malloc-leak -c -o /dev/null
}

with_clang() {
	${MAKE:-make} --no-print-directory -s -j"$workers" BUILD="$build/clang" CC=clang \
		all units tools
}

# clang-tidy takes its flags from compile_flags.txt: one a line, as no shell quotes them.
tidy() {
	sed -e "s/'//g" -e "s| -Ishared| -I$PWD/shared|" "$build/lint/flags" | tr -s ' ' '\n' \
		>"$build/lint/compile_flags.txt"
	sources | xargs -P "$workers" -n 1 clang-tidy --quiet -p "$build/lint" 2>/dev/null
}

static() {
	sources | xargs cppcheck -q --std=c11 --enable=warning,portability,performance \
		--inline-suppr --error-exitcode=1 --suppress=missingIncludeSystem \
		--suppress=normalCheckLevelMaxBranches -j "$workers" -Ishared -Ijobs \
		-DCOORDKEEP_VERSION='""' --template='{file}:{line}: {severity}: {message} [{id}]'
}

scripts() {
	{ files '*.sh' .ci/run conf/deb/build conf/deb/p*; } | xargs -r shellcheck
}

manuals() {
	local pages said
	pages=$(files 'jobs/*.8' 'conf/*.5' 'conf/*.7')
	[ -n "$pages" ] || return 0
	# shellcheck disable=SC2086 # a list of names
	said=$(mandoc -Tlint -Wwarning $pages)
	[ -z "$said" ] || { echo "$said"; return 1; }
}

python() {
	files '*.py' | xargs -r /usr/bin/python3 -m pyflakes
}

# Floors: base < redis < coordination < job < jobs, and no job knows another. Sizes: what
# outgrows them wants to be two.
house() {
	local bad=0
	complain() { [ -z "$1" ] || { printf '%s\n%s\n' "$2" "$1"; bad=1; }; }
	complain "$(grep -nE '#include "(redis|coordination|job)/' shared/base/*.[ch] 2>/dev/null
		grep -nE '#include "(coordination|job)/' shared/redis/*.[ch] 2>/dev/null
		grep -nE '#include "job/' shared/coordination/*.[ch] 2>/dev/null)" \
		"An include that runs up a floor:"
	local job
	for job in jobs/*/; do
		complain "$(grep -nE '#include "(reap-stale|escalate-dead|ttl-fixer|secret-rotate-phase|clock-audit)/' \
			"$job"*.[ch] 2>/dev/null)" "A job that includes a job's header:"
	done
	complain "$(sources | xargs wc -l | awk '$2 != "total" && $1 > 400 { print $2 ": " $1 }')" \
		"Files over 400 lines:"
	complain "$(sources | xargs awk 'FNR == 1 { s = 0 } /^\{/ { s = FNR }
		/^\}/ { if (s && FNR - s > 70) print FILENAME ":" s ": " FNR - s; s = 0 }')" \
		"Functions over 70 lines:"
	complain "$(sources | xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b')" "Left undone:"
	complain "$(sources | xargs grep -nE 'B\("KEYS"\)')" "KEYS is never sent:"
	complain "$(files '*.c' '*.h' '*.py' '*.sh' | xargs grep -nE '[[:space:]]$' | head -20)" \
		"Space at the end of a line:"
	return $bad
}

part "house" house
part "scripts" scripts
part "manuals" manuals
part "python" python
part "clang" with_clang
part "gcc-analyzer" analyzer
part "clang-tidy" tidy
part "cppcheck" static

if [ ${#failed[@]} -gt 0 ]; then
	echo "lint: ${failed[*]}"
	exit 1
fi
echo "lint: all is well"
