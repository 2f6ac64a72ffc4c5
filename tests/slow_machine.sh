#!/bin/sh
# Runs the whole suite under coverage on one core, beside a busy loop that wants the same core: on half a machine.
# No test and no covered branch may depend on the speed of the machine, so it must pass, with 100 %, every time.
#
#   tests/slow_machine.sh                     once (about ten minutes)
#   tests/slow_machine.sh 10                  ten times in a row; ends with the first run that fails
#   BUSY=3 CORE=1 tests/slow_machine.sh 2     beside three busy loops, on a quarter of the second core
#   tests/slow_machine.sh 5 tests/test_x.py   five times, only pytest with these arguments, without coverage
#
# Needs Linux (taskset) and the .venv that ./run test makes. All that it starts ends with it, however it ends.
set -eu
cd "$(dirname "$0")/.."
times=${1:-1}
[ $# = 0 ] || shift
core=${CORE:-$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')}  # the first that we may use
python=.venv/bin/python
folder=$(mktemp -d)
export COVERAGE_FILE="$folder/data"
started=

# Each looks now and then whether this script is still there: after a kill -9, no trap runs.
busy='while kill -0 "$0" 2>/dev/null; do i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; done'

clean_up() {
  for process in $started; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM

for _ in $(seq "${BUSY:-1}"); do
  taskset -c "$core" sh -c "$busy" $$ &
  started="$started $!"
done

# In the background, or a signal would have to wait for it; with the signals as they are for what is in front.
on_the_core() {
  env --default-signal taskset -c "$core" "$@" &
  started="$started $!"
  wait $!
}

for round in $(seq "$times"); do
  echo "slow_machine: round $round of $times, $(date +%T)" >&2
  if [ $# -gt 0 ]; then
    on_the_core "$python" -m pytest -q -p no:cacheprovider "$@"
    continue
  fi
  "$python" -m coverage erase
  on_the_core "$python" -m coverage run -m pytest -q -p no:cacheprovider
  "$python" -m coverage combine -q
  "$python" -m coverage report
done
echo "slow_machine: passed $times times" >&2
