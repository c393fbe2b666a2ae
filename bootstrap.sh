# Sourced by run_all.sh and run_tests.sh: makes .venv from the lock if it is not there or the lock has changed.

stop() { echo "error: $*" >&2; exit 1; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || stop "no $python here; install it: sudo apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    stop "$("$python" --version) is too old, 3.11 is needed; name a newer one: PYTHON=python3.12 $0"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    stop "Python's venv module is missing; install it: sudo apt-get install python3-venv"
# The boosting libraries need GNU OpenMP at run time, which a bare system lacks.
"$python" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || [ "$(uname -s)" != Linux ] ||
    stop "libgomp is missing; install it: sudo apt-get install libgomp1"

stamp=$(cat requirements.txt pyproject.toml | sha256sum)
if [ "$(cat .venv/lock.sha256 2>/dev/null)" != "$stamp" ]; then
    echo "installing the locked requirements into .venv (once)"
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
    echo "$stamp" >.venv/lock.sha256
fi
PATH="$PWD/.venv/bin:$PATH"
