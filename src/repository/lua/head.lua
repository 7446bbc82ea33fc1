-- What all scripts begin with. Each runs as one atomic step on the keys that begin with the prefix:
-- KEYS[1] names one of them, so that a cluster finds the node; the others are built here. `prefix`
-- stands in front of this text. ARGV[1] is the caller's time in ms.
--
-- Where the server does not tell others of what is changed, CHANNEL (else false) is where each new
-- version of a process is published, in the same step. That this may be refused harms no change.
--
-- A script is not rolled back when a command in it fails. So whatever can fail because somebody
-- has put another type at a key is tried by reading before the first write.

local now = tonumber(ARGV[1])
local DAY_MS = 86400000
local FINAL = {completed = true, failed = true, canceled = true}

-- What was met on the way: index entries without a record, records that cannot be read.
local healed, damaged, damaged_id = 0, 0, ''

local function reply(code, ...)
    return {code, healed, damaged, damaged_id, ...}
end

local function note_damage(id)
    damaged = damaged + 1
    damaged_id = id
end

-- Lua's own conversion keeps 14 digits only.
local function int_text(number)
    return string.format('%.0f', number)
end

local function key_of(id)
    return prefix .. 'process:' .. id
end

local function status_key(status)
    return prefix .. 'process_status:' .. status
end

local function queue_key(type)
    return prefix .. 'process_queue:' .. type
end

-- `status` may be 'all'.
local function group_key(status, group)
    return prefix .. 'process_group:' .. status .. ':' .. group
end

-- One key that cannot be used must not hold up the other types, groups and workers.
local function works(index)
    return type(redis.pcall('ZCARD', index)) == 'number'
end
