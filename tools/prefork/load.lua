-- SPDX-License-Identifier: MIT
--
-- Load for the pre-fork host, run by wrk:
--
--     wrk -t2 -c16 -d3s -s load.lua URL -- METHOD PATH [BODY_BYTES]
--
-- "{n}" in PATH becomes another number in each request. Every answer is counted by its status; the last line is
-- "admitted N denied N other N errors N": 2xx; 429 and 507; anything else; connections that failed.

local threads = {}

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

function init(args)
    method, path = args[1], args[2]
    body = args[3] and string.rep("x", tonumber(args[3]))
    admitted, denied, other, count = 0, 0, 0, 0
end

function request()
    count = count + 1
    return wrk.format(method, (path:gsub("{n}", number .. "-" .. count)), nil, body)
end

function response(status)
    if status >= 200 and status < 300 then
        admitted = admitted + 1
    elseif status == 429 or status == 507 then
        denied = denied + 1
    else
        other = other + 1
    end
end

function done(summary)
    local sum = { admitted = 0, denied = 0, other = 0 }

    for _, thread in ipairs(threads) do
        for key in pairs(sum) do
            sum[key] = sum[key] + thread:get(key)
        end
    end
    local errors = summary.errors
    print(string.format("admitted %d denied %d other %d errors %d", sum.admitted, sum.denied, sum.other,
        errors.connect + errors.read + errors.write + errors.timeout))
end
