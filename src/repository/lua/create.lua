-- Stores a new process under an idempotency key, unless the key led to one before.
-- KEYS[1] process:<id>; ARGV[3] id, [4] key, [5] fingerprint, [6] ms that the key is remembered,
-- [7] creation time, [8] [9] the index that moves it on and its score, [10]... fields and values.
-- Answers OK, with the record that the key led to if it did; KEY_REUSED; GONE; CORRUPT.

local id, index = ARGV[3], prefix .. ARGV[8]
local note = prefix .. 'process_idempotency:' .. ARGV[4]

local found = redis.call('GET', note)
if found then
    local other, fingerprint = string.match(found, '^(%S+) (%x+)$')
    if not other then
        note_damage('')
        return reply('CORRUPT')
    elseif fingerprint ~= ARGV[5] then
        return reply('KEY_REUSED')
    end
    local p, why = load(other)
    if p then
        return reply('OK', record(p))
    elseif why == 'MISSING' then
        return reply('GONE')
    end
    return reply(absent(other, why))
end

redis.call('SCARD', prefix .. 'process_ids')
redis.call('ZCARD', prefix .. 'process_times')
redis.call('ZCARD', status_key('pending'))
redis.call('ZCARD', index)
redis.call('HSET', KEYS[1], unpack(ARGV, 10))
redis.call('SADD', prefix .. 'process_ids', id)
redis.call('ZADD', prefix .. 'process_times', ARGV[7], id)
redis.call('ZADD', status_key('pending'), ARGV[7], id)
redis.call('ZADD', index, ARGV[9], id)
if tonumber(ARGV[6]) > 0 then
    redis.call('SET', note, id .. ' ' .. ARGV[5], 'PX', ARGV[6])
end
return reply('OK')
