#!/bin/sh
# Writes what pkg-config reads: ixt.pc, and ixt-static.pc for who wants libixt.a where both libraries are.
#
#   pc.sh FOLDER LIBDIR INCLUDEDIR    where they are written, and what they say
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
version=$(sed -n 's/^#define IXT_VERSION "\(.*\)"$/\1/p' "$here/include/ixt.h")
sed "s/@VERSION@/$version/; s|@LIBDIR@|$2|; s|@INCLUDEDIR@|$3|" "$here/ixt.pc.in" > "$1/ixt.pc"
private=$(sed -n 's/^Libs.private: //p' "$here/ixt.pc.in")
sed "s/^Name: .*/Name: ixt-static/; s|^Libs: .*|Libs: \${libdir}/libixt.a $private|; /^Libs.private:/d" "$1/ixt.pc" > "$1/ixt-static.pc"
