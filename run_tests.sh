#!/usr/bin/env bash
# The test-suite: ./run_tests.sh [pytest arguments]. Slow tests are included; leave them out with -m "not slow".
set -euo pipefail
cd "$(dirname "$0")"
source ./bootstrap.sh
exec python -m pytest "$@"
