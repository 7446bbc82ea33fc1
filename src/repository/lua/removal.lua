-- Removing finished processes.

local function check_removal_keys()
    redis.call('SCARD', prefix .. 'process_ids')
    redis.call('ZCARD', prefix .. 'process_times')
    redis.call('ZCARD', prefix .. 'process_retention')
    for status in pairs(FINAL) do
        redis.call('ZCARD', status_key(status))
    end
end

-- Removes a finished process and leaves a tombstone. Times as they are stored; the group may be
-- false.
local function remove(id, type, status, group, created_at, completed_at, tombstone_ms)
    if group then
        redis.call('ZCARD', group_key('all', group))
        redis.call('ZREM', group_key(status, group), id)
        redis.call('ZREM', group_key('all', group), id)
    end
    redis.call('DEL', key_of(id), prefix .. 'process_events:' .. id)
    redis.call('SREM', prefix .. 'process_ids', id)
    redis.call('ZREM', prefix .. 'process_times', id)
    redis.call('ZREM', status_key(status), id)
    redis.call('ZREM', prefix .. 'process_retention', id)
    if CHANNEL then
        redis.pcall('PUBLISH', CHANNEL, id .. ' removed ' .. type)
    end
    if tombstone_ms > 0 then
        local completed = completed_at and '"' .. completed_at .. '"' or 'null'
        redis.call('SET', prefix .. 'process_gone:' .. id,
                   '{"status":"' .. status .. '","created_at":"' .. created_at ..
                   '","completed_at":' .. completed .. ',"removed_at":"' .. time_text(now) .. '"}',
                   'PX', int_text(tombstone_ms))
    end
end
