-- How a process changes: what process_apply() does, and what its timeline says of it.

local function clear_run(p)
    p.lease_until, p.attempt_deadline = nil, nil
    p.cancel_requested_at, p.cancel_deadline = nil, nil
end

local function finish(p, status)
    p.status = status
    p.completed_at = shown_now(p)
    p.expires_at = now + (p.retention_ms >= 0 and p.retention_ms or POLICY.retention[status])
    p.queue_deadline = nil
    clear_run(p)
end

-- The token stays where its holder has given up the lease itself: a repeated report is answerable.
local function put_back(p, run_at, keep_token)
    p.status = 'pending'
    p.run_at = run_at
    p.worker, p.started_at = nil, nil
    if not keep_token then
        p.lease_token = nil
    end
    clear_run(p)
end

-- delay * jitter / 2^32, rounded down: in two steps, since the product may not be exact.
local function share_of(delay, jitter)
    local floor = math.floor
    local high = floor(jitter / 65536)
    return floor((delay * high + floor(delay * (jitter - high * 65536) / 65536)) / 65536)
end

local FIXED, EXPONENTIAL = 2, 1 -- enum process_backoff

local function retry_delay(p, jitter)
    if p.backoff == FIXED then
        return p.retry_base_ms
    end
    local own = p.backoff == EXPONENTIAL
    local delay = own and p.retry_base_ms or POLICY.retry_base
    local cap, i = own and p.retry_cap_ms or POLICY.retry_cap, 1
    while i < p.failures and delay < cap do
        delay, i = delay * 2, i + 1
    end
    return share_of(math.min(delay, cap), jitter)
end

-- retry_after below 0 leaves the pause to the policy.
local function fail(p, event, retryable, retry_after, jitter)
    p.failures = p.failures + 1
    if p.cancel_requested_at then
        finish(p, 'canceled')
    elseif retryable and p.failures < p.max_attempts then
        local delay = retry_after >= 0 and retry_after or retry_delay(p, jitter)
        put_back(p, now + delay, event == 'fail')
    else
        finish(p, 'failed')
    end
end

local function has_passed(deadline)
    return deadline ~= nil and deadline <= now
end

-- lease_until has passed: which of its causes was it?
local function lapse(p, jitter)
    if p.cancel_requested_at then
        finish(p, 'canceled')
    elseif has_passed(p.deadline) then
        p.error = string.format(POLICY.deadline_error, p.attempt)
        finish(p, 'failed')
    elseif has_passed(p.attempt_deadline) then
        p.error = string.format(POLICY.timeout_error, p.attempt)
        fail(p, 'lapse', true, -1, jitter)
    elseif p.stalls < POLICY.max_stalls then
        p.stalls = p.stalls + 1
        put_back(p, now, false)
    else
        p.error = string.format(POLICY.lease_lost_error, p.attempt)
        finish(p, 'failed')
    end
end

local function expire(p)
    local text = has_passed(p.deadline) and POLICY.deadline_error or POLICY.queue_timeout_error
    p.error = string.format(text, p.attempt)
    finish(p, 'failed')
end

local function count_change(p)
    p.version = p.version + 1
    p.updated_at = shown_now(p)
end

-- the timeline ---------------------------------------------------------------------------------

local PROGRESS_EVERY_MS = 10000
local ACTORS = {cancel = 'client', retry = 'client', lapse = 'server', expire = 'server'}

-- process_timeline_event() of a change that was made; nil when it is not told.
local function event_name(p, event)
    local was = p.was
    if was.status ~= p.status then
        if p.status ~= 'pending' then
            return p.status
        elseif event == 'retry' then
            return 'retried'
        elseif event == 'release' then
            return 'released'
        end
        return p.stalls > was.stalls and 'stalled' or 'retry_scheduled'
    elseif event == 'cancel' then
        return 'cancel_requested'
    elseif event == 'progress' and
        (not was.progress or math.floor(now / PROGRESS_EVERY_MS) >
            math.floor((was.updated_at or 0) / PROGRESS_EVERY_MS)) then
        return 'progress'
    end
end

local function code_of(text)
    return text and string.match(text, '^{"code":"([^"]*)"')
end

-- The entry for a change that was made, or nil. `brought` are the attributes that it brought.
local function entry_of(p, event, brought)
    local name = event_name(p, event)
    if not name then
        return nil
    end
    local code
    if name == 'failed' or name == 'retry_scheduled' then
        code = code_of(p.error)
    elseif name == 'canceled' then
        code = code_of(brought.error)
    end
    return entry_text(p.updated_at, name, ACTORS[event] or p.was.worker, p, code,
                      (FINAL[p.status] or name == 'progress') and p.progress)
end
