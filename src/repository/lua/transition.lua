-- One guarded change. KEYS[1] process:<id>; ARGV[2] id, [3] event, [4] the statuses in which it is
-- legal, [5] '1' when it needs the lease's token, [6] version or 0, [7] token or '', [8] attempt or
-- 0, [9] lease in ms, [10] '1' when a failure may be retried, [11] pause before that or -1,
-- [12] random number below 2^32, [13]... attributes that it brings, and their values.
-- Answers OK, CONFLICT, LEASE_LOST, STALE with 1 when something changed, and the record;
-- NOT_FOUND, GONE, CORRUPT.

local id, event, token = ARGV[2], ARGV[3], ARGV[7]
local needs_token, lease_ms = ARGV[5] == '1', tonumber(ARGV[9])
local brought = {}
for i = 13, #ARGV, 2 do
    brought[ARGV[i]] = ARGV[i + 1]
end

local p, why = load(id)
if not p then
    return reply(absent(id, why))
end

local holds = p.lease_token ~= nil and p.lease_token == token and
    (ARGV[8] == '0' or tonumber(ARGV[8]) == p.attempt)

-- A worker that repeats its last report because the answer was lost gets the same answer. What
-- fails or is released while a cancel is asked for ends as canceled.
local function is_repeated()
    local given_up = p.status == 'pending' or p.status == 'canceled'
    if not holds then
        return false
    elseif event == 'complete' then
        return p.status == 'completed' and p.result == brought.result
    elseif event == 'fail' then
        return (p.status == 'failed' or given_up) and p.error == brought.error
    elseif event == 'release' then
        return given_up
    end
    return event == 'canceled' and p.status == 'canceled'
end

local function refusal()
    if not string.find(ARGV[4], ' ' .. p.status .. ' ', 1, true) then
        return needs_token and not holds and 'LEASE_LOST' or 'CONFLICT'
    elseif needs_token and not holds then
        return 'LEASE_LOST'
    elseif event == 'canceled' and not p.cancel_requested_at then
        return 'CONFLICT'
    elseif event == 'lapse' and p.lease_until and p.lease_until > now then
        return 'CONFLICT'
    elseif event == 'expire' and not has_passed(pending_deadline(p)) then
        return 'CONFLICT'
    elseif ARGV[6] ~= '0' and tonumber(ARGV[6]) ~= p.version then
        return 'STALE'
    end
end

-- A result that comes too late is told, but not again and again.
local function note_late(refused)
    if (event ~= 'complete' and event ~= 'fail') or p.attempt == 0 or
        (refused ~= 'LEASE_LOST' and refused ~= 'CONFLICT') then
        return
    end
    local last = redis.call('LINDEX', prefix .. 'process_events:' .. id, -1)
    if last and string.find(last, '"event":"late_result_refused"', 1, true) then
        return
    end
    tell(p, entry_text(now, 'late_result_refused', nil, p))
    save(p)
    if FINAL[p.status] then
        set_expiry(p)
    end
end

-- A worker that names no length never shortens its lease by renewing it.
local function renewed_lease()
    local lease_until = now + (lease_ms > 0 and lease_ms or POLICY.lease)
    if lease_ms == 0 and p.lease_until then
        lease_until = math.max(lease_until, p.lease_until)
    end
    return lease_end(p, lease_until)
end

local apply = {}

function apply.progress()
    p.lease_until = renewed_lease()
end

function apply.complete()
    p.error = nil
    finish(p, 'completed')
end

function apply.fail()
    fail(p, event, ARGV[10] == '1', tonumber(ARGV[11]), tonumber(ARGV[12]))
end

function apply.release()
    if p.cancel_requested_at then
        finish(p, 'canceled')
    else
        put_back(p, now, true)
    end
end

function apply.cancel()
    if p.status == 'pending' then
        finish(p, 'canceled')
    elseif not p.cancel_requested_at then
        p.cancel_requested_at = now
        p.cancel_deadline = now + POLICY.cancel_grace
        p.lease_until = math.min(p.lease_until or now, p.cancel_deadline)
    else
        return false
    end
end

function apply.canceled()
    finish(p, 'canceled')
end

function apply.retry()
    p.failures, p.stalls = 0, 0
    p.error, p.progress, p.result, p.usage = nil, nil, nil, nil
    p.completed_at, p.expires_at = nil, nil
    if p.queue_timeout_ms > 0 then
        p.queue_deadline = now + p.queue_timeout_ms
    end
    if has_passed(p.deadline) then
        p.deadline = nil -- it is over, and yet somebody wants it done
    end
    put_back(p, now, false)
end

function apply.lapse()
    lapse(p, tonumber(ARGV[12]))
end

function apply.expire()
    expire(p)
end

if is_repeated() then
    return reply('OK', 0, record(p))
end
local refused = refusal()
if refused then
    note_late(refused)
    return reply(refused, 0, record(p))
end
if event == 'heartbeat' then -- nothing that is shown changes: no new version
    p.lease_until = renewed_lease()
    store(p)
    return reply('OK', 0, record(p))
end
for name, value in pairs(brought) do
    p[name] = value
end
if apply[event]() == false then
    return reply('OK', 0, record(p))
end
count_change(p)
store(p, entry_of(p, event, brought))
return reply('OK', 1, record(p))
