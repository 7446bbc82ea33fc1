-- Where a record belongs.

-- When it entered its status, as far as it tells.
local function entered(p)
    local at
    if p.status == 'running' then
        at = p.started_at
    elseif FINAL[p.status] then
        at = p.completed_at
    end
    return at or p.updated_at or p.created_at
end

-- The indexes that lead to it, each with its score there.
local function places_of(p)
    local since = entered(p)
    local index, score = place(p)
    local places = {
        {prefix .. 'process_times', p.created_at},
        {status_key(p.status), since},
        {index, score},
    }
    local function also(key, at)
        places[#places + 1] = {key, at}
    end
    if p.group then
        also(group_key('all', p.group), p.created_at)
        also(group_key(p.status, p.group), since)
    end
    if p.status == 'pending' and pending_deadline(p) then
        also(prefix .. 'process_deadlines', pending_deadline(p))
    elseif p.status == 'running' then
        also(prefix .. 'process_running:' .. p.type, p.started_at or since)
        if p.worker then
            also(prefix .. 'process_held:' .. p.worker, p.started_at or since)
        end
    end
    return places
end
