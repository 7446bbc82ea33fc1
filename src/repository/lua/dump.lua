-- A page of the processes, oldest first, with all that is kept of each. KEYS[1] process_times;
-- ARGV[2] how many at most, [3] how many bytes at most (one is always given), [4] '1' when the page
-- starts after [5] score [6] id. Answers OK with 1 when there is more, score and id of the last
-- entry looked at, how many are damaged, and of each its record, with the input behind the fields,
-- and its timeline.

local index, limit, max_bytes = KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local ALL = {unpack(FIELDS)}
ALL[#ALL + 1] = 'input'

local page, bytes, unreadable = {}, 0, 0

local function note_unreadable(id)
    unreadable = unreadable + 1
    note_damage(id)
end

local function take(id)
    local values, why = read(id, ALL)
    if why == 'MISSING' then
        heal(id, index)
        return
    elseif not values then
        return note_unreadable(id)
    end
    local events = redis.pcall('LRANGE', prefix .. 'process_events:' .. id, 0, -1)
    if events.err then
        return note_unreadable(id)
    end
    for i = 1, #ALL do
        bytes = bytes + (values[i] and #values[i] or 0)
    end
    for i = 1, #events do
        bytes = bytes + #events[i]
    end
    page[#page + 1] = {{id, unpack(values, 1, #ALL)}, events}
end

local rank = ARGV[4] == '1' and rank_after(index, ARGV[5], ARGV[6]) or 0
local entries = redis.call('ZRANGE', index, rank, rank + limit, 'WITHSCORES')
local more, score, id = 0, ARGV[5], ARGV[6]
for i = 1, #entries, 2 do
    if i > 2 * limit or bytes >= max_bytes then
        more = 1
        break
    end
    id, score = entries[i], int_text(tonumber(entries[i + 1]))
    take(id)
end
return reply('OK', more, score, id, unreadable, page)
