-- The workers, the one last seen first. KEYS[1] process_workers; ARGV[2] how many at most, [3] of
-- how many of its processes each tells, [4] ms for which one that holds none is remembered. Answers
-- OK with 1 when there are more, and a list of each: worker, when it was last seen, how many it
-- holds, then id and start of the first of these.

local known, max, shown = KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3])

-- What it holds; entries whose record has gone are dropped as they are met.
local function describe(worker, seen)
    local index = prefix .. 'process_held:' .. worker
    local entries = redis.call('ZRANGE', index, 0, shown - 1, 'WITHSCORES')
    local one = {worker, seen, 0}
    for i = 1, #entries, 2 do
        if redis.call('EXISTS', key_of(entries[i])) == 0 then
            healed = healed + redis.call('ZREM', index, entries[i])
        else
            one[#one + 1] = entries[i]
            one[#one + 1] = entries[i + 1]
        end
    end
    one[3] = redis.call('ZCARD', index)
    return one
end

local newest = redis.call('ZREVRANGE', known, 0, max - 1, 'WITHSCORES')
local answer = {}
for i = 1, #newest, 2 do
    local one = describe(newest[i], newest[i + 1])
    if one[3] > 0 or tonumber(newest[i + 1]) >= now - tonumber(ARGV[4]) then
        answer[#answer + 1] = one
    end
end
return reply('OK', redis.call('ZCARD', known) > max and 1 or 0, answer)
