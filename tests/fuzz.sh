#!/bin/bash
# Run each fuzz target in DIRECTORY for FUZZ_SECONDS: fuzz.sh DIRECTORY
# Seeds are read from tests/fuzz/corpus/<target>/; what is found on the way stays beside the
# programs. An input that fails is kept there too, and named.
set -u
cd "$(dirname "$0")/.." || exit 1
programs=$1
seconds=${FUZZ_SECONDS:-10}
failed=0
ran=0
for program in "$programs"/fuzz_*; do
	case $program in *'*' | *.log | *.failed-*) continue ;; esac
	name=$(basename "$program")
	corpus=$programs/corpus/$name
	mkdir -p "$corpus"
	seeds=()
	[ -d "tests/fuzz/corpus/$name" ] && seeds=("tests/fuzz/corpus/$name")
	if "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -verbosity=0 \
		-artifact_prefix="$corpus.failed-" "$corpus" "${seeds[@]}" \
		</dev/null >"$corpus.log" 2>&1; then
		echo "fuzz $name: ok, $seconds s, $(find "$corpus" -type f | wc -l) inputs"
	else
		cat "$corpus.log"
		echo "fuzz $name: FAILED, see $corpus.failed-*"
		failed=1
	fi
	ran=$((ran + 1))
done
[ "$ran" -gt 0 ] || echo "fuzz: no targets"
exit $failed
