-- One bounded step of what time brings. KEYS[1] process_schedule; ARGV[2] how many of each kind,
-- [3] random number below 2^32. Answers OK with how many became claimable, how many leases had
-- lapsed, how many deadlines had passed, 1 when a limit was reached, and of each of the latter two
-- its type, 1 when it had passed a deadline while pending, its status now, 1 when its worker had
-- lost it, and the ms of its last run or -1.

local limit, jitter = tonumber(ARGV[2]), tonumber(ARGV[3])
local schedule, leases = prefix .. 'process_schedule', prefix .. 'process_leases'
local deadlines = prefix .. 'process_deadlines'
local released, lapsed, expired, settled = 0, 0, 0, {}

-- Most often there is nothing to do.
local function range(index)
    return redis.call('ZRANGEBYSCORE', index, '-inf', ARGV[1], 'LIMIT', 0, limit)
end

-- Names that are used once must not pile up.
local function forget_types()
    local types, before = prefix .. 'process_types', int_text(now - DAY_MS)
    local old = redis.call('ZRANGEBYSCORE', types, '-inf', before, 'LIMIT', 0, limit)
    for i = 1, #old do
        forget_type(old[i])
    end
end

forget_types()
local scheduled, ended, late = range(schedule), range(leases), range(deadlines)
if #scheduled + #ended + #late == 0 then
    return reply('OK', 0, 0, 0, 0, settled)
end

redis.call('ZCARD', prefix .. 'process_retention')
redis.call('ZCARD', prefix .. 'process_types')
for status in pairs(STATUS) do
    redis.call('ZCARD', status_key(status))
end

-- The record behind a due entry of an index, when there is something to do with it.
local function due(id, index, status)
    local p, why = load(id)
    if why == 'MISSING' then
        heal(id, index)
    elseif not p then
        note_damage(id)
        redis.call('ZREM', index, id)
    elseif p.status ~= status then
        heal_entry(id, index)
    elseif not keys_work(p) then
        note_damage(id)
    else
        return p
    end
end

local function settle(p, event, is_lost)
    local ran = FINAL[p.status] and p.started_at and p.completed_at - p.started_at
    count_change(p)
    store(p, entry_of(p, event, {}))
    settled[#settled + 1] = {p.type, event == 'expire' and 1 or 0, p.status, is_lost and 1 or 0,
                             int_text(ran or -1)}
end

for i = 1, #scheduled do
    local p = due(scheduled[i], schedule, 'pending')
    if p then
        p.run_at = math.min(p.run_at or now, now) -- the entry is due, whatever the field says
        local index, score = place(p)
        redis.call('ZREM', schedule, p.id)
        redis.call('ZADD', index, int_text(score), p.id)
        redis.call('ZADD', prefix .. 'process_types', ARGV[1], p.type)
        if CHANNEL then
            redis.pcall('PUBLISH', CHANNEL, p.id .. ' pending ' .. p.type)
        end
        released = released + 1
    end
end
for i = 1, #late do
    local p = due(late[i], deadlines, 'pending')
    if p and has_passed(pending_deadline(p)) then
        expire(p)
        settle(p, 'expire')
        expired = expired + 1
    elseif p then
        heal_entry(p.id, deadlines)
    end
end
for i = 1, #ended do
    local p = due(ended[i], leases, 'running')
    if p then -- each its own random number, so that retries do not come back as one
        local is_lost = not p.cancel_requested_at and not has_passed(p.deadline) and
            not has_passed(p.attempt_deadline)
        lapse(p, (jitter + lapsed * 2654435761) % 4294967296)
        settle(p, 'lapse', is_lost)
        lapsed = lapsed + 1
    end
end
local more = (#scheduled == limit or #ended == limit or #late == limit) and
    released + lapsed + expired > 0
return reply('OK', released, lapsed, expired, more and 1 or 0, settled)
