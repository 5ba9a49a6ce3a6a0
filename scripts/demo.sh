#!/usr/bin/env bash
# The main job on the embedded default: a simulated city, a baseline champion, a challenger that wins, one that does
# not, a release check, and what to look at next. Everything lands in one folder, made anew each time.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
home=${DEMO_HOME:-$root/demo}
me=${DEMO_OWNER:-ana}
flow() { "$root/scripts/ds_workflow.sh" --workspace "$home" "$@"; }
python=${DS_WORKFLOW_PYTHON:-$root/.venv/bin/python}
field() { "$python" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
# what stood in the way, in the words of the proposal itself
why() {
    flow arena-show "$1" --json | "$python" -c '
import json, sys
p = json.load(sys.stdin)
gates = [g for g in p["gates"] if g["status"] != "pass"]
said = "; ".join(g["name"] + " is " + g["status"] + ": " + g["note"] for g in gates)
print("Verdict " + p["verdict"] + " (" + said + ") while the claim by itself is " + p["hypothesis"]["outcome"] + ".")'
}
step() { printf '\n\033[1m%s\033[0m\n' "== $*"; }

case $home in "$root" | / | "$HOME") echo "DEMO_HOME must be a folder of its own, not $home." >&2; exit 2 ;; esac
if [ -n "$(ls -A "$home" 2>/dev/null)" ] && [ ! -e "$home/.demo" ]; then
    echo "$home exists and was not made by this demo; set DEMO_HOME to another folder." >&2
    exit 2
fi
rm -rf "$home"
mkdir -p "$home/docs"
touch "$home/.demo"
cp -r "$root/docs/hypotheses" "$home/docs/hypotheses"
began=$SECONDS

step "1/8  Freeze a snapshot of the simulated city (seeded)"
flow data-snapshot --dataset-version sim-v1 --simulate --seed 42

step "2/8  Appoint the first champion: a gated baseline"
flow bootstrap-champion --dataset-version sim-v1 --feature-set-version v1.0 --strategy global \
    --owner "$me" --approved-by "$me"

step "3/8  Check the written hypothesis H-SEG-001"
flow hypothesis-check H-SEG-001

step "4/8  Train its candidate and compare it with the champion on the same frozen rows"
flow train-candidate --hypothesis-id H-SEG-001 --change-type architecture \
    --change-summary "A model per segment, on unit, building and block histories" --owner "$me" \
    --feature-set-version v2.0 --dataset-version sim-v1 --strategy segmented_router --router-mode segment_only
winner=$(flow arena-propose --json | field id)
flow arena-show "$winner" --html "$home/reports/arena/$winner.html"

step "5/8  Approve it: a named person takes the decision, the champion moves"
flow arena-approve --proposal-id "$winner" --approved-by "$me" --reason "Every gate is green on the frozen 20 % of sales."

step "6/8  A second hypothesis, H-TUNE-004: a small tuning gain against the new champion"
flow train-candidate --hypothesis-id H-TUNE-004 --change-type tuning \
    --change-summary "Tree depth and learning rate from a small search" --owner "$me" \
    --feature-set-version v2.0 --dataset-version sim-v1 --strategy segmented_router --router-mode segment_only \
    --optuna-trials 5
loser=$(flow arena-propose --json | field id)
flow arena-show "$loser" --html "$home/reports/arena/$loser.html"
if [ "$(flow arena-show "$loser" --json | field verdict)" = pass ]; then
    flow arena-reject --proposal-id "$loser" --rejected-by "$me" --reason "It would win; this tour keeps its champion."
else
    flow arena-reject --proposal-id "$loser" --rejected-by "$me" --reason "$(why "$loser")"
fi

step "7/8  Prove the gates (each is seen to fail on its mutant) and the house; the run is recorded for the release"
DS_WORKFLOW_TEST_RECORD="$home/reports/tests.json" "$python" -m pytest -q -p no:cacheprovider \
    --rootdir "$root" -c "$root/setup.cfg" "$root/tests/domain/test_gates.py" \
    "$root/tests/test_architecture.py" | tail -n 1

step "8/8  Release check"
flow release-check

cat <<END

Done in $((SECONDS - began)) s. The workspace is $home. Look at next:
  the winning proposal    $home/reports/arena/$winner.html
  the one that lost       $home/reports/arena/$loser.html
  the release report      $home/reports/releases/
  all documents           ./scripts/ds_workflow.sh --workspace $home docs-build
  runs side by side       ./scripts/ds_workflow.sh --workspace $home mlflow-ui --port 5001
  predictions             ./scripts/ds_workflow.sh --workspace $home serve --port 8000
  today's health          ./scripts/ds_workflow.sh --workspace $home daily
END
