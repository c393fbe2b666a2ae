#!/usr/bin/env bash
# One experiment, end to end: ./run_all.sh [experiment], by default "flights", which needs no account.
# Files flow input/ -> oof/ -> submissions/. What is done is not done again; what was killed goes on.
set -euo pipefail
cd "$(dirname "$0")"
experiment=${1:-flights}
source ./bootstrap.sh

swapdae download "$experiment" # the competition's CSVs into input/, checked as one table
swapdae dae      "$experiment" # train the swap-noise autoencoder, write its features (the longest stage)
swapdae tune     "$experiment" # search each head's parameters with Optuna
swapdae heads    "$experiment" # fit each head on every fold: out-of-fold and test predictions
swapdae blend    "$experiment" # weigh the heads, write submissions/<experiment>.csv
swapdae score    "$experiment" # ask the host, where it tells without a submission
swapdae scores   "$experiment" # the result table
# To hand the CSV in: swapdae submit <experiment>
