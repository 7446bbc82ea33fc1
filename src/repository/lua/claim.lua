-- Takes due processes of some types: the best of the queues' heads, again and again.
-- KEYS[1] one of the queues; ARGV[3] worker, [4] lease in ms, [5] how many at most, [6] how many
-- bytes at most (one is always given), [7] ms of grace after a timeout, [8] number of types,
-- [9]... the types, then a token for each process. Answers OK with the records, each with its input
-- behind the fields.

local worker, lease_ms = ARGV[3], tonumber(ARGV[4])
local max, max_bytes, grace = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local type_count = tonumber(ARGV[8])
local EXAMINE = max + 500 -- entries without a usable record must not make one step endless

redis.call('ZCARD', status_key('pending'))
redis.call('ZCARD', status_key('running'))
redis.call('ZCARD', prefix .. 'process_schedule')
redis.call('ZCARD', prefix .. 'process_leases')

local heads = {}
local function look(i)
    local queue = queue_key(ARGV[8 + i])
    local first = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
    heads[i] = first[1] and {queue = queue, id = first[1], score = tonumber(first[2])}
end

local function best()
    local found
    for i = 1, type_count do
        local head, top = heads[i], found and heads[found]
        if head and (not top or head.score < top.score or
                     (head.score == top.score and head.id < top.id)) then
            found = i
        end
    end
    return found
end

local function start(p, token)
    p.status = 'running'
    p.attempt = p.attempt + 1
    p.version = p.version + 1
    p.worker, p.lease_token = worker, token
    p.progress, p.usage = nil, nil -- of the attempt before; its error stays
    p.updated_at = shown_now(p)
    p.started_at = p.updated_at
    p.attempt_deadline = p.timeout_ms > 0 and now + p.timeout_ms + grace or nil
    p.lease_until = lease_end(p, lease_ms)
    store(p)
end

local function size(p, input)
    local sum = #input
    for i = 1, #FIELDS do
        sum = sum + (p.raw[i] and #p.raw[i] or 0)
    end
    return sum
end

for i = 1, type_count do
    look(i)
end
local claimed, bytes = {}, 0
for _ = 1, EXAMINE do
    local i = best()
    if not i or #claimed == max or bytes >= max_bytes then
        break
    end
    local id, queue = heads[i].id, heads[i].queue
    local p, why = load(id)
    if why == 'MISSING' then
        heal(id, queue)
    elseif not p then -- out of the way of the others; the record stays for a person to look at
        note_damage(id)
        redis.call('ZREM', queue, id)
    elseif p.status ~= 'pending' then
        heal_entry(id, queue)
    else
        redis.call('ZREM', queue, id)
        start(p, ARGV[8 + type_count + #claimed + 1])
        local input = redis.call('HGET', key_of(id), 'input')
        bytes = bytes + size(p, input or '')
        local given = record(p)
        given[#FIELDS + 2] = input
        claimed[#claimed + 1] = given
    end
    look(i)
end
return reply('OK', claimed)
