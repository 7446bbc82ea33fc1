-- Takes items over, each wholly or not at all. KEYS[1] process_ids; ARGV[2] how many, then of each
-- its kind and:
--   process: id, its fields and values, ''; how many entries its timeline has, these
--   removed: id, ms that its tombstone stays
--   key:     key, what it leads to, ms that it is remembered
--   paused:  type
-- Answers OK with how many were stored; CORRUPT when a damaged record was in the way of one, with
-- the same: the others are stored.

local KIND_OF = {}
for i = 1, #FIELDS do
    KIND_OF[FIELDS[i]] = KINDS[i]
end
local EVENTS_AT_ONCE = 1000

local at, stored, refused = 3, 0, false

local function next_arg()
    at = at + 1
    return ARGV[at - 1]
end

local function given_record(id, first, last)
    local p = setmetatable({id = id}, with_defaults)
    for i = first, last, 2 do
        local name, kind = ARGV[i], KIND_OF[ARGV[i]]
        p[name] = kind and parse[kind](ARGV[i + 1]) or ARGV[i + 1]
    end
    return p
end

-- What takes the older record out of where it stands.
local function leaving(old)
    local plan = {
        {'ZREM', prefix .. 'process_times', old.id},
        {'ZREM', status_key(old.status), old.id},
    }
    if old.group then
        plan[3] = {'ZREM', group_key('all', old.group), old.id}
        plan[4] = {'ZREM', group_key(old.status, old.group), old.id}
    end
    leave(plan, old)
    return plan
end

local function plan_of(p, old)
    local plan = old and leaving(old) or {}
    local places = places_of(p)
    for i = 1, #places do
        plan[#plan + 1] = {'ZADD', places[i][1], int_text(places[i][2]), p.id}
    end
    if not FINAL[p.status] then
        plan[#plan + 1] = {'ZADD', prefix .. 'process_types', int_text(now), p.type}
    end
    if p.status == 'running' and p.worker then
        plan[#plan + 1] = {'ZADD', prefix .. 'process_workers', int_text(now), p.worker}
    end
    return plan
end

local function tell_all(id, first, last)
    local key = prefix .. 'process_events:' .. id
    redis.call('DEL', key)
    for from = math.max(first, last - POLICY.events_max + 1), last, EVENTS_AT_ONCE do
        redis.call('RPUSH', key, unpack(ARGV, from, math.min(from + EVENTS_AT_ONCE - 1, last)))
    end
end

local take = {}

function take.process()
    local id = next_arg()
    local first = at
    while ARGV[at] ~= '' do
        at = at + 2
    end
    local last = at - 1
    at = at + 1
    local events = tonumber(next_arg())
    local first_event = at
    at = at + events
    local p = given_record(id, first, last)
    local old, why = load(id)
    if why == 'CORRUPT' then
        refused = true
        return note_damage(id)
    elseif (old and old.version >= p.version) or
        redis.call('EXISTS', prefix .. 'process_gone:' .. id) == 1 then
        return
    end
    local plan = plan_of(p, old)
    redis.call('SCARD', prefix .. 'process_ids')
    for i = 1, #plan do
        redis.call('ZCARD', plan[i][2])
    end
    redis.call('DEL', key_of(id))
    redis.call('HSET', key_of(id), unpack(ARGV, first, last))
    tell_all(id, first_event, first_event + events - 1)
    redis.call('SADD', prefix .. 'process_ids', id)
    for i = 1, #plan do
        redis.call(unpack(plan[i]))
    end
    if FINAL[p.status] then
        set_expiry(p)
    end
    if CHANNEL then
        redis.pcall('PUBLISH', CHANNEL, id .. ' ' .. p.status .. ' ' .. p.type)
    end
    stored = stored + 1
end

local function set_new(key, value, left)
    if tonumber(left) > 0 and redis.call('SET', key, value, 'PX', left, 'NX') then
        stored = stored + 1
    end
end

function take.removed()
    local id = next_arg()
    local left = next_arg()
    if redis.call('EXISTS', key_of(id)) == 0 then
        set_new(prefix .. 'process_gone:' .. id, '{"restored_at":"' .. time_text(now) .. '"}', left)
    end
end

function take.key()
    local key = prefix .. 'process_idempotency:' .. next_arg()
    local value = next_arg()
    set_new(key, value, next_arg())
end

function take.paused()
    local type = next_arg()
    stored = stored + redis.call('SADD', prefix .. 'process_paused', type)
    if CHANNEL then
        redis.pcall('PUBLISH', CHANNEL, '- pending ' .. type)
    end
end

for _ = 1, tonumber(ARGV[2]) do
    take[next_arg()]()
end
return reply(refused and 'CORRUPT' or 'OK', stored)
