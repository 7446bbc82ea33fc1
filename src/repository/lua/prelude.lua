-- What all scripts share. Each runs as one atomic step on the keys that begin with the prefix:
-- KEYS[1] names one of them, so that a cluster finds the node; the others are built here.
-- ARGV[1] is the prefix, ARGV[2] the caller's time in ms.
--
-- FIELDS (names in order), KIND ('int', 'time', nil for text) and DEFAULT (of ints that have no
-- field) stand in front of this text.
--
-- A script is not rolled back when a command in it fails. So whatever can fail because somebody
-- has put another type at a key is tried by reading before the first write.

local prefix, now = ARGV[1], tonumber(ARGV[2])
local DAY_MS = 86400000
local FINAL = {completed = true, failed = true, canceled = true}
local STATUS = {pending = true, running = true, completed = true, failed = true, canceled = true}
local REQUIRED = {'type', 'status', 'version', 'created_at'}

-- What was met on the way: index entries without a record, records that cannot be read.
local healed, damaged, damaged_id = 0, 0, ''

local function reply(code, ...)
    return {code, healed, damaged, damaged_id, ...}
end

local function note_damage(id)
    damaged = damaged + 1
    damaged_id = id
end

-- times ----------------------------------------------------------------------------------------

-- Years begin in March in this reckoning, so that the leap day is the last one.
local function time_text(ms)
    local floor = math.floor
    local days = floor(ms / DAY_MS)
    local rest = ms - days * DAY_MS
    local era = floor((days + 719468) / 146097)
    local of_era = days + 719468 - era * 146097
    local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524) -
                        floor(of_era / 146096)) / 365)
    local of_year = of_era - (365 * year + floor(year / 4) - floor(year / 100))
    local month = floor((5 * of_year + 2) / 153)
    local day = of_year - floor((153 * month + 2) / 5) + 1
    month = month < 10 and month + 3 or month - 9
    year = year + era * 400 + (month <= 2 and 1 or 0)
    return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day,
                         floor(rest / 3600000), floor(rest / 60000) % 60,
                         floor(rest / 1000) % 60, rest % 1000)
end

-- nil when it is not a time as time_text() writes it.
local function time_ms(text)
    local year, month, day, hour, minute, second, ms = string.match(
        text, '^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)%.(%d%d%d)Z$')
    if not year then
        return nil
    end
    local floor = math.floor
    year, month = tonumber(year), tonumber(month)
    if month <= 2 then
        year = year - 1
    end
    local era = floor(year / 400)
    local in_era = year - era * 400
    local of_year = floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5) + tonumber(day) - 1
    local of_era = in_era * 365 + floor(in_era / 4) - floor(in_era / 100) + of_year
    local days = era * 146097 + of_era - 719468
    return ((days * 24 + tonumber(hour)) * 60 + tonumber(minute)) * 60000 +
        tonumber(second) * 1000 + tonumber(ms)
end

-- Lua's own conversion keeps 14 digits only.
local function int_text(number)
    return string.format('%.0f', number)
end

-- records --------------------------------------------------------------------------------------

local function key_of(id)
    return prefix .. 'process:' .. id
end

local function status_key(status)
    return prefix .. 'process_status:' .. status
end

local function queue_key(type)
    return prefix .. 'process_queue:' .. type
end

-- The fields of one record; or nil with 'MISSING' or 'CORRUPT'.
local function read(id, fields)
    local key = key_of(id)
    local values = redis.pcall('HMGET', key, unpack(fields))
    if values.err then
        if not string.find(values.err, 'WRONGTYPE', 1, true) then
            redis.call('HMGET', key, unpack(fields)) -- fails again, and ends the script
        end
        return nil, 'CORRUPT'
    end
    for i = 1, #fields do
        if values[i] then
            return values
        end
    end
    return nil, redis.call('EXISTS', key) == 0 and 'MISSING' or 'CORRUPT'
end

local parse = {
    int = function(text) return string.match(text, '^%-?%d+$') and tonumber(text) end,
    time = time_ms,
}
local format = {
    int = int_text,
    time = time_text,
}

-- A record by its attributes: numbers for ints and times, nil where there is no field. `raw` holds
-- the fields as they are stored, `was` the attributes as they were.
local function load(id)
    local raw, why = read(id, FIELDS)
    if not raw then
        return nil, why
    end
    local p = {id = id, raw = raw, was = {}}
    for i = 1, #FIELDS do
        local name = FIELDS[i]
        local value = DEFAULT[name]
        if raw[i] then
            local kind = KIND[name]
            value = kind and parse[kind](raw[i]) or not kind and raw[i]
            if not value then
                return nil, 'CORRUPT'
            end
        end
        p[name], p.was[name] = value, value
    end
    for i = 1, #REQUIRED do
        if not p[REQUIRED[i]] then
            return nil, 'CORRUPT'
        end
    end
    if not STATUS[p.status] then
        return nil, 'CORRUPT'
    end
    return p
end

-- What a call answers when its process has no record.
local function absent(id, why)
    if why == 'CORRUPT' then
        note_damage(id)
        return 'CORRUPT'
    end
    return redis.call('EXISTS', prefix .. 'process_gone:' .. id) == 1 and 'GONE' or 'NOT_FOUND'
end

-- As the caller reads it: the id, then the fields in order.
local function record(p)
    return {p.id, unpack(p.raw)}
end

local function save(p)
    local key, set, drop = key_of(p.id), {}, {}
    for i = 1, #FIELDS do
        local name = FIELDS[i]
        local value = p[name]
        if value ~= p.was[name] then
            if value == nil then
                p.raw[i] = false
                drop[#drop + 1] = name
            else
                local kind = KIND[name]
                p.raw[i] = kind and format[kind](value) or value
                set[#set + 1] = name
                set[#set + 1] = p.raw[i]
            end
        end
    end
    if #set > 0 then
        redis.call('HSET', key, unpack(set))
    end
    if #drop > 0 then
        redis.call('HDEL', key, unpack(drop))
    end
end

-- indexes --------------------------------------------------------------------------------------

-- The one index that moves a process on, and its score there.
local function place(p)
    if p.status == 'pending' then
        local run_at = p.run_at or p.created_at
        if run_at > now then
            return prefix .. 'process_schedule', run_at
        end
        return queue_key(p.type), (100 - p.priority) * 4398046511104 + p.created_at
    elseif p.status == 'running' then
        return prefix .. 'process_leases', p.lease_until or now
    end
    return prefix .. 'process_retention', p.expires_at or now
end

local function leave(plan, p, status)
    if status == 'pending' then
        plan[#plan + 1] = {'ZREM', prefix .. 'process_schedule', p.id}
        plan[#plan + 1] = {'ZREM', queue_key(p.type), p.id}
    elseif status == 'running' then
        plan[#plan + 1] = {'ZREM', prefix .. 'process_leases', p.id}
    else
        plan[#plan + 1] = {'ZREM', prefix .. 'process_retention', p.id}
    end
end

-- Writes a changed record and moves it between the indexes.
local function store(p)
    local from, to = p.was.status, p.status
    local plan = {}
    if from ~= to then
        plan[1] = {'ZREM', status_key(from), p.id}
        plan[2] = {'ZADD', status_key(to), int_text(now), p.id}
        leave(plan, p, from)
    end
    local index, score = place(p)
    plan[#plan + 1] = {'ZADD', index, int_text(score), p.id}
    for i = 1, #plan do
        redis.call('ZCARD', plan[i][2])
    end
    save(p)
    for i = 1, #plan do
        redis.call(unpack(plan[i]))
    end
    if FINAL[to] and not FINAL[from] then
        redis.call('PEXPIREAT', key_of(p.id), int_text(p.expires_at + DAY_MS))
    elseif FINAL[from] and not FINAL[to] then
        redis.call('PERSIST', key_of(p.id))
    end
end

-- Drops an id without a record from wherever it may stand.
local function heal(id, index)
    healed = healed + 1
    redis.pcall('SREM', prefix .. 'process_ids', id)
    redis.pcall('ZREM', prefix .. 'process_times', id)
    for status in pairs(STATUS) do
        redis.pcall('ZREM', status_key(status), id)
    end
    redis.pcall('ZREM', prefix .. 'process_schedule', id)
    redis.pcall('ZREM', prefix .. 'process_leases', id)
    redis.pcall('ZREM', prefix .. 'process_retention', id)
    redis.pcall('ZREM', index, id)
end

-- An entry that its record contradicts.
local function heal_entry(id, index)
    healed = healed + 1
    redis.call('ZREM', index, id)
end

-- What is shown never runs backwards, though clocks of instances differ.
local function shown_now(p)
    return math.max(now, p.updated_at or now)
end

-- The earliest of the moments that end a lease.
local function lease_end(p, lease_ms)
    return math.min(now + lease_ms, p.attempt_deadline or math.huge, p.cancel_deadline or math.huge)
end

-- removal --------------------------------------------------------------------------------------

local function check_removal_keys()
    redis.call('SCARD', prefix .. 'process_ids')
    redis.call('ZCARD', prefix .. 'process_times')
    redis.call('ZCARD', prefix .. 'process_retention')
    for status in pairs(FINAL) do
        redis.call('ZCARD', status_key(status))
    end
end

-- Removes a finished process and leaves a tombstone. Times as they are stored.
local function remove(id, status, created_at, completed_at, tombstone_ms)
    redis.call('DEL', key_of(id))
    redis.call('SREM', prefix .. 'process_ids', id)
    redis.call('ZREM', prefix .. 'process_times', id)
    redis.call('ZREM', status_key(status), id)
    redis.call('ZREM', prefix .. 'process_retention', id)
    if tombstone_ms > 0 then
        local completed = completed_at and '"' .. completed_at .. '"' or 'null'
        redis.call('SET', prefix .. 'process_gone:' .. id,
                   '{"status":"' .. status .. '","created_at":"' .. created_at ..
                   '","completed_at":' .. completed .. ',"removed_at":"' .. time_text(now) .. '"}',
                   'PX', int_text(tombstone_ms))
    end
end
