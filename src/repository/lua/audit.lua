-- One bounded step of comparing records with the indexes over them. KEYS[1] process_ids; ARGV[2]
-- part, [3] cursor within it, [4] about how many records or entries to look at. Answers OK with 1
-- when there is more, part and cursor to go on with, how many were looked at, how many were
-- missing, stray, moved, damaged, and how many of these were mended.
--
-- Part 0 walks the ids: each record must stand wherever it belongs, and in no other of the indexes
-- that all share. The others walk the names of all keys for what no id leads to: records that are
-- not listed, entries and timelines without a record, entries in an index of another type, group or
-- worker. There the part tells how far the entries of one index have been looked at.

local limit = tonumber(ARGV[4])
local CLOCKS_MS = 60000 -- by which the clocks of instances may differ
local RANKS = 1073741824
local ids = KEYS[1]
local examined, missing, stray, moved, unreadable, mended = 0, 0, 0, 0, 0, 0

local function count_damage(id)
    unreadable = unreadable + 1
    note_damage(id)
end

-- an index as a whole --------------------------------------------------------------------------

local ids_work = type(redis.pcall('SCARD', ids)) == 'number'

-- The score of an entry; false where there is none, nil where the key is of another type.
local function score_of(index, id)
    local score = redis.pcall('ZSCORE', index, id)
    if type(score) == 'table' then
        return nil
    end
    return score and tonumber(score)
end

local function add(index, score, id)
    redis.call('ZADD', index, int_text(score), id)
    mended = mended + 1
end

local function drop(index, id)
    stray, mended = stray + 1, mended + 1
    heal_entry(id, index)
end

local function drop_lost(id, index, group)
    stray, mended = stray + 1, mended + 1
    heal(id, index, group)
end

-- a record -------------------------------------------------------------------------------------

-- The indexes that each record is looked for in. Those of types, groups and workers are not among
-- them, but for the queue: whoever does not belong there is met when their entries are looked at.
local function common_to(p)
    local indexes = {queue_key(p.type)}
    for status in pairs(STATUS) do
        indexes[#indexes + 1] = status_key(status)
    end
    for _, name in ipairs({'schedule', 'leases', 'retention', 'deadlines'}) do
        indexes[#indexes + 1] = prefix .. 'process_' .. name
    end
    return indexes
end

-- By index, what its score there must be.
local function wanted_of(p)
    local wanted = {}
    for _, place in ipairs(places_of(p)) do
        wanted[place[1]] = place[2]
    end
    return wanted
end

-- Where a record has no end of its lease or retention, only the entry says when that is.
local function allow_no_end(p, wanted)
    local index, stage_end = prefix .. 'process_leases', p.lease_until
    if FINAL[p.status] then
        index, stage_end = prefix .. 'process_retention', p.expires_at
    end
    if not stage_end then
        wanted[index] = score_of(index, p.id) or wanted[index]
    end
end

-- A pending one that is due stays in the schedule until somebody moves it on, and stands in the
-- queue already when that one's clock was ahead.
local function allow_other_clocks(p, wanted)
    local queue, schedule = queue_key(p.type), prefix .. 'process_schedule'
    local run_at = p.run_at or p.created_at
    local in_queue, in_schedule = score_of(queue, p.id), score_of(schedule, p.id)
    if run_at <= now and in_schedule and not in_queue then
        wanted[queue], wanted[schedule] = nil, run_at
    elseif run_at > now and run_at <= now + CLOCKS_MS and in_queue then
        wanted[schedule], wanted[queue] = nil, queue_score(p)
    end
end

-- Who runs or waits must be found by type and worker.
local function check_names(p, is_queued)
    local function check(index, name, score)
        if score_of(index, name) == false then
            missing = missing + 1
            add(index, score, name)
        end
    end
    if is_queued or p.status == 'running' then
        check(prefix .. 'process_types', p.type, now)
    end
    if p.status == 'running' and p.worker then
        check(prefix .. 'process_workers', p.worker, p.started_at or now)
    end
end

-- Only finished ones go by themselves.
local function check_expiry(p)
    if not FINAL[p.status] and redis.call('PTTL', key_of(p.id)) >= 0 then
        stray, mended = stray + 1, mended + 1
        clear_expiry(p)
    end
end

local function check_place(p, index, want)
    local score = score_of(index, p.id)
    if score == nil then -- it is looked at as a key
        return
    elseif not score and want then
        missing = missing + 1
        add(index, want, p.id)
        if CHANNEL and index == queue_key(p.type) then
            redis.pcall('PUBLISH', CHANNEL, p.id .. ' pending ' .. p.type)
        end
    elseif score and not want then
        drop(index, p.id)
    elseif score ~= want and want then
        moved = moved + 1
        add(index, want, p.id)
    end
end

-- What is set aside since its own keys cannot be used stays where it is.
local function stands_aside(p)
    return not (own_keys_work(p) and
        (not p.group or (works(group_key('all', p.group)) and
                         works(group_key('completed', p.group)))))
end

local function check_record(p)
    if stands_aside(p) then
        return count_damage(p.id)
    end
    local wanted = wanted_of(p)
    if p.status == 'pending' then
        allow_other_clocks(p, wanted)
    else
        allow_no_end(p, wanted)
    end
    for _, index in ipairs(common_to(p)) do
        if not wanted[index] then
            check_place(p, index)
        end
    end
    for index, want in pairs(wanted) do
        check_place(p, index, want)
    end
    check_names(p, wanted[queue_key(p.type)] ~= nil)
    check_expiry(p)
end

-- part 0 ---------------------------------------------------------------------------------------

local function check_id(id)
    local p, why = load(id)
    examined = examined + 1
    if why == 'MISSING' then
        drop_lost(id, ids)
    elseif not p then
        count_damage(id)
    else
        check_record(p)
    end
end

-- the other parts ------------------------------------------------------------------------------

local FIXED = {process_times = true, process_schedule = true, process_leases = true,
               process_retention = true, process_deadlines = true}
local GLANCE = {'status', 'type', 'worker', 'group'}

-- Of an index of some type, worker or group: whether such a record belongs there.
local belongs = {}
function belongs.queue(name, status, type)
    return status == 'pending' and type == name
end
function belongs.running(name, status, type)
    return status == 'running' and type == name
end
function belongs.held(name, status, _, worker)
    return status == 'running' and worker == name
end
function belongs.group(name, status, _, _, group)
    return group and (name == status .. ':' .. group or name == 'all:' .. group)
end

-- The kind of an index and what follows in its name; nil when the key is none.
local function index_of(key)
    local rest = string.sub(key, #prefix + 1)
    if FIXED[rest] then
        return 'all', ''
    end
    local kind, name = string.match(rest, '^process_(%a+):(.+)$')
    if kind == 'status' and STATUS[name] then
        return 'all', ''
    elseif belongs[kind] then
        return kind, name
    end
end

local function check_entry(id, index, kind, name)
    examined = examined + 1
    if kind == 'all' then
        if redis.call('EXISTS', key_of(id)) == 0 then
            drop_lost(id, index)
        end
        return
    end
    local values, why = read(id, GLANCE)
    if why == 'MISSING' then
        drop_lost(id, index, kind == 'group' and string.match(name, ':(.*)') or nil)
    elseif values and not belongs[kind](name, unpack(values, 1, 4)) and load(id) then
        drop(index, id)
    end
end

-- From `rank` on; gives the rank to go on with, or nil at the end.
local function check_index(index, kind, name, rank)
    if not works(index) then
        count_damage('')
        return nil
    end
    local room = limit - examined
    local entries, before = redis.call('ZRANGE', index, rank, rank + room - 1), stray
    for i = 1, #entries do
        check_entry(entries[i], index, kind, name)
    end
    return #entries == room and rank + #entries - (stray - before) or nil
end

-- A record that no id leads to, or a timeline that no record leads to.
local function check_key(key)
    local kind, id = string.match(string.sub(key, #prefix + 1), '^process(%a*_?%a*):([%x%-]+)$')
    if not id or #id ~= 36 then
        return
    elseif kind == '' and ids_work and redis.call('SISMEMBER', ids, id) == 0 then
        local p = load(id)
        examined = examined + 1
        if not p then
            return count_damage(id)
        end
        missing, mended = missing + 1, mended + 1
        redis.call('SADD', ids, id)
        check_record(p)
    elseif kind == '_events' and redis.call('EXISTS', key_of(id)) == 0 then
        stray, mended = stray + 1, mended + 1
        redis.call('DEL', key)
    end
end

-- The indexes among the keys, in an order that is the same each time.
local function indexes_of(keys)
    local found = {}
    for _, key in ipairs(keys) do
        if index_of(key) then
            found[#found + 1] = {tonumber(string.sub(redis.sha1hex(key), 1, 5), 16), key}
        end
    end
    table.sort(found, function(a, b)
        return a[1] < b[1]
    end)
    return found
end

-- The first, and the rank in it, at a place; where two are at the same the last.
local function first_at(found, place)
    local order, rank = math.floor(place / RANKS), place % RANKS
    local first = 1
    while found[first] and found[first][1] < order do
        first = first + 1
    end
    while rank > 0 and found[first + 1] and found[first + 1][1] == order do
        first = first + 1
    end
    return first, found[first] and found[first][1] == order and rank or 0
end

-- The place to go on at among the same keys, or nil when all have been looked at.
local function check_keys(keys, place)
    if place == 0 then
        for _, key in ipairs(keys) do
            check_key(key)
        end
    end
    local found = indexes_of(keys)
    local i, rank = first_at(found, place)
    while found[i] do
        if examined >= limit then
            return found[i][1] * RANKS + rank
        end
        local key = found[i][2]
        local kind, name = index_of(key)
        rank = check_index(key, kind, name, rank)
        if rank then
            return found[i][1] * RANKS + rank
        end
        i, rank = i + 1, 0
    end
end

local function step_ids()
    local step = ids_work and redis.call('SSCAN', ids, ARGV[3], 'COUNT', limit) or {'0', {}}
    if not ids_work then
        count_damage('')
    end
    for _, id in ipairs(step[2]) do
        check_id(id)
    end
    return 1, step[1] == '0' and 1 or 0, step[1]
end

local function step_keys(place)
    local pattern = string.gsub(prefix, '[%*%?%[%]\\]', '\\%0') .. 'process*'
    local step = redis.call('SCAN', ARGV[3], 'MATCH', pattern, 'COUNT', 4 * limit)
    local on = check_keys(step[2], place)
    if on then
        return 1, 1 + on, ARGV[3]
    end
    return step[1] == '0' and 0 or 1, 1, step[1]
end

local part = tonumber(ARGV[2])
local more, next_part, cursor
if part == 0 then
    more, next_part, cursor = step_ids()
else
    more, next_part, cursor = step_keys(part - 1)
end
return reply('OK', more, int_text(next_part), cursor, examined, missing, stray, moved, unreadable,
             mended)
