-- How many there are. KEYS[1] process_ids. Answers OK with the total, then pending, running,
-- completed, failed, canceled, then what is due: to be released, leases, deadlines, to be removed.

-- A key that cannot be used must not hide all else.
local function due(index)
    local count = redis.pcall('ZCOUNT', prefix .. index, '-inf', ARGV[1])
    return type(count) == 'number' and count or 0
end

return reply('OK', redis.call('SCARD', KEYS[1]),
             redis.call('ZCARD', status_key('pending')),
             redis.call('ZCARD', status_key('running')),
             redis.call('ZCARD', status_key('completed')),
             redis.call('ZCARD', status_key('failed')),
             redis.call('ZCARD', status_key('canceled')),
             due('process_schedule'), due('process_leases'), due('process_deadlines'),
             due('process_retention'))
