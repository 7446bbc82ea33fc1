-- A page, newest first. KEYS[1] the index, of the group where one is given; ARGV[2] status or '',
-- [3] type or '', [4] group or '', [5] [6] created after and before (0: open), [7] how many at most,
-- [8] how many entries to look at, [9] how many bytes at most (one record is always given), [10] '1'
-- when the page starts after [11] score [12] id. Answers OK with 1 when there is more, score and id
-- of the last entry looked at, and the records.

local index, status, type, group = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
local after, before = tonumber(ARGV[5]), tonumber(ARGV[6])
local limit, examine, max_bytes = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local by_time = status == ''
local CHUNK = 100

-- The rank, newest first, of the first entry after (score, id): entries of one score stand in the
-- order of their ids, so a place among them is found even if its own entry is gone.
local function rank_after(score, id)
    local low = redis.call('ZCOUNT', index, '(' .. score, '+inf')
    local high = low + redis.call('ZCOUNT', index, score, score)
    while low < high do
        local middle = math.floor((low + high) / 2)
        if redis.call('ZREVRANGE', index, middle, middle)[1] >= id then
            low = middle + 1
        else
            high = middle
        end
    end
    return low
end

local function first_rank()
    if ARGV[10] == '1' then
        return rank_after(ARGV[11], ARGV[12])
    elseif by_time and before > 0 then
        return redis.call('ZCOUNT', index, ARGV[6], '+inf')
    end
    return 0
end

local filtered = type ~= '' or (not by_time and (after > 0 or before > 0))
local GLANCE = {'type', 'created_at'}

-- True when the entry's record is wanted; else why not: false, 'MISSING', 'CORRUPT'.
local function is_wanted(id)
    local values, why = read(id, GLANCE)
    if not values then
        return why
    end
    local created = values[2] and time_ms(values[2])
    if not created or not values[1] then
        return 'CORRUPT'
    end
    return (type == '' or values[1] == type) and (after == 0 or created > after) and
        (before == 0 or created < before)
end

local STATUS_AT
for i = 1, #FIELDS do
    if FIELDS[i] == 'status' then
        STATUS_AT = i
    end
end

local page, missing, stale, bytes = {}, {}, {}, 0

local function take(id)
    local wanted = not filtered or is_wanted(id)
    local values, why
    if wanted == true then
        values, why = read(id, FIELDS)
    else
        why = wanted
    end
    if why == 'MISSING' then
        missing[#missing + 1] = id
    elseif why == 'CORRUPT' then
        note_damage(id)
    elseif values and not by_time and values[STATUS_AT] ~= status then
        stale[#stale + 1] = id
    elseif values then
        for i = 1, #FIELDS do
            bytes = bytes + (values[i] and #values[i] or 0)
        end
        page[#page + 1] = {id, unpack(values)}
    end
end

local rank, examined, more, score, id = first_rank(), 0, 0, '0', ''
local ended = false
while not ended do
    local chunk = redis.call('ZREVRANGE', index, rank, rank + CHUNK - 1, 'WITHSCORES')
    ended = #chunk == 0
    rank = rank + CHUNK
    for i = 1, #chunk, 2 do
        if by_time and after > 0 and tonumber(chunk[i + 1]) <= after then
            ended = true
            break
        elseif #page == limit or examined == examine or bytes >= max_bytes then
            more, ended = 1, true
            break
        end
        id, score = chunk[i], int_text(tonumber(chunk[i + 1]))
        examined = examined + 1
        take(id)
    end
end

for i = 1, #missing do -- only now: dropping them moves the ranks
    heal(missing[i], index, group ~= '' and group or nil)
end
for i = 1, #stale do
    heal_entry(stale[i], index)
end
return reply('OK', more, score, id, page)
