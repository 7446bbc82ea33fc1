-- A step through the keys whose names begin alike, or through the members of a set. KEYS[1] the
-- beginning of the names, or the set; ARGV[2] 'keys' or 'members', [3] cursor, [4] how many at most,
-- [5] '' or the order of the last one given: a step of Redis's own may come upon more than that, and
-- is then taken again. Answers OK with the next cursor, the order of the last one or '', how many
-- are damaged, and of each the rest of its name, and its value and ms to live or two empty texts.

local start, of_keys, limit = KEYS[1], ARGV[2] == 'keys', tonumber(ARGV[4])
local after = tonumber(ARGV[5]) or -1
local GLOB = '[%*%?%[%]\\]'

local step
if of_keys then
    step = redis.call('SCAN', ARGV[3], 'MATCH', string.gsub(start, GLOB, '\\%0') .. '*',
                      'COUNT', limit)
else
    step = redis.call('SSCAN', start, ARGV[3], 'COUNT', limit)
end

-- Any order will do that is the same each time.
local found = {}
for _, name in ipairs(step[2]) do
    local order = tonumber(string.sub(redis.sha1hex(name), 1, 12), 16)
    if order > after then
        found[#found + 1] = {order, name}
    end
end
table.sort(found, function(a, b)
    return a[1] < b[1]
end)

local page, unreadable = {}, 0
for i = 1, math.min(#found, limit) do
    local name, value, left = found[i][2], '', ''
    if of_keys then
        value, left = redis.pcall('GET', name), redis.call('PTTL', name)
        name = string.sub(name, #start + 1)
    end
    if type(value) == 'table' then
        unreadable = unreadable + 1
    elseif value then
        page[#page + 1] = {name, value, left}
    end
end
if #found > limit then
    return reply('OK', ARGV[3], int_text(found[limit][1]), unreadable, page)
end
return reply('OK', step[1], '', unreadable, page)
