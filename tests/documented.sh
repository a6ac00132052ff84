#!/bin/sh
# Holds the documents to the public headers: every public name, be it a
# function, a type, a macro or a constant, is in docs/ or man/, and every
# plait name in docs/ is in a public header.
set -u

cd "${srcdir:-$(dirname -- "$0")/..}" || exit 1
names='\<(plait|PLAIT)_[A-Za-z0-9_]+'

# Prints the public names on stdin, each once. Not public are names with two
# underscores or one at the end; nor are include guards names.
public() {
  grep -Eo "$names" | grep -Ev '__|_$|^PLAIT_([A-Z]+_)*H$' | LC_ALL=C sort -u
}

# Prints the headers without their comments, and the codes by their full names.
declared() {
  awk '{
    line = $0
    code = ""
    while (line != "") {
      mark = inside ? "*/" : "/*"
      at = index(line, mark)
      if (!inside) code = code (at ? substr(line, 1, at - 1) " " : line)
      if (!at) break
      line = substr(line, at + 2)
      inside = !inside
    }
    print code
  }' include/plait.h include/plait/*.h |
    sed -E 's/^([[:space:]]*)X\(([A-Z0-9]+),/\1PLAIT_\2 (/'
}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

declared | public >"$work/declared"
# Names with a * are not names: plait_handle_*.
cat docs/*.md | sed -E 's/\<(plait|PLAIT)_[A-Za-z0-9_]*\*//g' |
  public >"$work/docs"
cat docs/*.md man/* | public >"$work/documented"

count=$(wc -l <"$work/declared")
[ "$count" -gt 100 ] || {
  echo "only $count public names found in include/: this script is wrong"
  exit 1
}

failed=0
# say HEADLINE prints it and the lines on stdin, and fails if there are any.
say() {
  lines=$(cat)
  [ -z "$lines" ] || printf '%s:\n%s\n\n' "$1" "$lines"
  [ -z "$lines" ]
}
LC_ALL=C comm -23 "$work/declared" "$work/documented" |
  say 'public, but in neither docs/ nor man/' || failed=1
LC_ALL=C comm -13 "$work/declared" "$work/docs" |
  say 'in docs/, but in no public header' || failed=1
exit $failed
