-- The members of a group. KEYS[1] the index of all; ARGV[2] group, [3] of how many running ones to
-- read the progress. Answers OK with how many are pending, running, completed, failed, canceled,
-- and the mean percent of these running ones.

local group = ARGV[2]
local ids = redis.call('ZRANGE', group_key('running', group), 0, tonumber(ARGV[3]) - 1)
local sum = 0
for i = 1, #ids do
    local progress = redis.pcall('HGET', key_of(ids[i]), 'progress')
    if type(progress) == 'string' then
        sum = sum + (tonumber(string.match(progress, '"percent"%s*:%s*([%d.eE+-]+)')) or 0)
    end
end
local mean = #ids > 0 and sum / #ids or 0
return reply('OK', redis.call('ZCARD', group_key('pending', group)),
             redis.call('ZCARD', group_key('running', group)),
             redis.call('ZCARD', group_key('completed', group)),
             redis.call('ZCARD', group_key('failed', group)),
             redis.call('ZCARD', group_key('canceled', group)),
             string.format('%.17g', mean))
