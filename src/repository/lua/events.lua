-- A process and its timeline. KEYS[1] process:<id>; ARGV[2] id. Answers OK with the record and the
-- entries, oldest first; NOT_FOUND, GONE, CORRUPT.

local id = ARGV[2]
local values, why = read(id, FIELDS)
if not values then
    return reply(absent(id, why))
end
return reply('OK', {id, unpack(values)}, redis.call('LRANGE', prefix .. 'process_events:' .. id, 0, -1))
