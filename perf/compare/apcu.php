<?php
// SPDX-License-Identifier: MIT
//
// Counts by apcu_inc() in two processes that share the cache of their parent, one for each of the sockets 3 and 4.
// peer.h says what is spoken there.

// The names in random order; the same ones as in keys.c, though not in the same order.
function names(string $kind, int $stored, int $process): array
{
    static $made = [];
    if (!isset($made[$kind])) {
        $names = [];
        for ($i = 0; $i < $stored; $i++) {
            $names[] = sprintf('%s:tenant-%05d.example', $kind, $i);
        }
        mt_srand(7);
        shuffle($names);
        $made[$kind] = $names;
    }
    return $made[$kind];
}

function run(array $names, int $position, int $count, int $limit, int $ttl, int $keys): array
{
    $admitted = 0;
    $begin = hrtime(true);
    for ($i = 0; $i < $count; $i++) {
        $used = apcu_inc($names[$position], 1, $success, $ttl);
        if ($used !== false && $used <= $limit) {
            $admitted++;
        }
        if (++$position >= $keys) {
            $position = 0;
        }
    }
    return [hrtime(true) - $begin, $admitted, $position];
}

function serve(int $process): void
{
    $socket = fopen('php://fd/' . (3 + $process), 'r+');
    fwrite($socket, getmypid() . "\n");
    $positions = [];
    while (($line = fgets($socket)) !== false) {
        [, $kind, $count, $limit, $window_ms, $keys, $stored] = explode(' ', trim($line));
        $position = $positions[$kind][$keys] ?? intdiv((int)$keys, 2) * $process;
        $ttl = max(1, intdiv((int)$window_ms, 1000));
        [$ns, $admitted, $positions[$kind][$keys]] =
            run(names($kind, (int)$stored, $process), $position, (int)$count, (int)$limit, $ttl, (int)$keys);
        fwrite($socket, "$ns $admitted\n");
    }
}

if (!apcu_enabled()) {
    fwrite(STDERR, "APCu is not enabled\n");
    exit(1);
}
$children = [];
for ($process = 0; $process < 2; $process++) {
    $pid = pcntl_fork();
    if ($pid === 0) {
        serve($process);
        exit(0);
    }
    $children[] = $pid;
}
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () use ($children) {
    foreach ($children as $child) {
        posix_kill($child, SIGTERM);
    }
}, false);
foreach ($children as $child) {
    while (pcntl_waitpid($child, $status) === -1 && pcntl_get_last_error() === PCNTL_EINTR) {
    }
}
