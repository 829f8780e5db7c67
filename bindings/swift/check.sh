#!/bin/sh
# What a machine without Swift can check of the generated sources, and with one that they compile.
set -eu
cd "$(dirname "$0")"

# Clang's words for pointers mean nothing to other compilers.
for standard in c11 c17; do
    printf '#include "IxtFFI.h"\n' |
        "${CC:-cc}" -std=$standard -Wall -Wextra -Werror -D_Nonnull= -D_Nullable= -ISources/IxtFFI -fsyntax-only -x c -
done
echo "Swift: the C module's header compiles"
if command -v swiftc >/dev/null; then
    swiftc -typecheck -warnings-as-errors -I Sources/IxtFFI Sources/Ixt/Ixt.swift
    echo "Swift: the sources compile"
else
    echo "Swift: no swiftc here, so the sources were not compiled"
fi
