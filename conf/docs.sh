#!/bin/sh
# Make conf/coordkeep.ini and the table of conf/coordkeep.ini.5 from the options' own table.
#	conf/docs.sh PROGRAM [DIRECTORY]
# PROGRAM is any job; DIRECTORY, where the two files are written, is conf by default.
set -eu
program=$1
here=$(dirname "$0")
to=${2:-$here}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

: >"$work/empty.ini"
"$program" -c "$work/empty.ini" --print-config=annotated >"$work/coordkeep.ini"
"$program" -c "$work/empty.ini" --print-config=mdoc >"$work/table"
awk -v table="$work/table" '
	/^\.\\" BEGIN TABLE/ { print; while ((getline line < table) > 0) print line; skip = 1 }
	/^\.\\" END TABLE/ { skip = 0 }
	!skip { print }
' "$here/coordkeep.ini.5" >"$work/coordkeep.ini.5"
cp "$work/coordkeep.ini" "$work/coordkeep.ini.5" "$to"
chmod 644 "$to/coordkeep.ini" "$to/coordkeep.ini.5"
