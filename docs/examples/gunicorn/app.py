# SPDX-License-Identifier: MIT
"""A WSGI application whose requests count against the component that the first part of the path names.

    shmquota create docs/examples/nginx/quota.ini
    gunicorn --chdir docs/examples/gunicorn --preload --workers 4 app:application
    uwsgi --plugin python3 --chdir docs/examples/gunicorn --module app \\
        --master --processes 4 --http-socket 127.0.0.1:8000

With --preload the master imports this module, so the segment is open before the workers are forked; uWSGI does so by
itself.
"""
import quota

segment = quota.Segment("/shmquota-nginx")


def application(environ, start_response):
    component = environ["PATH_INFO"].split("/")[1]
    try:
        segment.take(component, quota.MESSAGES, 1)
    except quota.Denied as denied:
        retry = [] if denied.retry_after is None else [("Retry-After", str(denied.retry_after))]
        start_response("429 Too Many Requests", [("Content-Type", "text/plain")] + retry)
        return [str(denied).encode() + b"\n"]
    except quota.Error:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such component\n"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served\n"]
