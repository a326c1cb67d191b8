#!/bin/sh
# How many lines the tests reached, a line a directory and one of all, which stays in
# BUILD/total: coverage.sh BUILD, of a tree that was built and run with --coverage.
set -eu
cd "$(dirname "$0")/.."
build=$1

gcovr --root . --filter shared/ --filter jobs/ --csv="$build/lines.csv" "$build/obj"
awk -F, '
	function say(name, covered, lines) {
		printf "%-26s %5d of %5d lines, %5.1f %%\n", name, covered, lines, 100 * covered / lines
	}
	NR > 1 && $2 > 0 {
		sub("/[^/]*$", "", $1)
		if (!($1 in lines))
			names[++n] = $1
		lines[$1] += $2
		covered[$1] += $3
		all += $2
		reached += $3
	}
	END {
		if (n == 0)
			exit 1
		for (i = 1; i <= n; i++)
			say(names[i], covered[names[i]], lines[names[i]])
		say("coverage", reached, all)
	}' "$build/lines.csv" >"$build/report"
tail -n 1 "$build/report" >"$build/total"
cat "$build/report"
