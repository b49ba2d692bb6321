#!/bin/sh
# Makes .venv from the lock. Arguments: the uv to use, then the Pythons to try. Run it from the project's root.
set -eu

uv_version=$1
shift

fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
python=
for candidate in "$@"; do
  if "$candidate" -c "$fits" >/dev/null 2>&1; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "Headroom needs Python 3.11, 3.12 or 3.13, and none of these is one: $* (Debian, Ubuntu: apt-get install python3)" >&2
  exit 2
fi
if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
  echo "The venv module of $python is missing (Debian, Ubuntu: apt-get install python3-venv)" >&2
  exit 2
fi

echo "Making .venv with $("$python" --version) from the lock; the first time takes a minute or a few."
"$python" -m venv .venv

install_with_uv() {
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version" &&
    UV_NATIVE_TLS=1 .venv/bin/python -m uv pip install --quiet --compile-bytecode --python .venv/bin/python \
      -r requirements.txt -r requirements-dev.txt
}

if ! install_with_uv; then
  echo "uv cannot be used here; going on with pip, which takes some minutes longer." >&2
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
fi

./tools/link_package.sh .venv
