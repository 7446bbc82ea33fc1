-- Stores new processes, all of them or none; under an idempotency key, unless the key led to some
-- before. KEYS[1] process:<id> of the first; ARGV[2] key or '', [3] fingerprint, [4] ms that the
-- key is remembered, [5] '' for a single one, else the base of the batch's ids, [6] how many; then
-- of each: id, creation time, the index that moves it on, its score there, type or '' when it need
-- not be announced, deadline while it is pending or '', group or '', its fields and values, and ''.
-- Answers OK, with the record or the base that the key led to if it did; KEY_REUSED; GONE; CORRUPT.

local note = prefix .. 'process_idempotency:' .. ARGV[2]
local base = ARGV[5]
local MARK = base == '' and '' or ' batch'
local MARKS = {[''] = true, [' batch'] = true, [' either'] = true} -- the last: it was restored

-- What the key led to.
local function replay(found)
    local first, fingerprint, mark = string.match(found, '^([%x-]+) (%x+)(.*)$')
    if not first or not MARKS[mark] then
        note_damage('')
        return reply('CORRUPT')
    elseif fingerprint ~= ARGV[3] or (mark ~= MARK and mark ~= ' either') then
        return reply('KEY_REUSED')
    elseif base ~= '' then
        return reply('OK', first)
    end
    local p, why = load(first)
    if p then
        return reply('OK', record(p))
    elseif why == 'MISSING' then
        return reply('GONE')
    end
    return reply(absent(first, why))
end

local found = ARGV[2] ~= '' and redis.call('GET', note)
if found then
    return replay(found)
end

-- The entries of each index: score, member, score, member...
local entries, keys = {}, {}
local function enter(key, score, member)
    local list = entries[key]
    if not list then
        list = {}
        entries[key] = list
        keys[#keys + 1] = key
    end
    list[#list + 1] = score
    list[#list + 1] = member
end

local ids, firsts, lasts, announced = {}, {}, {}, {}
local at = 7
for n = 1, tonumber(ARGV[6]) do
    local id, created, type, group = ARGV[at], ARGV[at + 1], ARGV[at + 4], ARGV[at + 6]
    enter(prefix .. 'process_times', created, id)
    enter(status_key('pending'), created, id)
    enter(prefix .. ARGV[at + 2], ARGV[at + 3], id)
    if type ~= '' and not announced[type] then
        announced[type] = true
        enter(prefix .. 'process_types', ARGV[1], type)
    end
    if ARGV[at + 5] ~= '' then
        enter(prefix .. 'process_deadlines', ARGV[at + 5], id)
    end
    if group ~= '' then
        enter(group_key('all', group), created, id)
        enter(group_key('pending', group), created, id)
    end
    ids[n], firsts[n] = id, at + 7
    at = at + 7
    while ARGV[at] ~= '' do
        at = at + 2
    end
    lasts[n] = at - 1
    at = at + 1
end

local function publish_new(id, first, last)
    for i = first, last, 2 do
        if ARGV[i] == 'type' then
            redis.pcall('PUBLISH', CHANNEL, id .. ' pending ' .. ARGV[i + 1])
        end
    end
end

redis.call('SCARD', prefix .. 'process_ids')
for i = 1, #keys do
    redis.call('ZCARD', keys[i])
end
for n = 1, #ids do
    redis.call('HSET', key_of(ids[n]), unpack(ARGV, firsts[n], lasts[n]))
    if CHANNEL then
        publish_new(ids[n], firsts[n], lasts[n])
    end
end
redis.call('SADD', prefix .. 'process_ids', unpack(ids))
for i = 1, #keys do
    redis.call('ZADD', keys[i], unpack(entries[keys[i]]))
end
if ARGV[2] ~= '' and tonumber(ARGV[4]) > 0 then
    redis.call('SET', note, (base ~= '' and base or ids[1]) .. ' ' .. ARGV[3] .. MARK,
               'PX', ARGV[4])
end
return reply('OK')
