#!/usr/bin/env bash
# Runs the package arcp's own tests on the other versions of CPython that this machine has; where it has none, says so.
#
#   tools/pythons.sh FOLDER WHEELS...    FOLDER takes an environment for each
#   IXT_PYTHONS                          further interpreters, by their paths
set -euo pipefail
folder=$1
shift
suite() { # interpreter
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    here=$folder/$version
    "$1" -m venv "$here"
    # Without what checks types and style, and builds.
    grep -vE '^(mypy|pyright|ruff)==' bindings/python/arcp/requirements-dev.txt > "$here/requirements.txt"
    "$here/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" "${@:2}"
    "$here/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "${@:2}"
    # Official tests, examples and pages are run on one version.
    (cd bindings/python/arcp && "$here/bin/python" -m pytest -p no:cacheprovider \
        --ignore tests/test_official.py --ignore tests/test_public_api.py \
        --ignore tests/test_examples.py --ignore tests/test_docs.py) > "$here/log" 2>&1 || {
        tail -n 40 "$here/log" >&2
        return 1
    }
    echo "arcp on CPython $version: $(tail -n 1 "$here/log")"
}
found=()
for version in 3.12 3.13; do
    for python in "python$version" "$HOME"/.pyenv/versions/"$version".*/bin/python; do
        if "$python" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2> /dev/null; then
            found+=("$python")
            break
        fi
    done
done
for python in "${found[@]}" ${IXT_PYTHONS:-}; do
    suite "$python" "$@"
done
[ ${#found[@]} -gt 0 ] || echo "arcp: this machine has no CPython 3.12 or 3.13, so it was tested on one version"
