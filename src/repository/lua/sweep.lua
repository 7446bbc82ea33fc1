-- One bounded step of removing finished processes, oldest first. KEYS[1] the index: of retention,
-- or of a final status; ARGV[2] type or '', [3] up to which score, [4] how many entries to look at,
-- [5] '1' to count only, [6] '1' when it starts after [7] score [8] id, [9] ms that tombstones
-- stay. Answers OK with 1 when there is more, score and id of the last entry looked at, and how
-- many were removed that were completed, failed, canceled.

local index, type, limit = KEYS[1], ARGV[2], tonumber(ARGV[4])
local upto, dry, tombstone_ms = tonumber(ARGV[3]), ARGV[5] == '1', tonumber(ARGV[9])
local GLANCE = {'type', 'status', 'created_at', 'completed_at', 'group'}

check_removal_keys()

local function group_works(status, group)
    return not group or (works(group_key('all', group)) and works(group_key(status, group)))
end

local counts = {completed = 0, failed = 0, canceled = 0}

local function take(id)
    local values, why = read(id, GLANCE)
    if why == 'MISSING' then
        heal(id, index)
    elseif not values or not values[1] or not STATUS[values[2]] or not values[3] or
        not group_works(values[2], values[5]) then
        note_damage(id)
        if not dry then -- it would be met each time; the record stays for a person to look at
            redis.call('ZREM', prefix .. 'process_retention', id)
        end
    elseif not FINAL[values[2]] or
        (index ~= prefix .. 'process_retention' and index ~= status_key(values[2])) then
        heal_entry(id, index)
    elseif type == '' or values[1] == type then
        counts[values[2]] = counts[values[2]] + 1
        if not dry then
            remove(id, values[1], values[2], values[5], values[3], values[4], tombstone_ms)
        end
    end
end

local rank = ARGV[6] == '1' and rank_after(index, ARGV[7], ARGV[8]) or 0
local entries = redis.call('ZRANGE', index, rank, rank + limit, 'WITHSCORES')
local more, score, id = 0, ARGV[7], ARGV[8]
for i = 1, #entries, 2 do
    if tonumber(entries[i + 1]) > upto then
        break
    elseif i > 2 * limit then
        more = 1
        break
    end
    id, score = entries[i], int_text(tonumber(entries[i + 1]))
    take(id)
end
return reply('OK', more, score, id, counts.completed, counts.failed, counts.canceled)
