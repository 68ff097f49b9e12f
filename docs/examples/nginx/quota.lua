-- SPDX-License-Identifier: MIT
--
-- shmquota for nginx, by LuaJIT's FFI: a component's amount is taken, or the request is refused with what its client needs
-- to know. Only what this file uses is declared; include/shmquota.h is the reference.

local ffi = require "ffi"

ffi.cdef [[
struct shmq_segment;
struct shmq_component;
struct shmq_verdict {
    int resource;
    uint32_t component;
    uint64_t current, requested, limit, remaining, retry_after_ns, period_ns;
};
const char *shmq_strerror(int result);
int shmq_segment_open(struct shmq_segment **out, const char *name, int access);
void shmq_segment_close(struct shmq_segment *segment);
int shmq_component_find(struct shmq_component **out, struct shmq_segment *segment, const char *name);
void shmq_component_put(struct shmq_component *component);
int shmq_try_consume(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict);
int shmq_consume(struct shmq_component *c, int resource, uint64_t amount);
int shmq_verdict_format(char *text, size_t size, const struct shmq_verdict *verdict);
]]

local lib = ffi.load("libshmquota.so.0")
local WORK = 1 -- enum shmq_access
local OK, DENIED, WOULD_DENY = 0, 1, 3
local ENOENT, ESTALE = -2, -116

local quota = { STORAGE = 0, MESSAGES = 1, NETWORK = 2, CPU = 3, MEMORY = 4 }
local verdict = ffi.new("struct shmq_verdict") -- one request at a time is between two calls
local text = ffi.new("char[256]")
local segment
local handles = {}

local function explain(result)
    return ffi.string(lib.shmq_strerror(result))
end

-- In the master, before it forks. The segment is closed with the Lua state: by a reload, or at the end of a worker.
function quota.open(name)
    local out = ffi.new("struct shmq_segment *[1]")
    local result = lib.shmq_segment_open(out, name, WORK)
    if result < 0 then
        error(name .. ": " .. explain(result))
    end
    segment = ffi.gc(out[0], lib.shmq_segment_close)
end

-- A handle is kept by its worker. It is good for as long as the component is registered. Keep only names that are there:
-- clients choose what they ask for.
local function find(name)
    if handles[name] then
        return handles[name]
    end
    local out = ffi.new("struct shmq_component *[1]")
    local result = lib.shmq_component_find(out, segment, name)
    if result < 0 then
        return nil, result
    end
    handles[name] = out[0]
    return out[0]
end

-- Call with a component's handle; where it was unregistered and may have come back, once more with a new one.
local function with_handle(name, call)
    for _ = 1, 2 do
        local component, result = find(name)
        if not component then
            return result
        end
        result = call(component)
        if result ~= ESTALE then
            return result
        end
        lib.shmq_component_put(component)
        handles[name] = nil
    end
    return ESTALE
end

-- Take an amount, or end the request: 404 for no such component, 429 or 507 over quota, 500 for what should not be.
function quota.take(name, resource, amount)
    local result = with_handle(name, function(component)
        return lib.shmq_try_consume(component, resource, amount, verdict)
    end)
    if result == OK or result == WOULD_DENY then
        return
    end
    if result == ENOENT or result == ESTALE then
        return ngx.exit(404)
    end
    if result ~= DENIED then
        ngx.log(ngx.ERR, name, ": ", explain(result))
        return ngx.exit(500)
    end
    local is_rate = verdict.period_ns ~= 0
    local wait_ns = tonumber(verdict.retry_after_ns)
    if wait_ns < 1e18 then
        ngx.header["Retry-After"] = math.ceil(wait_ns / 1e9)
    end
    ngx.status = is_rate and 429 or 507
    lib.shmq_verdict_format(text, 256, verdict)
    ngx.say(ffi.string(text))
    return ngx.exit(ngx.status)
end

-- Record what has happened already.
function quota.record(name, resource, amount)
    with_handle(name, function(component)
        return lib.shmq_consume(component, resource, amount)
    end)
end

return quota
