#!/bin/sh
# Holds the objects of src/core, src/pool, src/filter and protocols to
# tests/symbols.allow: no clock, socket, random, allocation or thread call of the system's, for these
# go through the seam. Otherwise a simulated world would have holes. Nor is
# anything printed there (R147), or a lock held (R151).
set -u

: "${top_srcdir:?run this through make check}"
: "${top_builddir:?run this through make check}"
failed=0

for library in core pool filter protocols; do
  archive=$top_builddir/.libs/libplait_$library.a
  [ -f "$archive" ] || archive=$top_builddir/libplait_$library.a
  # shellcheck disable=SC2086 # NM may carry options.
  undefined=$(${NM:-nm} -u -A "$archive") || exit 1

  # nm -u -A prints "archive:object:  U name".
  bad=$(printf '%s\n' "$undefined" | awk '
    FNR == NR {
      sub(/#.*/, "")
      if (NF) {
        pattern = $1
        gsub(/\./, "\\.", pattern)
        gsub(/\*/, ".*", pattern)
        allow = allow (allow ? "|" : "") pattern
      }
      next
    }
    NF > 1 && $NF !~ ("^(" allow ")$") {
      object = $1
      sub(/:$/, "", object)
      sub(/^.*:/, "", object)
      sub(/^libplait_[a-z]*_la-/, "", object)
      print object ": " $NF
    }' "$top_srcdir/tests/symbols.allow" -)
  if [ -n "$bad" ]; then
    printf 'libplait_%s may not use:\n%s\n\n' "$library" "$bad"
    failed=1
  fi
done

[ $failed = 0 ] || echo "see tests/symbols.allow"
exit $failed
