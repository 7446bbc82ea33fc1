-- Index entries that lead nowhere.

-- Drops an id without a record from wherever it may stand. What it stood in by type and worker is
-- not known any more; its group is where a list goes by it, else nil.
local function heal(id, index, group)
    healed = healed + 1
    redis.pcall('SREM', prefix .. 'process_ids', id)
    redis.pcall('ZREM', prefix .. 'process_times', id)
    for _, status in ipairs({'pending', 'running', 'completed', 'failed', 'canceled', 'all'}) do
        if status ~= 'all' then
            redis.pcall('ZREM', status_key(status), id)
        end
        if group then
            redis.pcall('ZREM', group_key(status, group), id)
        end
    end
    redis.pcall('ZREM', prefix .. 'process_schedule', id)
    redis.pcall('ZREM', prefix .. 'process_leases', id)
    redis.pcall('ZREM', prefix .. 'process_retention', id)
    redis.pcall('ZREM', prefix .. 'process_deadlines', id)
    redis.pcall('DEL', prefix .. 'process_events:' .. id)
    redis.pcall('ZREM', index, id)
    if CHANNEL then
        redis.pcall('PUBLISH', CHANNEL, id .. ' removed -')
    end
end

-- Drops a type that nothing waits or runs of; another one comes to the end of those that are known,
-- where it stands in the way of none.
local function forget_type(name)
    local types = prefix .. 'process_types'
    redis.call('ZREM', types, name)
    if redis.call('EXISTS', queue_key(name), prefix .. 'process_running:' .. name) > 0 then
        redis.call('ZADD', types, int_text(now), name)
    else
        redis.call('DEL', prefix .. 'process_type_workers:' .. name)
    end
end

-- An entry that its record contradicts.
local function heal_entry(id, index)
    healed = healed + 1
    redis.call('ZREM', index, id)
end
