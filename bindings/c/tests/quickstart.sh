#!/bin/sh
# Runs the program of the README in an empty folder, with nothing but pkg-config to find the library.
#
#   quickstart.sh FOLDER-OF-IXT.PC EMPTY-FOLDER [ixt|ixt-static]
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
export PKG_CONFIG_PATH="$1"
mkdir -p "$2"
cd "$2"
if [ -n "$(ls -A)" ]; then
    echo "$2 is not empty" >&2
    exit 1
fi
# The first block of C, and what the block after it says that is printed.
awk '/^```c$/ { on = 1; next } /^```$/ { if (on) exit } on' "$here/../README.md" > quickstart.c
awk '/^```text$/ { on = 1; next } /^```$/ { if (on) exit } on' "$here/../README.md" > expected.txt
module=${3:-ixt}
libdir=$(pkg-config --variable=libdir "$module")
${CC:-cc} -std=c11 -Wall -Wextra -Werror -pedantic quickstart.c -o quickstart $(pkg-config --cflags --libs "$module")
case $module in
ixt) LD_LIBRARY_PATH="$libdir" ./quickstart > printed.txt ;;
*) ./quickstart > printed.txt ;; # it needs no library of ours
esac
diff expected.txt printed.txt
