-- One bounded step of what time brings. KEYS[1] process_schedule; ARGV[12] how many of each kind,
-- [13] random number below 2^32. Answers OK with how many became claimable, how many leases had
-- lapsed, and 1 when a limit was reached.

local limit, jitter = tonumber(ARGV[12]), tonumber(ARGV[13])
local schedule, leases = prefix .. 'process_schedule', prefix .. 'process_leases'
local released, lapsed = 0, 0

redis.call('ZCARD', prefix .. 'process_retention')
for status in pairs(STATUS) do
    redis.call('ZCARD', status_key(status))
end

-- One queue that cannot be used must not hold up the other types.
local function queue_works(p)
    local answer = redis.pcall('ZCARD', queue_key(p.type))
    return type(answer) == 'number'
end

-- The record behind a due entry of an index, when there is something to do with it.
local function due(id, index, status)
    local p, why = load(id)
    if why == 'MISSING' then
        heal(id, index)
    elseif not p then
        note_damage(id)
        redis.call('ZREM', index, id)
    elseif p.status ~= status then
        heal_entry(id, index)
    elseif not queue_works(p) then
        note_damage(id)
    else
        return p
    end
end

local function range(index)
    return redis.call('ZRANGEBYSCORE', index, '-inf', ARGV[2], 'LIMIT', 0, limit)
end

local scheduled, ended = range(schedule), range(leases)
for i = 1, #scheduled do
    local p = due(scheduled[i], schedule, 'pending')
    if p then
        p.run_at = math.min(p.run_at or now, now) -- the entry is due, whatever the field says
        local index, score = place(p)
        redis.call('ZREM', schedule, p.id)
        redis.call('ZADD', index, int_text(score), p.id)
        released = released + 1
    end
end
for i = 1, #ended do
    local p = due(ended[i], leases, 'running')
    if p then -- each its own random number, so that retries do not come back as one
        lapse(p, (jitter + lapsed * 2654435761) % 4294967296)
        count_change(p)
        store(p)
        lapsed = lapsed + 1
    end
end
local more = (#scheduled == limit or #ended == limit) and released + lapsed > 0
return reply('OK', released, lapsed, more and 1 or 0)
