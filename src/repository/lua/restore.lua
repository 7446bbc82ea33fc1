-- Takes items over, each wholly or not at all. KEYS[1] process_ids; ARGV[2] how many, then of each
-- its kind and:
--   process: id, its fields and values, ''; how many entries its timeline has, these
--   removed: id, ms that its tombstone stays
--   key:     key, what it leads to, ms that it is remembered
--   paused:  type
-- Answers OK with how many were stored; CORRUPT when a damaged record was in the way of one, with
-- the same: the others are stored. UNAVAILABLE when a key that many need is of another type: then
-- what stands behind that one is not stored.
--
-- Entries of indexes are added for all of them together at the end.

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

-- entries --------------------------------------------------------------------------------------

local new_ids, indexes, entries_of, usable = {}, {}, {}, {}

local function is_usable(command, key)
    if usable[key] == nil then
        usable[key] = type(redis.pcall(command, key)) == 'number'
    end
    return usable[key]
end

local function are_usable(places)
    for i = 1, #places do
        if not is_usable('ZCARD', places[i][1]) then
            return false
        end
    end
    return is_usable('SCARD', KEYS[1])
end

local function add(index, score, member)
    local entries = entries_of[index]
    if not entries then
        entries = {}
        entries_of[index] = entries
        indexes[#indexes + 1] = index
    end
    entries[#entries + 1] = int_text(score)
    entries[#entries + 1] = member
end

local function add_all()
    if #new_ids > 0 then
        redis.call('SADD', KEYS[1], unpack(new_ids))
    end
    for i = 1, #indexes do
        redis.call('ZADD', indexes[i], unpack(entries_of[indexes[i]]))
    end
    new_ids, indexes, entries_of = {}, {}, {}
end

-- processes ------------------------------------------------------------------------------------

local function given_record(id, first, last)
    local p = setmetatable({id = id}, with_defaults)
    for i = first, last, 2 do
        local name, kind = ARGV[i], KIND_OF[ARGV[i]]
        p[name] = kind and parse[kind](ARGV[i + 1]) or ARGV[i + 1]
    end
    return p
end

-- Where it is to stand, those who are told of among them.
local function all_places_of(p)
    local places = places_of(p)
    if not FINAL[p.status] then
        places[#places + 1] = {prefix .. 'process_types', now, p.type}
    end
    if p.status == 'running' and p.worker then
        places[#places + 1] = {prefix .. 'process_workers', now, p.worker}
    end
    return places
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

-- The fields that only the older record has. It is not deleted first: a Redis that is full would
-- do that, and refuse what comes in its place.
local function drop_others(old, first, last)
    local given, drop = {}, {}
    for i = first, last, 2 do
        given[ARGV[i]] = true
    end
    for i = 1, #FIELDS do
        if not given[FIELDS[i]] then
            drop[#drop + 1] = FIELDS[i]
        end
    end
    if not given.input then
        drop[#drop + 1] = 'input'
    end
    redis.call('HDEL', key_of(old.id), unpack(drop))
    redis.call('PERSIST', key_of(old.id))
end

local function tell_all(id, first, last)
    local key = prefix .. 'process_events:' .. id
    redis.call('DEL', key)
    for from = math.max(first, last - POLICY.events_max + 1), last, EVENTS_AT_ONCE do
        redis.call('RPUSH', key, unpack(ARGV, from, math.min(from + EVENTS_AT_ONCE - 1, last)))
    end
end

-- The one that is there; nil with why when none is to be stored in its place.
local function look(id)
    if redis.call('EXISTS', key_of(id)) == 0 then
        return nil, redis.call('EXISTS', prefix .. 'process_gone:' .. id) == 1 and 'GONE' or nil
    end
    return load(id)
end

local take = {}

-- Each gives false when nothing more can be stored.
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
    local old, why = look(id)
    if why == 'CORRUPT' then
        refused = true
        note_damage(id)
        return true
    elseif why or (old and old.version >= p.version) then
        return true
    end
    local places = all_places_of(p)
    local plan = old and leaving(old) or {}
    for i = 1, #plan do
        if not is_usable('ZCARD', plan[i][2]) then
            return false
        end
    end
    if not are_usable(places) then
        return false
    end
    redis.call('HSET', key_of(id), unpack(ARGV, first, last))
    if old then
        add_all() -- it may be one of these
        drop_others(old, first, last)
    end
    tell_all(id, first_event, first_event + events - 1)
    for i = 1, #plan do
        redis.call(unpack(plan[i]))
    end
    new_ids[#new_ids + 1] = id
    for i = 1, #places do
        add(places[i][1], places[i][2], places[i][3] or id)
    end
    if FINAL[p.status] and p.expires_at then
        set_expiry(p)
    end
    if CHANNEL then
        redis.pcall('PUBLISH', CHANNEL, id .. ' ' .. p.status .. ' ' .. p.type)
    end
    stored = stored + 1
    return true
end

-- the others -----------------------------------------------------------------------------------

local function set_new(key, value, left)
    if tonumber(left) > 0 and redis.call('SET', key, value, 'PX', left, 'NX') then
        stored = stored + 1
    end
    return true
end

function take.removed()
    local id = next_arg()
    local left = next_arg()
    return redis.call('EXISTS', key_of(id)) == 1 or
        set_new(prefix .. 'process_gone:' .. id, '{"restored_at":"' .. time_text(now) .. '"}', left)
end

function take.key()
    local key = prefix .. 'process_idempotency:' .. next_arg()
    local value = next_arg()
    return set_new(key, value, next_arg())
end

function take.paused()
    local type = next_arg()
    if not is_usable('SCARD', prefix .. 'process_paused') then
        return false
    end
    stored = stored + redis.call('SADD', prefix .. 'process_paused', type)
    if CHANNEL then
        redis.pcall('PUBLISH', CHANNEL, '- pending ' .. type)
    end
    return true
end

local blocked = false
for _ = 1, tonumber(ARGV[2]) do
    if not take[next_arg()]() then
        blocked = true
        note_damage('')
        break
    end
end
add_all()
return reply(blocked and 'UNAVAILABLE' or refused and 'CORRUPT' or 'OK', stored)
