#!/bin/sh
# Every shell script of the tree parses.
#   check-scripts.sh ROOT
set -eu
cd "$1"
bad=0
for file in $(git ls-files 2>/dev/null || find . -path './build*' -prune -o -type f -print); do
    [ -f "$file" ] || continue
    case $(head -c 64 "$file" | head -n 1 | tr -d '\0') in
        '#!'*bash*) bash -n "$file" || bad=1 ;;
        '#!'*/sh*) sh -n "$file" || bad=1 ;;
    esac
done
exit $bad
