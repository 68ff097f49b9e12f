# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# Read by tests/run and .ci/run: stages that say one line each when all is well and everything when it is not, and a
# count of what passed and failed over all of them.
#
#     . tests/stages.sh
#     stage "lint" cmake --workflow --preset lint      counts as one test
#     stage_tests dev                                  configures, builds, and counts each test
#     stages_end                                       prints the total and ends the script

passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' HUP INT TERM

# Runs a command, keeps what it prints in $log, and prints how long it took. Shows the log when it fails.
attempt() {
    what=$1
    shift
    begin=$(date +%s)
    if "$@" >"$log" 2>&1 </dev/null; then
        printf '%-28s %4d s\n' "$what" $(($(date +%s) - begin))
        return 0
    fi
    printf '%-28s %4d s  FAILED\n' "$what" $(($(date +%s) - begin))
    return 1
}

stage() {
    if attempt "$@"; then
        passed=$((passed + 1))
    else
        cat "$log"
        failed=$((failed + 1))
    fi
}

# Reads CTest's results and prints PASSED FAILED. A Criterion program counts as many tests as it ran. One that failed
# for another reason than its tests, a test that was not run, and one that left no result count as failed.
count_tests() { # count_tests JUNIT-FILE REGISTERED
    awk -v registered="$2" '
    /^\t<testcase / { result = $0; sub(/.* status="/, "", result); sub(/".*/, "", result); ran = good = bad = 0 }
    /^\[====\] Synthesis: Tested: [0-9]+ \| Passing: [0-9]+ \| Failing: [0-9]+/ { ran = $4; good += $7; bad += $10 }
    /^\t<\/testcase>/ {
        results++
        passed += ran ? good : result == "run"
        failed += bad ? bad : result != "run"
    }
    END { print passed + 0, failed + (registered > results ? registered - results : 0) }
    ' "$1"
}

# Shared memory whose name carries the pid of a test that is gone. What is there before a run is not the run's.
leftovers() {
    for object in /dev/shm/shmq*; do
        pid=$(printf '%s\n' "${object##*/}" | sed -n 's/^[^0-9]*-\([0-9][0-9]*\)[-.].*/\1/p')
        [ -z "$pid" ] || kill -0 "$pid" 2>/dev/null || printf '%s\n' "$object"
    done
}

stage_tests() {
    preset=$1
    if ! attempt "$preset: configure" cmake --preset "$preset" -DSHMQUOTA_KILL_OPTIONS="${kill_options-}" || ! attempt "$preset: build" cmake --build --preset "$preset"; then
        cat "$log"
        failed=$((failed + 1))
        return
    fi
    registered=$(ctest --preset "$preset" -N | sed -n 's/^Total Tests: //p')
    results=$PWD/build/$preset/tests.xml
    rm -f "$results"
    left_before=$(leftovers)
    # The sizes keep CTest from cutting the output, whose last line has the numbers.
    attempt "$preset: test" ctest --preset "$preset" --output-junit "$results" \
        --test-output-size-passed 100000000 --test-output-size-failed 100000000
    exit_code=$?
    # shellcheck disable=SC2046 # two numbers
    [ ! -f "$results" ] || set -- $(count_tests "$results" "${registered:-0}")
    if [ "${registered:-0}" -eq 0 ] || [ $# -ne 2 ]; then
        echo "$preset: no tests are registered, or no results were written"
        set -- 0 1
    fi
    # Something that CTest minds and no test shows is still a failure.
    [ "$exit_code" -eq 0 ] || [ "$2" -gt 0 ] || set -- "$1" 1
    if [ "$2" -gt 0 ]; then
        grep -vE '^ +Start +[0-9]+: | +Passed +[0-9.]+ sec$' "$log"
    fi
    left=$(leftovers | grep -vxF -e "$left_before")
    if [ -n "$left" ]; then
        printf '%s: the tests left shared memory behind:\n%s\n' "$preset" "$left"
        set -- "$1" $(($2 + 1))
    fi
    printf '%s: %d passed, %d failed\n' "$preset" "$1" "$2"
    passed=$((passed + $1))
    failed=$((failed + $2))
}

# Adds the last line of another run, "N passed, N failed", to this one's.
add_total() {
    # shellcheck disable=SC2086 # four words
    set -- $1
    case ${1-}:${2-}:${3-}:${4-} in
    [0-9]*:passed,:[0-9]*:failed)
        passed=$((passed + $1))
        failed=$((failed + $3))
        ;;
    *) failed=$((failed + 1)) ;;
    esac
}

stages_end() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}
