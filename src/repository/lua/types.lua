-- The types that are known. KEYS[1] process_types; ARGV[2] since when workers count, [3] how many
-- types at most, [4] ms for which an idle one is remembered. Answers OK with 1 when there are more,
-- and a list of each: type, 1 when paused, how many run, when a worker last looked for it (or 0),
-- how many wait, since when the first of these could be claimed (a time as records hold it, or ''),
-- how many workers.

local known, max = KEYS[1], tonumber(ARGV[3])
local types, is_listed = {}, {}

local function list(name)
    if not is_listed[name] then
        is_listed[name] = true
        types[#types + 1] = name
    end
end

local newest = redis.call('ZREVRANGE', known, 0, max, 'WITHSCORES')
local last_known = {}
for i = 1, #newest, 2 do
    list(newest[i])
    last_known[newest[i]] = tonumber(newest[i + 1])
end
local paused = redis.call('SSCAN', prefix .. 'process_paused', '0', 'COUNT', max)[2]
local is_paused = {}
for i = 1, #paused do
    list(paused[i])
    is_paused[paused[i]] = true
end

-- Each priority has an oldest of its own, at its head.
local function waiting_since(queue)
    local since, oldest, from = '', nil, '-inf'
    while true do
        local head = redis.call('ZRANGEBYSCORE', queue, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
        if not head[1] then
            return since
        end
        local level = math.floor(tonumber(head[2]) / 4398046511104)
        local created = tonumber(head[2]) - level * 4398046511104
        if not oldest or created < oldest then
            local run_at = redis.pcall('HGET', key_of(head[1]), 'run_at')
            since, oldest = type(run_at) == 'string' and run_at or '', created
        end
        from = int_text((level + 1) * 4398046511104)
    end
end

-- An entry whose record has gone would count for ever; the oldest is the first to show it.
local function running_of(name)
    local index = prefix .. 'process_running:' .. name
    local first = redis.call('ZRANGE', index, 0, 0)[1]
    if first and redis.call('EXISTS', key_of(first)) == 0 then
        healed = healed + redis.call('ZREM', index, first)
    end
    return redis.call('ZCARD', index)
end

local function describe(name, waiting, running)
    local workers = prefix .. 'process_type_workers:' .. name
    local seen = redis.call('ZREVRANGE', workers, 0, 0, 'WITHSCORES')
    return {name, is_paused[name] and 1 or 0, running, seen[2] or '0', waiting,
            waiting_since(queue_key(name)), redis.call('ZCOUNT', workers, ARGV[2], '+inf')}
end

local answer = {}
for i = 1, #types do
    local name = types[i]
    local waiting, running = redis.call('ZCARD', queue_key(name)), running_of(name)
    local old = last_known[name] and last_known[name] < now - tonumber(ARGV[4])
    if old and waiting + running == 0 then
        redis.call('ZREM', known, name)
    end
    if not old or waiting + running > 0 or is_paused[name] then
        answer[#answer + 1] = describe(name, waiting, running)
    end
end
return reply('OK', redis.call('ZCARD', known) > max and 1 or 0, answer)
