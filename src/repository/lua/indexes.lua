-- The indexes that a process moves through.

-- When a pending one fails because nobody took it up in time; nil: never.
local function pending_deadline(p)
    local queue, all = p.queue_deadline, p.deadline
    if not queue or (all and all < queue) then
        return all
    end
    return queue
end

local function queue_score(p)
    return (100 - p.priority) * 4398046511104 + p.created_at
end

-- The one index that moves a process on, and its score there.
local function place(p)
    if p.status == 'pending' then
        local run_at = p.run_at or p.created_at
        if run_at > now then
            return prefix .. 'process_schedule', run_at
        end
        return queue_key(p.type), queue_score(p)
    elseif p.status == 'running' then
        return prefix .. 'process_leases', p.lease_until or now
    end
    return prefix .. 'process_retention', p.expires_at or now
end

-- Whether what is its own, or its group's, can be used.
local function own_keys_work(p)
    return (not p.group or (works(group_key('pending', p.group)) and
                            works(group_key('running', p.group)) and
                            works(group_key('failed', p.group)) and
                            works(group_key('canceled', p.group)))) and
        type(redis.pcall('LLEN', prefix .. 'process_events:' .. p.id)) == 'number'
end

-- Whether all that a claim or the time may move it between can be used.
local function keys_work(p)
    return own_keys_work(p) and works(queue_key(p.type)) and
        works(prefix .. 'process_running:' .. p.type) and
        (not p.worker or works(prefix .. 'process_held:' .. p.worker))
end

-- Adds an entry to the timeline of a process, whose key is tried so: it must be the first write.
local function tell(p, entry)
    local key, max = prefix .. 'process_events:' .. p.id, POLICY.events_max
    p.events = p.events + 1
    if max > 0 and redis.call('RPUSH', key, entry) > max then
        redis.call('LTRIM', key, -max, -1)
    end
end

-- Hash and timeline of a finished one go by themselves should no sweep ever come by. Their time is
-- counted from now on, since the caller's clock need not be Redis's.
local function set_expiry(p)
    local left = int_text(math.max(p.expires_at - now, 0) + DAY_MS)
    redis.call('PEXPIRE', key_of(p.id), left)
    redis.call('PEXPIRE', prefix .. 'process_events:' .. p.id, left)
end

local function clear_expiry(p)
    redis.call('PERSIST', key_of(p.id))
    redis.call('PERSIST', prefix .. 'process_events:' .. p.id)
end

-- What leads a process of this status on, and where else it stands as one of these.
local function leave(plan, p)
    local was = p.was
    local n = #plan
    if was.status == 'pending' then
        plan[n + 1] = {'ZREM', prefix .. 'process_schedule', p.id}
        plan[n + 2] = {'ZREM', queue_key(p.type), p.id}
        if pending_deadline(was) then
            plan[n + 3] = {'ZREM', prefix .. 'process_deadlines', p.id}
        end
    elseif was.status == 'running' then
        plan[n + 1] = {'ZREM', prefix .. 'process_leases', p.id}
        plan[n + 2] = {'ZREM', prefix .. 'process_running:' .. p.type, p.id}
        if was.worker then
            plan[n + 3] = {'ZREM', prefix .. 'process_held:' .. was.worker, p.id}
        end
    else
        plan[n + 1] = {'ZREM', prefix .. 'process_retention', p.id}
    end
end

local function change_status(plan, p)
    local from, to, since = p.was.status, p.status, int_text(p.updated_at)
    plan[1] = {'ZREM', status_key(from), p.id}
    plan[2] = {'ZADD', status_key(to), since, p.id}
    if p.group then
        plan[3] = {'ZREM', group_key(from, p.group), p.id}
        plan[4] = {'ZADD', group_key(to, p.group), since, p.id}
    end
    leave(plan, p)
    if to == 'pending' then
        plan[#plan + 1] = {'ZADD', prefix .. 'process_types', int_text(now), p.type}
        local deadline = pending_deadline(p)
        if deadline then
            plan[#plan + 1] = {'ZADD', prefix .. 'process_deadlines', int_text(deadline), p.id}
        end
    end
end

-- Writes a changed record and moves it between the indexes; into running only claims do. `entry`
-- (or nil) is what its timeline says of it.
local function store(p, entry)
    local from, to = p.was.status, p.status
    local plan = {}
    if from ~= to then
        change_status(plan, p)
    end
    local index, score = place(p)
    plan[#plan + 1] = {'ZADD', index, int_text(score), p.id}
    for i = 1, #plan do
        redis.call('ZCARD', plan[i][2])
    end
    if entry then
        tell(p, entry)
    end
    save(p)
    for i = 1, #plan do
        redis.call(unpack(plan[i]))
    end
    if FINAL[to] then
        set_expiry(p)
    elseif FINAL[from] then
        clear_expiry(p)
    end
end
