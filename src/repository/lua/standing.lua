-- How pending processes stand. KEYS[1] one of the queues; ARGV[2] how many types, [3]... these, then
-- for each process its id and the number of its type among them. Answers OK with, for each type, 1
-- when it is paused, how many run, and when a worker last looked for it (or 0); then for each
-- process its rank in the queue, -1 when it is not there.

local answer = reply('OK')
local count = tonumber(ARGV[2])
for i = 3, count + 2 do
    local type = ARGV[i]
    local seen = redis.call('ZREVRANGE', prefix .. 'process_type_workers:' .. type, 0, 0,
                            'WITHSCORES')
    answer[#answer + 1] = redis.call('SISMEMBER', prefix .. 'process_paused', type)
    answer[#answer + 1] = redis.call('ZCARD', prefix .. 'process_running:' .. type)
    answer[#answer + 1] = seen[2] or '0'
end
for i = count + 3, #ARGV, 2 do
    local queue = queue_key(ARGV[tonumber(ARGV[i + 1]) + 3])
    answer[#answer + 1] = redis.call('ZRANK', queue, ARGV[i]) or -1
end
return answer
