-- Removes one finished process. KEYS[1] process:<id>; ARGV[2] id, [3] version or 0, [4] ms that the
-- tombstone stays. Answers OK, CONFLICT, STALE with 1 when removed, and the record as it was;
-- NOT_FOUND, GONE, CORRUPT.

local id = ARGV[2]
local p, why = load(id)
if not p then
    return reply(absent(id, why))
elseif not FINAL[p.status] then
    return reply('CONFLICT', 0, record(p))
elseif ARGV[3] ~= '0' and tonumber(ARGV[3]) ~= p.version then
    return reply('STALE', 0, record(p))
end
check_removal_keys()
remove(id, p.type, p.status, p.group, time_text(p.created_at),
       p.completed_at and time_text(p.completed_at), tonumber(ARGV[4]))
return reply('OK', 1, record(p))
