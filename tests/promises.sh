#!/bin/sh
# Holds docs/promises.md to the tests: each row says why it cannot arise, or
# names tests that exist, and one of their files mentions the row's number, so
# that the number can be searched for. And no test mentions a row that the
# document does not have.
set -u

cd "${top_srcdir:?run this through make check}" || exit 1
document=docs/promises.md

# Prints the rows of the tables as NUMBER|the rest.
rows() {
  sed -nE 's/^\| ([RP][0-9]+) \|/\1|/p' "$document"
}

# Prints the proofs of a row, which are `file` or `file: test, test`, as
# FILE TEST lines; the names of files are as below tests/, unless they are
# below src/ or script/. Other code in a row has no dot and no colon.
proofs() {
  # shellcheck disable=SC2016 # the backquotes are those of the document
  printf '%s\n' "$1" | grep -oE '`[a-z_/]+\.[a-z]+(: [a-zA-Z0-9_, ]+)?`' |
    tr -d '`' | while IFS=: read -r file names; do
      case $file in
        src/* | script/*) ;;
        *) file=tests/$file ;;
      esac
      [ -n "$names" ] || echo "$file"
      for name in $(printf '%s' "$names" | tr ',' ' '); do
        echo "$file $name"
      done
    done
}

check_row() {
  number=$1 text=$2
  case $text in
    *'cannot arise: '*) return ;;
  esac
  proofs "$text" >"$work/proofs"
  [ -s "$work/proofs" ] || echo "$number: no proof, and not why there is none"
  found=
  while read -r file name; do
    if [ ! -f "$file" ]; then
      echo "$number: there is no $file"
    elif [ -n "$name" ] && ! grep -qw -- "$name" "$file"; then
      echo "$number: there is no $name in $file"
    elif grep -qw "$number" "$file"; then
      found=1
    fi
  done <"$work/proofs"
  case $number in
    R*) [ -n "$found" ] || echo "$number: none of its tests mentions it" ;;
  esac
}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

rows >"$work/rows"
count=$(wc -l <"$work/rows")
[ "$count" -gt 80 ] || {
  echo "only $count rows found in $document: this script is wrong"
  exit 1
}
while IFS='|' read -r number text; do
  check_row "$number" "$text"
done <"$work/rows" >"$work/wrong"
cut -d'|' -f1 "$work/rows" | sort | uniq -d | sed 's/$/: there twice/' \
  >>"$work/wrong"
grep -rhowE 'R[0-9]{3}' tests --include='*.[ch]' --include='*.py' \
  --include='*.sh' | sort -u >"$work/mentioned"
cut -d'|' -f1 "$work/rows" | sort -u >"$work/known"
LC_ALL=C comm -23 "$work/mentioned" "$work/known" |
  sed "s|\$|: in tests/, and not in $document|" >>"$work/wrong"
cat "$work/wrong"
[ ! -s "$work/wrong" ]
