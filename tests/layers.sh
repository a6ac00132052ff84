#!/bin/sh
# Holds the tree to its rules: who may include what, how long a file may be,
# that Makefile.am knows every file, and that README shows examples/echo.c.
set -u

cd "${top_srcdir:?run this through make check}" || exit 1

# say HEADLINE prints it and the lines on stdin, or nothing if there are none.
say() {
  lines=$(cat)
  [ -z "$lines" ] || printf '%s:\n%s\n\n' "$1" "$lines"
}

# files FOLDER NAME... lists the files below FOLDER that have such names.
files() {
  folder=$1
  shift
  [ -d "$folder" ] || return 0
  for name; do
    find "$folder" -type f -name "$name"
  done | sort
}

# includes PATTERN FOLDER... prints the #include lines that match PATTERN.
includes() {
  pattern=$1
  shift
  for folder; do
    files "$folder" '*.[ch]' '*.cpp'
  done | while read -r file; do
    grep -EHn "^[[:space:]]*#[[:space:]]*include[[:space:]]*$pattern" "$file"
  done
}

check_includes() {
  from='[<"]([^>"]*/)?'

  includes "$from(\.\./|uv/|pool/|filter/|endpoint/|cli/|protocols/|tests/)" \
    src/core |
    say 'src/core includes from another layer'
  includes "$from(\.\./|pool/|filter/|endpoint/|cli/|protocols/|tests/)" src/uv |
    say 'src/uv includes from a layer above'
  includes "$from(\.\./|uv/|filter/|endpoint/|cli/|protocols/|tests/)" src/pool |
    say 'src/pool includes from another layer'
  includes "$from(\.\./|uv/|filter/|endpoint/|cli/|protocols/|tests/)" \
    src/cares |
    say 'src/cares includes from another layer'
  includes "$from(\.\./|uv/|endpoint/|cli/|protocols/|tests/)" src/filter |
    say 'src/filter includes from another layer'
  includes "$from(\.\./|cli/|protocols/|tests/)" src/endpoint |
    say 'src/endpoint includes from a layer above'
  seam='"(core/(context|driver|error|reactor)|sim/[a-z_]+)\.h"'
  includes '"' src/sim | grep -Ev "include[[:space:]]*$seam" |
    say 'src/sim includes more than the seam'
  includes '[<"]sim/' src | grep -v '^src/sim/' |
    say 'src/sim is no part of libplait'

  includes "$from(\.\./|src/|core/|uv/|sim/|endpoint/|tests/)" \
    protocols examples src/cli src/scenario src/testing bench | grep -v '^bench/peers/' |
    say 'only the public headers may be included here'
  standard='<(plait/[a-z]+|std[a-z]+|string|time)\.h>'
  includes '[<"]' src/testing |
    grep -Ev "include[[:space:]]*($standard|\"[a-z_]+\.h\")" |
    say 'src/testing includes more than plait and standard C'

  includes '[<"](uv\.h|uv/.*)[>"]' include src protocols examples tests bench |
    grep -Ev '^(src/uv|bench/peers)/' | grep -Ev '^src/endpoint/.*"uv/' |
    say '<uv.h> is for src/uv and bench/peers'
  includes '[<"](ares[a-z_]*\.h|cares/.*)[>"]' \
    include src protocols examples tests bench | grep -v '^src/cares/' |
    say '<ares.h> is for src/cares'
}

check_sizes() {
  for folder in src include protocols tests examples bench; do
    files $folder '*.[ch]' '*.cpp' '*.py' '*.sh' '*.pml'
  done | while read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 600 ] || echo "$file: $lines lines"
  done | say 'more than 600 lines: split it'

  lines=$(wc -l <README.md)
  [ "$lines" -le 120 ] || echo "README.md: $lines lines" |
    say 'more than 120 lines'
}

# A file that Makefile.am does not name is in no tarball; the source of a
# program may be named by the program alone.
check_lists() {
  names=$(tr -s '\\ \t' '\n' <Makefile.am)
  {
    for folder in src include protocols examples tests bench docs; do
      files $folder '*.[ch]' '*.cpp' '*.py' '*.sh' '*.md' '*.allow' \
        '*.hex' '*.pml'
    done
    files man '*.[1-8]'
    files script '*'
    files .ci '*'
  } | while read -r file; do
    printf '%s\n' "$names" | grep -Fqx -e "$file" -e "${file%.*}" ||
      echo "$file"
  done | say 'not named in Makefile.am'
}

# The folder of corpora goes into tarballs as a whole, so its files are in no
# list; but each has a target that runs it, and they do not grow for ever.
check_corpora() {
  for folder in tests/fuzz/corpus/*; do
    grep -Fq "X(${folder##*/})" tests/fuzz/harness.h || echo "$folder"
  done | say 'a corpus without a fuzz target'

  bytes=$(cat tests/fuzz/corpus/*/* | wc -c)
  [ "$bytes" -le 300000 ] || echo "$bytes" |
    say 'tests/fuzz/corpus: more than 300,000 bytes'
}

check_readme() {
  awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' \
    README.md | cmp - examples/echo.c 2>&1 |
    say "README.md: the first C block is not examples/echo.c"
}

problems=$(
  check_includes
  check_sizes
  check_lists
  check_corpora
  check_readme
)
[ -z "$problems" ] || {
  printf '%s\n' "$problems"
  exit 1
}
