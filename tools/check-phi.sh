#!/bin/sh
# Look for patient data in logs.
#   check-phi.sh ROOT                  no log call of the sources in ROOT/src may be given a name, a UID
#                                      or another string of a data set or a peer
#   check-phi.sh --log FILE MARKER...  FILE must hold none of the markers (in any case)
set -eu

if [ "$1" = --log ]; then
    file=$2
    shift 2
    bad=0
    for marker; do
        n=$(grep -aicF -e "$marker" "$file") || true
        [ "$n" = 0 ] || { echo "$file: $n lines hold marker '$marker'"; bad=1; }
    done
    exit $bad
fi

words='patient|\w*(?<!get)(?<!gete)uid\w*|description|accession|protocol|calling\w*|birth\w*|facts'
calls='(log_(event|debug|info|warn|error)|event_note)\s*\((?:[^;"]|"(?:[^"\\]|\\.)*")*;'
find "$1/src" -name '*.c' | sort | {
    bad=0
    while read -r file; do
        # One call a line, its string literals emptied: only what is passed counts. Then the words.
        found=$(grep -Pzo "$calls" "$file" | tr '\n\0' ' \n' | sed 's/"\([^"\\]\|\\.\)*"/""/g' |
            grep -P "\b($words)\b") || true
        [ -z "$found" ] || { echo "$file logs what may identify a patient or a peer: $found"; bad=1; }
    done
    exit $bad
}
