#!/bin/sh
# Compiles each public header alone, as C11 and as C++11: a header includes
# what it uses, and C++ programs may include it.
set -u

here=${top_srcdir:?run this through make check}
compile() { # LANGUAGE HEADER COMPILER-AND-OPTIONS
  language=$1 header=$2
  shift 2
  echo "$header as $language"
  echo "#include <$header>" |
    "$@" -Wall -Wextra -Werror -fsyntax-only -I"$here/include" -x "$language" -
}

have_cxx=yes
command -v "${CXX%% *}" >/dev/null 2>&1 || have_cxx=no

# CC and CXX may carry options: they are split on purpose.
failed=0
for file in ${PLAIT_HEADERS:?}; do
  header=${file#include/}
  # shellcheck disable=SC2086
  compile c "$header" $CC -std=c11 -Wpedantic || failed=1
  if [ $have_cxx = yes ]; then
    # shellcheck disable=SC2086
    compile c++ "$header" $CXX -std=c++11 || failed=1
  fi
done

[ $failed = 0 ] || exit 1
if [ $have_cxx = no ]; then
  echo "no C++ compiler: the headers were checked as C only"
  exit 77
fi
