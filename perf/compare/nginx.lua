-- SPDX-License-Identifier: MIT
--
-- Counts in a shared dictionary, as lua-resty-limit-traffic does: incr() with an expiry that the first count sets. The
-- request is taken over as a plain socket, where peer.h says what is spoken.

local ffi = require "ffi"

ffi.cdef [[
struct compare_timespec { long seconds, ns; };
int clock_gettime(int clock, struct compare_timespec *out);
]]

local monotonic = 1
local time = ffi.new("struct compare_timespec")

local function now_ns()
    ffi.C.clock_gettime(monotonic, time)
    return tonumber(time.seconds) * 1e9 + tonumber(time.ns)
end

-- The names in random order; the same ones as in keys.c, though not in the same order.
local made = {}

local function names(kind, stored)
    if not made[kind] then
        local list = {}
        math.randomseed(7)
        for i = 1, stored do
            local other = math.random(i)
            list[i] = list[other]
            list[other] = string.format("%s:tenant-%05d.example", kind, i - 1)
        end
        made[kind] = list
    end
    return made[kind]
end

local function run(list, position, count, limit, window_s, keys)
    local limits = ngx.shared.limits
    local admitted = 0
    local begin = now_ns()
    for _ = 1, count do
        local used, problem = limits:incr(list[position], 1, 0, window_s)
        if not used then
            return nil, problem
        end
        if used <= limit then
            admitted = admitted + 1
        end
        position = position < keys and position + 1 or 1
    end
    return now_ns() - begin, admitted, position
end

local function spin(ms)
    local finish = now_ns() + ms * 1e6
    while now_ns() < finish do end
end

local positions = {}

local function obey(line)
    local kind, count, limit, window_ms, keys, stored = line:match("^run (%S+) (%d+) (%d+) (%d+) (%d+) (%d+)$")
    if not kind then
        spin(tonumber(line:match("^spin (%d+)$")))
        return "done"
    end
    keys = tonumber(keys)
    local walk = kind .. keys
    local position = positions[walk] or math.floor(keys / 2) * ngx.worker.id() + 1
    local ns, admitted
    ns, admitted, positions[walk] = run(names(kind, tonumber(stored)), position, tonumber(count), tonumber(limit),
        tonumber(window_ms) / 1000, keys)
    if not ns then
        return "incr failed: " .. admitted
    end
    return string.format("%.0f %d", ns, admitted)
end

local socket = assert(ngx.req.socket(true))
socket:settimeouts(3600000, 3600000, 3600000)
socket:send(ngx.worker.pid() .. "\n")
for line in function() return (socket:receive("*l")) end do
    socket:send(obey(line) .. "\n")
end
