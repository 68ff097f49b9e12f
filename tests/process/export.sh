#!/bin/sh
# SPDX-License-Identifier: MIT
#
# shmquota export: what Prometheus' own promtool says of the metrics, that figures are exact, and that a collector never
# reads half a file.
#
#     tests/process/export.sh FOLDER      of the programs
set -u

shmquota=$1/shmquota
folder=$(mktemp -d)
name=shmq-test-$$-export

finish() {
    rm -rf "$folder" "/dev/shm/$name.policy" "/dev/shm/$name.usage"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

has() {
    grep -qxF -- "$2" "$1" || fail "$1 lacks: $2
$(cat "$1")"
}

cat >"$folder/policy.ini" <<END
[segment]
name = /$name
components = 64
[component:alice]
message_rate = 100/h
storage = 1000
memory = unlimited
[component:"with \\"quotes\\" and \\\\backslash"]
storage = 0
END
"$shmquota" create -q "$folder/policy.ini" || fail "cannot create the segment"
"$shmquota" try "$name" alice messages 80 || fail "cannot use messages"
"$shmquota" try -q "$name" alice messages 21 && fail "was admitted"
"$shmquota" try "$name" alice cpu 250ms || fail "cannot use cpu"

"$shmquota" export "$name" >"$folder/metrics" || fail "export failed"
has "$folder/metrics" "shmquota_up{segment=\"/$name\"} 1"
has "$folder/metrics" "# TYPE shmquota_messages_used gauge"
has "$folder/metrics" "shmquota_messages_used{segment=\"/$name\",component=\"alice\"} 80"
has "$folder/metrics" "shmquota_messages_limit{segment=\"/$name\",component=\"alice\"} 100"
has "$folder/metrics" "shmquota_used_ratio{segment=\"/$name\",component=\"alice\",resource=\"messages\"} 0.8"
has "$folder/metrics" "shmquota_alarm{segment=\"/$name\",component=\"alice\",resource=\"messages\"} 1"
has "$folder/metrics" "# TYPE shmquota_denied_total counter"
has "$folder/metrics" "shmquota_denied_total{segment=\"/$name\",component=\"alice\",resource=\"messages\"} 1"
has "$folder/metrics" "shmquota_cpu_taken_seconds_total{segment=\"/$name\",component=\"alice\"} 0.250000"
has "$folder/metrics" "shmquota_period_seconds{segment=\"/$name\",component=\"alice\",resource=\"messages\"} 3600.000000000"
has "$folder/metrics" "shmquota_storage_limit_bytes{segment=\"/$name\",component=\"with \\\"quotes\\\" and \\\\backslash\"} 0"
grep -q 'shmquota_memory_limit_bytes.*alice' "$folder/metrics" && fail "what is unlimited has a limit"

# Each family stands together, has its help, and promtool has nothing to say.
[ -z "$(grep '^# TYPE' "$folder/metrics" | sort | uniq -d)" ] || fail "a family stands twice"
if command -v promtool >/dev/null; then
    promtool check metrics <"$folder/metrics" >"$folder/said" 2>&1 || fail "promtool: $(cat "$folder/said")"
    [ ! -s "$folder/said" ] || fail "promtool: $(cat "$folder/said")"
else
    echo "NOT CHECKED: promtool is not here; the Debian package prometheus has it" >&2
fi

# OpenMetrics: counters are named without _total, units are told, and it ends.
"$shmquota" export --openmetrics "$name" >"$folder/open" || fail "export --openmetrics failed"
has "$folder/open" "# TYPE shmquota_denied counter"
has "$folder/open" "# UNIT shmquota_cpu_taken_seconds seconds"
[ "$(tail -n 1 "$folder/open")" = "# EOF" ] || fail "it does not end with # EOF"

# Components by patterns; a segment that is not there has a metric, too.
"$shmquota" export -X 'ali*' "$name" | grep -q alice && fail "alice was excluded"
"$shmquota" export "no-such-$name" >"$folder/absent" 2>"$folder/said"
[ $? -eq 3 ] || fail "a missing segment is not told"
has "$folder/absent" "shmquota_up{segment=\"/no-such-$name\"} 0"

# The file appears complete, readable by others, and under no other name; what cannot be written leaves the old one.
umask 022
"$shmquota" export -o "$folder/out.prom" "$name" || fail "export -o failed"
[ "$(stat -c %a "$folder/out.prom")" = 644 ] || fail "mode $(stat -c %a "$folder/out.prom")"
[ "$(find "$folder" -name '.*' -type f | wc -l)" -eq 0 ] || fail "a temporary file is left"
"$shmquota" export -d 10ms --times 200 -o "$folder/out.prom" "$name" &
writer=$!
while kill -0 "$writer" 2>/dev/null; do
    grep -q '^shmquota_period_seconds.*resource="cpu"} 1.000000000$' "$folder/out.prom" || fail "half a file was read"
done
wait "$writer" || fail "export -d failed"
"$shmquota" export -o "$folder/no-such-folder/out.prom" "$name" 2>"$folder/said" && fail "wrote into nothing"
grep -q 'was not touched' "$folder/said" || fail "$(cat "$folder/said")"
"$shmquota" export -d 1s "$name" 2>"$folder/said"
[ $? -eq 2 ] || fail "-d without -o is taken"
if [ -e /dev/full ]; then
    "$shmquota" export "$name" >/dev/full 2>"$folder/said" && fail "a full disk is not told"
fi
# Alerts and the dashboard use only metrics that there are.
monitoring=$(CDPATH='' cd -- "${0%/*}/../../tools/monitoring" && pwd) || fail "tools/monitoring is missing"
sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' "$folder/metrics" | sort -u >"$folder/names"
for file in "$monitoring/alerts.yml" "$monitoring/dashboard.json"; do
    grep -oE 'shmquota_[a-z_]+' "$file" | sort -u >"$folder/used"
    [ -s "$folder/used" ] || fail "$file uses no metric"
    [ -z "$(comm -23 "$folder/used" "$folder/names")" ] || fail "$file: $(comm -23 "$folder/used" "$folder/names")"
done
jq -e '.title == "shmquota" and (.panels | length) > 5' "$monitoring/dashboard.json" >/dev/null || fail "dashboard.json"
if command -v promtool >/dev/null; then
    promtool check rules "$monitoring/alerts.yml" >"$folder/said" 2>&1 || fail "$(cat "$folder/said")"
    promtool test rules "$monitoring/alerts_test.yml" >"$folder/said" 2>&1 || fail "$(cat "$folder/said")"
fi
echo "export: all is well"
