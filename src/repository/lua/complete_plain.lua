-- The usual completion at a fraction of the cost of transition.lua; see claim_plain.lua for how it
-- is safe. SLOW: nothing was written, and transition.lua is to judge.
--
-- KEYS[1] process:<id>; ARGV[1] time in ms and [2] as text, [3] id, [4] token, [5] attempt or 0,
-- [6] end of the retention in ms and [7] as text, [8] ms until Redis may drop it by itself, [9] the
-- result, when there is one. Answers OK with fields and values, of those that repo_transition.brief
-- names.

local key, time_ms, time, id, result = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[9]
local r = redis.call('HMGET', key, 'status', 'lease_token', 'attempt', 'version', 'type', 'worker',
                     'created_at', 'updated_at', 'retention_ms', 'events', 'group', 'progress',
                     'started_at')
local attempt, version, type, worker, created_at = r[3], r[4], r[5], r[6], r[7]
local events, group, started_at = (r[10] or 0) + 1, r[11], r[13]
if r[1] ~= 'running' or r[2] ~= ARGV[4] or not type or not worker or not created_at or
    not started_at or not r[8] or r[8] > time or r[9] or (ARGV[5] ~= '0' and ARGV[5] ~= attempt) or
    not string.find(attempt or '', '^%d+$') or not string.find(version or '', '^%d+$') then
    return {'SLOW', 0, 0, ''}
end
version = '' .. (version + 1)
redis.call('ZADD', prefix .. 'process_status:completed', time_ms, id)
redis.call('ZADD', prefix .. 'process_retention', ARGV[6], id)
if group then
    redis.call('ZADD', prefix .. 'process_group:completed:' .. group, time_ms, id)
end
if EVENTS_MAX > 0 then
    local events_key, actor = prefix .. 'process_events:' .. id, worker
    if string.find(actor, '["\\]') then
        actor = string.gsub(actor, '["\\]', '\\%0')
    end
    local entry = '{"at":"' .. time .. '","event":"completed","actor":"' .. actor ..
        '","attempt":' .. attempt .. ',"version":' .. version ..
        ',"error_code":null,"progress":' .. (r[12] or 'null') .. '}'
    if redis.call('RPUSH', events_key, entry) > EVENTS_MAX then
        redis.call('LTRIM', events_key, -EVENTS_MAX, -1)
    end
    redis.call('PEXPIRE', events_key, ARGV[8])
end
if result then
    redis.call('HSET', key, 'status', 'completed', 'version', version, 'events', events,
               'updated_at', time, 'completed_at', time, 'expires_at', ARGV[7], 'result', result)
else
    redis.call('HSET', key, 'status', 'completed', 'version', version, 'events', events,
               'updated_at', time, 'completed_at', time, 'expires_at', ARGV[7])
end
redis.call('HDEL', key, 'lease_until', 'attempt_deadline', 'cancel_requested_at',
           'cancel_deadline', 'queue_deadline', 'error')
redis.call('PEXPIRE', key, ARGV[8])
if CHANNEL then
    redis.pcall('PUBLISH', CHANNEL, id .. ' completed ' .. type)
end
redis.pcall('ZREM', prefix .. 'process_status:running', id)
redis.pcall('ZREM', prefix .. 'process_leases', id)
redis.pcall('ZREM', prefix .. 'process_running:' .. type, id)
redis.pcall('ZREM', prefix .. 'process_held:' .. worker, id)
if group then
    redis.pcall('ZREM', prefix .. 'process_group:running:' .. group, id)
end
return {'OK', 0, 0, '', {'type', type, 'status', 'completed', 'attempt', attempt, 'version', version,
                         'created_at', created_at, 'started_at', started_at, 'updated_at', time}}
