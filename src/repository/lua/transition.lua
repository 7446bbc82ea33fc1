-- One guarded change. KEYS[1] process:<id>; ARGV[12] id, [13] event, [14] the statuses in which it
-- is legal, [15] '1' when it needs the lease's token, [16] version or 0, [17] token or '',
-- [18] lease in ms, [19] '1' when a failure may be retried, [20] pause before that or -1,
-- [21] random number below 2^32, [22]... attributes that it brings, and their values.
-- Answers OK, CONFLICT, LEASE_LOST, STALE with 1 when something changed, and the record;
-- NOT_FOUND, GONE, CORRUPT.

local id, event, token = ARGV[12], ARGV[13], ARGV[17]
local needs_token, lease_ms = ARGV[15] == '1', tonumber(ARGV[18])
local brought = {}
for i = 22, #ARGV, 2 do
    brought[ARGV[i]] = ARGV[i + 1]
end

local p, why = load(id)
if not p then
    return reply(absent(id, why))
end

local holds = p.lease_token ~= nil and p.lease_token == token

-- A worker that repeats its last report because the answer was lost gets the same answer.
local function is_repeated()
    if not holds then
        return false
    elseif event == 'complete' then
        return p.status == 'completed' and p.result == brought.result
    elseif event == 'fail' then
        return p.status == 'failed' and p.error == brought.error
    end
    return event == 'canceled' and p.status == 'canceled'
end

local function refusal()
    if not string.find(ARGV[14], ' ' .. p.status .. ' ', 1, true) then
        return needs_token and not holds and 'LEASE_LOST' or 'CONFLICT'
    elseif needs_token and not holds then
        return 'LEASE_LOST'
    elseif event == 'canceled' and not p.cancel_requested_at then
        return 'CONFLICT'
    elseif event == 'lapse' and p.lease_until and p.lease_until > now then
        return 'CONFLICT'
    elseif ARGV[16] ~= '0' and tonumber(ARGV[16]) ~= p.version then
        return 'STALE'
    end
end

local apply = {}

function apply.progress()
    p.lease_until = lease_end(p, lease_ms)
end

function apply.complete()
    p.error = nil
    finish(p, 'completed')
end

function apply.fail()
    fail(p, ARGV[19] == '1', tonumber(ARGV[20]), tonumber(ARGV[21]))
end

function apply.release()
    if p.cancel_requested_at then
        finish(p, 'canceled')
    else
        put_back(p, now)
    end
end

function apply.cancel()
    if p.status == 'pending' then
        finish(p, 'canceled')
    elseif not p.cancel_requested_at then
        p.cancel_requested_at = now
        p.cancel_deadline = now + policy.cancel_grace
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
    put_back(p, now)
end

function apply.lapse()
    lapse(p, tonumber(ARGV[21]))
end

if is_repeated() then
    return reply('OK', 0, record(p))
end
local refused = refusal()
if refused then
    return reply(refused, 0, record(p))
end
if event == 'heartbeat' then -- nothing that is shown changes: no new version
    p.lease_until = lease_end(p, lease_ms)
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
store(p)
return reply('OK', 1, record(p))
