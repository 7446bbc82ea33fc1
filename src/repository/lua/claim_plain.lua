-- The usual claim, of one process, at a fraction of the cost of claim.lua, which makes dozens of
-- functions and tables at each run. What is unusual about it (a time limit, a clock that is behind, a
-- record that looks odd, a paused type) is left to that: then the answer is SLOW, and nothing was
-- written.
--
-- Nothing is tried before it is written; instead a failing command leaves no harm: first comes what
-- adds index entries, which heal when they contradict the record, then the record, then what drops
-- entries (where there is no index, there is no entry: that may fail).
--
-- KEYS[1] one of the queues; ARGV[1] time in ms and [2] as text, [3] worker and [4] as JSON, [5] end
-- of the lease in ms and [6] as text, [7] token, [8]... the types. Answers OK, and when there was one
-- its id, its fields and values as they were, and those that changed; progress and usage are gone.

local time_ms, time, worker, token = ARGV[1], ARGV[2], ARGV[3], ARGV[7]
local id, score, type

for i = 8, #ARGV do
    local first = redis.call('ZRANGE', prefix .. 'process_queue:' .. ARGV[i], 0, 0, 'WITHSCORES')
    if first[1] then
        local its = tonumber(first[2])
        if not id or its < score or (its == score and first[1] < id) then
            id, score, type = first[1], its, ARGV[i]
        end
    end
end
if not id then
    return {'OK', 0, 0, ''}
end
local key = prefix .. 'process:' .. id
local pairs_of = redis.call('HGETALL', key)
local r = {}
for i = 1, #pairs_of, 2 do
    r[pairs_of[i]] = pairs_of[i + 1]
end
if r.status ~= 'pending' or r.type ~= type or r.timeout_ms or r.deadline or r.queue_deadline or
    not r.updated_at or r.updated_at > time or not r.created_at or not r.input or
    not string.find(r.attempt or '', '^%d+$') or not string.find(r.version or '', '^%d+$') or
    redis.call('SISMEMBER', prefix .. 'process_paused', type) == 1 then
    return {'SLOW', 0, 0, ''}
end
local attempt, version, events = r.attempt + 1, r.version + 1, (r.events or 0) + 1
local group = r.group
redis.call('ZADD', prefix .. 'process_status:running', time_ms, id)
redis.call('ZADD', prefix .. 'process_leases', ARGV[5], id)
redis.call('ZADD', prefix .. 'process_running:' .. type, time_ms, id)
redis.call('ZADD', prefix .. 'process_held:' .. worker, time_ms, id)
redis.call('ZADD', prefix .. 'process_workers', time_ms, worker)
if group then
    redis.call('ZADD', prefix .. 'process_group:running:' .. group, time_ms, id)
end
if EVENTS_MAX > 0 then
    local events_key = prefix .. 'process_events:' .. id
    local entry = '{"at":"' .. time .. '","event":"claimed","actor":' .. ARGV[4] ..
        ',"attempt":' .. attempt .. ',"version":' .. version ..
        ',"error_code":null,"progress":null}'
    if redis.call('RPUSH', events_key, entry) > EVENTS_MAX then
        redis.call('LTRIM', events_key, -EVENTS_MAX, -1)
    end
end
local changes = {'status', 'running', 'attempt', '' .. attempt, 'version', '' .. version, 'events',
                 '' .. events, 'worker', worker, 'lease_token', token, 'started_at', time,
                 'updated_at', time, 'lease_until', ARGV[6]}
redis.call('HSET', key, unpack(changes))
if r.progress or r.usage then -- of the attempt before; its error stays
    redis.call('HDEL', key, 'progress', 'usage')
end
if CHANNEL then
    redis.pcall('PUBLISH', CHANNEL, id .. ' running ' .. type)
end
redis.pcall('ZREM', prefix .. 'process_queue:' .. type, id)
redis.pcall('ZREM', prefix .. 'process_status:pending', id)
if group then
    redis.pcall('ZREM', prefix .. 'process_group:pending:' .. group, id)
end
return {'OK', 0, 0, '', id, pairs_of, changes}
