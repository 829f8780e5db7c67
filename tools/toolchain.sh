#!/bin/sh
# Says clearly which tool a recipe needs and the machine lacks; nothing is installed here.
# usage: tools/toolchain.sh TOOL...   (rust go python c pkg-config openssl libnats java maven ruby capnp valgrind)
missing=0

lack() {
    printf 'missing: %s\n    %s\n' "$1" "$2" >&2
    missing=1
}

# at_least HAVE WANT: whether version HAVE is WANT or later
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

for tool in "$@"; do
    case $tool in
    rust)
        have=$(cargo --version 2>/dev/null | cut -d' ' -f2)
        [ -n "$have" ] && at_least "$have" 1.88 ||
            lack "Rust 1.88 or later (found: ${have:-none})" "install it from https://rustup.rs"
        ;;
    go)
        have=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
        [ -n "$have" ] && at_least "$have" 1.24 ||
            lack "Go 1.24 or later (found: ${have:-none})" "install it from https://go.dev/dl"
        ;;
    python)
        have=$("${PYTHON:-python3}" -c 'import platform; print(platform.python_version())' 2>/dev/null)
        [ -n "$have" ] && at_least "$have" 3.11 ||
            lack "Python 3.11 or later (found: ${have:-none})" "install it, or name it: make PYTHON=/path/to/python3"
        "${PYTHON:-python3}" -c 'import venv, ensurepip' 2>/dev/null ||
            lack "Python's venv" "Debian: apt-get install python3-venv"
        ;;
    c)
        command -v "${CC:-cc}" >/dev/null && command -v c++ >/dev/null && command -v objcopy >/dev/null ||
            lack "a C and C++ compiler with binutils" "Debian: apt-get install build-essential"
        ;;
    pkg-config)
        command -v pkg-config >/dev/null || lack "pkg-config" "Debian: apt-get install pkg-config"
        ;;
    openssl)
        pkg-config --exists openssl || lack "OpenSSL's headers" "Debian: apt-get install libssl-dev"
        ;;
    libnats)
        have=$(pkg-config --modversion libnats 2>/dev/null)
        [ -n "$have" ] && at_least "$have" 3.0 ||
            lack "libnats 3.0 or later (found: ${have:-none})" "Debian: apt-get install libnats-dev"
        ;;
    java)
        have=$(javac -version 2>&1 | sed -n 's/^javac //p')
        [ -n "$have" ] && at_least "$have" 17 ||
            lack "a JDK 17 or later (found: ${have:-none})" "Debian: apt-get install default-jdk-headless"
        ;;
    maven)
        have=$(mvn --batch-mode --version 2>/dev/null | sed -n 's/^[^A]*Apache Maven \([0-9.]*\).*/\1/p')
        [ -n "$have" ] && at_least "$have" 3.6.3 ||
            lack "Maven 3.6.3 or later (found: ${have:-none})" "Debian: apt-get install maven"
        ;;
    ruby)
        have=$(ruby -e 'print RUBY_VERSION' 2>/dev/null)
        [ -n "$have" ] && at_least "$have" 3.1 ||
            lack "Ruby 3.1 or later (found: ${have:-none})" "Debian: apt-get install ruby"
        ruby -e 'require "ffi"; require "minitest"' 2>/dev/null ||
            lack "Ruby's ffi and minitest" "Debian: apt-get install ruby-ffi ruby-minitest, or: gem install ffi minitest"
        ;;
    capnp)
        command -v capnp >/dev/null ||
            lack "the capnp command line" "Debian: apt-get install capnproto"
        ;;
    valgrind)
        command -v valgrind >/dev/null || lack "valgrind" "Debian: apt-get install valgrind"
        ;;
    *)
        lack "$tool" "not known to $0"
        ;;
    esac
done
exit $missing
