-- Takes due processes of some types: the best of the queues' heads, again and again.
-- KEYS[1] one of the queues; ARGV[2] worker, [3] lease in ms, [4] how many at most, [5] how many
-- bytes at most (one is always given), [6] '1' to note that the worker looks for these types,
-- [7] number of types, [8]... the types, then a token for each process. Answers OK with the
-- records, each with its input behind the fields.

local worker, lease_ms = ARGV[2], tonumber(ARGV[3])
local max, max_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local type_count = tonumber(ARGV[7])
local EXAMINE = max + 500 -- entries without a usable record must not make one step endless
local time = ARGV[1]
local workers, held = prefix .. 'process_workers', prefix .. 'process_held:' .. worker

-- Clients choose the names: beyond so many, those that were not heard of for longest go.
local TYPES_MAX = 10000
local function bound_types()
    local types = prefix .. 'process_types'
    local over = math.min(redis.call('ZCARD', types) - TYPES_MAX, 2 * type_count)
    local oldest = over > 0 and redis.call('ZRANGE', types, 0, over - 1) or {}
    for i = 1, #oldest do
        forget_type(oldest[i])
    end
end

-- Those not seen for a day are forgotten here, a few at a time, so that names which are used once
-- do not pile up. With a thousand types this is most of what a claim costs: a type whose workers
-- are all known takes one command.
local function announce()
    local old = '(' .. int_text(now - DAY_MS)
    local types = {}
    for i = 1, type_count do
        local seen = prefix .. 'process_type_workers:' .. ARGV[7 + i]
        if redis.call('ZADD', seen, time, worker) == 1 then
            redis.call('ZREMRANGEBYSCORE', seen, '-inf', old)
            redis.call('PEXPIRE', seen, int_text(2 * DAY_MS))
        end
        types[2 * i - 1], types[2 * i] = time, ARGV[7 + i]
    end
    redis.call('ZADD', prefix .. 'process_types', unpack(types))
    bound_types()
    redis.call('ZADD', workers, time, worker)
    local gone = redis.call('ZRANGEBYSCORE', workers, '-inf', old, 'LIMIT', 0, 20)
    for i = 1, #gone do
        if redis.call('EXISTS', prefix .. 'process_held:' .. gone[i]) == 0 then
            redis.call('ZREM', workers, gone[i])
        end
    end
end

local paused = prefix .. 'process_paused'
local nothing_paused = redis.call('SCARD', paused) == 0

local heads = {}
local function look(i)
    local type = ARGV[7 + i]
    if not nothing_paused and redis.call('SISMEMBER', paused, type) == 1 then
        return
    end
    local queue = queue_key(type)
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

local function check_keys()
    redis.call('ZCARD', status_key('pending'))
    redis.call('ZCARD', status_key('running'))
    redis.call('ZCARD', prefix .. 'process_leases')
    redis.call('ZCARD', prefix .. 'process_deadlines')
    redis.call('ZCARD', workers)
    redis.call('ZCARD', held)
end

local function start(p, token)
    p.status = 'running'
    p.attempt = p.attempt + 1
    p.version = p.version + 1
    p.worker, p.lease_token = worker, token
    p.queue_deadline = nil
    p.progress, p.usage = nil, nil -- of the attempt before; its error stays
    p.updated_at = shown_now(p)
    p.started_at = p.updated_at
    p.attempt_deadline = p.timeout_ms > 0 and now + p.timeout_ms + POLICY.cancel_grace or nil
    p.lease_until = lease_end(p, now + lease_ms)
end

-- As store() of the indexes, of which the few that matter here are known.
local function move(p, queue)
    local running, id = prefix .. 'process_running:' .. p.type, p.id
    redis.call('ZCARD', running)
    if p.group then
        redis.call('ZCARD', group_key('pending', p.group))
        redis.call('ZCARD', group_key('running', p.group))
    end
    tell(p, entry_text(p.started_at, 'claimed', worker, p))
    save(p)
    redis.call('ZREM', queue, id)
    redis.call('ZREM', status_key('pending'), id)
    local started = int_text(p.started_at)
    redis.call('ZADD', status_key('running'), started, id)
    redis.call('ZADD', prefix .. 'process_leases', int_text(p.lease_until), id)
    redis.call('ZADD', running, started, id)
    redis.call('ZADD', held, started, id)
    if pending_deadline(p.was) then
        redis.call('ZREM', prefix .. 'process_deadlines', id)
    end
    if p.group then
        redis.call('ZREM', group_key('pending', p.group), id)
        redis.call('ZADD', group_key('running', p.group), started, id)
    end
end

local function size(p, input)
    local sum = #input
    for i = 1, #FIELDS do
        sum = sum + (p.raw[i] and #p.raw[i] or 0)
    end
    return sum
end

local any = false
for i = 1, type_count do
    look(i)
    any = any or heads[i]
end
if ARGV[6] == '1' then
    announce()
end
if not any then
    return reply('OK', {})
end
check_keys()
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
    elseif not own_keys_work(p) then -- likewise
        note_damage(id)
        redis.call('ZREM', queue, id)
    elseif #claimed > 0 and not keys_work(p) then
        break -- it fails the next claim: this one's processes must not be lost with it
    else
        start(p, ARGV[7 + type_count + #claimed + 1])
        move(p, queue)
        local input = redis.call('HGET', key_of(id), 'input')
        bytes = bytes + size(p, input or '')
        local given = record(p)
        given[#FIELDS + 2] = input
        claimed[#claimed + 1] = given
    end
    if #claimed < max then
        look(i)
    end
end
if #claimed > 0 then
    redis.call('ZADD', workers, time, worker)
end
return reply('OK', claimed)
