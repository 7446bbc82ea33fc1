-- What is behind an id whose fields were not found. KEYS[1] process:<id>; ARGV[2] id. Answers
-- NOT_FOUND, GONE, CORRUPT; or OK with the record and its input, when it has just come.

local id = ARGV[2]
local p, why = load(id)
if not p then
    return reply(absent(id, why))
end
local given = record(p)
given[#FIELDS + 2] = redis.call('HGET', key_of(id), 'input')
return reply('OK', given)
