-- Records. FIELDS (names in order), KINDS (of each: 'int', 'time', or false for a text) and DEFAULT
-- (of ints that have no field) stand in front of this text.

local STATUS = {pending = true, running = true, completed = true, failed = true, canceled = true}

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
    int = function(text) return string.find(text, '^%-?%d+$') and tonumber(text) end,
    time = time_ms,
}
local format = {
    int = int_text,
    time = time_text,
}
local with_defaults = {__index = DEFAULT}

-- A record by its attributes: numbers for ints and times, nil where there is no field. `raw` holds
-- the fields as they are stored, `was` the attributes as they were.
local function load(id)
    local raw, why = read(id, FIELDS)
    if not raw then
        return nil, why
    end
    local was = setmetatable({}, with_defaults)
    local p = setmetatable({id = id, raw = raw, was = was}, with_defaults)
    for i = 1, #FIELDS do
        local value = raw[i]
        if value then
            local name, kind = FIELDS[i], KINDS[i]
            if kind then
                value = parse[kind](value)
                if not value then
                    return nil, 'CORRUPT'
                end
            end
            p[name], was[name] = value, value
        end
    end
    if not (p.type and p.version and p.created_at and STATUS[p.status]) then
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
    return {p.id, unpack(p.raw, 1, #FIELDS)}
end

local function save(p)
    local key, was, set, drop = key_of(p.id), p.was, {}, {}
    for i = 1, #FIELDS do
        local name = FIELDS[i]
        local value = p[name]
        if value ~= was[name] then
            if value == nil then
                p.raw[i] = false
                drop[#drop + 1] = name
            else
                local kind = KINDS[i]
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
    if CHANNEL and p.version ~= was.version then
        redis.pcall('PUBLISH', CHANNEL, p.id .. ' ' .. p.status .. ' ' .. p.type)
    end
end

-- What is shown never runs backwards, though clocks of instances differ.
local function shown_now(p)
    return math.max(now, p.updated_at or now)
end

-- The lease's end, cut to all that ends a run.
local function lease_end(p, lease_until)
    local never = math.huge
    return math.min(lease_until, p.attempt_deadline or never, p.cancel_deadline or never,
                    p.deadline or never)
end
