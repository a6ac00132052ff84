#!/bin/sh
# Makes configure and Makefile.in from configure.ac and Makefile.am.
# Needed once in a fresh clone; a release tarball has them already.
set -eu
cd "$(dirname -- "$0")"
mkdir -p build-aux
exec autoreconf --install --force --warnings=all
