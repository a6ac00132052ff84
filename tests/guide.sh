#!/bin/sh
# Compiles the listings of docs/guide.md, which are one program together, and
# runs those of docs/testing_protocols.md, which are examples/test_chat.c.
set -u

: "${top_srcdir:?run this through make check}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# listings PAGE prints them, with an empty line between two.
listings() {
  awk '/^```c$/ { inside = 1; if (n++) print ""; next }
    /^```$/ { inside = 0 }
    inside' "$top_srcdir/docs/$1"
}

listings guide.md >"$work/guide.c"
lines=$(wc -l <"$work/guide.c")
[ "$lines" -gt 200 ] || {
  echo "only $lines lines of listings found: this script is wrong"
  exit 1
}
# Functions of a listing are for the reader to call. CC may carry options.
# shellcheck disable=SC2086
${CC:?} -std=c11 -Wall -Wextra -Wpedantic -Werror -Wno-unused-function \
  -Wno-unused-const-variable -Wno-unused-variable \
  -fsyntax-only -I"$top_srcdir/include" "$work/guide.c" || exit 1

listings testing_protocols.md | cmp - "$top_srcdir/examples/test_chat.c" ||
  exit 1
"${top_builddir:?}/examples/test_chat"
