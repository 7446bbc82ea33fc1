-- How a process changes: what process_apply() does. ARGV[3] to ARGV[11] are the policy.

local policy = {
    cancel_grace = tonumber(ARGV[3]),
    retry_base = tonumber(ARGV[4]),
    retry_cap = tonumber(ARGV[5]),
    max_stalls = tonumber(ARGV[6]),
    retention = {
        completed = tonumber(ARGV[7]),
        failed = tonumber(ARGV[8]),
        canceled = tonumber(ARGV[9]),
    },
    timeout_error = ARGV[10],
    lease_lost_error = ARGV[11],
}

local function clear_run(p)
    p.lease_until, p.attempt_deadline = nil, nil
    p.cancel_requested_at, p.cancel_deadline = nil, nil
end

local function finish(p, status)
    p.status = status
    p.completed_at = shown_now(p)
    p.expires_at = now + (p.retention_ms >= 0 and p.retention_ms or policy.retention[status])
    clear_run(p)
end

local function put_back(p, run_at)
    p.status = 'pending'
    p.run_at = run_at
    p.worker, p.lease_token, p.started_at = nil, nil, nil
    clear_run(p)
end

local function retry_delay(failures, jitter)
    local delay, i = policy.retry_base, 1
    while i < failures and delay < policy.retry_cap do
        delay, i = delay * 2, i + 1
    end
    return math.floor(math.min(delay, policy.retry_cap) * (jitter / 4294967296))
end

-- retry_after below 0 leaves the pause to the policy.
local function fail(p, retryable, retry_after, jitter)
    p.failures = p.failures + 1
    if p.cancel_requested_at then
        finish(p, 'canceled')
    elseif retryable and p.failures < p.max_attempts then
        put_back(p, now + (retry_after >= 0 and retry_after or retry_delay(p.failures, jitter)))
    else
        finish(p, 'failed')
    end
end

-- lease_until has passed: which of its three causes was it?
local function lapse(p, jitter)
    if p.cancel_requested_at then
        finish(p, 'canceled')
    elseif p.attempt_deadline and p.attempt_deadline <= now then
        p.error = string.format(policy.timeout_error, p.attempt)
        fail(p, true, -1, jitter)
    elseif p.stalls < policy.max_stalls then
        p.stalls = p.stalls + 1
        put_back(p, now)
    else
        p.error = string.format(policy.lease_lost_error, p.attempt)
        finish(p, 'failed')
    end
end

local function count_change(p)
    p.version = p.version + 1
    p.updated_at = shown_now(p)
end
