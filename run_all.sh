#!/usr/bin/env bash
# One experiment, end to end: ./run_all.sh [experiment] [--minutes M], by default "flights", which needs no account.
# Files flow input/ -> oof/ -> submissions/. What is done is not done again; what was killed goes on.
set -euo pipefail
cd "$(dirname "$0")"
experiment=flights
if [[ ${1:--} != -* ]]; then experiment=$1; shift; fi
source ./bootstrap.sh

# Every stage in order, in one process that reads the table once. Each is also a command of its own:
#   download  the competition's CSVs into input/, checked as one table
#   dae       train the swap-noise autoencoder, write its features
#   activations  which of the autoencoder's units fire, for whom, how stably
#   tune      search each head's parameters with Optuna
#   heads     fit each head on every fold: out-of-fold and test predictions
#   blend     weigh the heads, write submissions/<experiment>.csv
#   score     ask the host, where it tells without a submission
#   report    all of it on one page with pictures, oof/<experiment>/report.html
# --minutes 10 plans the run for ten minutes first: which heads, trials and epochs; oof/<experiment>/plan.json.
swapdae run "$experiment" "$@"

# The result table. To hand the CSV in: .venv/bin/swapdae submit <experiment>
swapdae scores "$experiment"

# The page's path comes last.
swapdae report "$experiment"
