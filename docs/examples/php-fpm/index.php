<?php
// SPDX-License-Identifier: MIT
//
// Requests count against the component that the first part of the path names.

use Shmquota\{Denied, Error, Segment};

$component = explode('/', $_SERVER['REQUEST_URI'])[1];
header('Content-Type: text/plain');
try {
    (new Segment('/shmquota-nginx'))->take($component, Segment::MESSAGES, 1);
} catch (Denied $denied) {
    http_response_code($denied->isRate ? 429 : 507);
    if ($denied->retryAfter !== null) {
        header("Retry-After: $denied->retryAfter");
    }
    exit($denied->getMessage() . "\n");
} catch (Error $error) {
    http_response_code($error->getCode() === 2 ? 404 : 500);
    exit($error->getMessage() . "\n");
}
echo 'served by worker ', getmypid(), "\n";
