-- What a process's timeline says: process_timeline_append(). POLICY stands in front of this text.

-- Workers are printable ASCII, codes are plainer still.
local function quoted(text)
    return text and '"' .. string.gsub(text, '["\\]', '\\%0') .. '"' or 'null'
end

local function entry_text(at, event, actor, p, error_code, progress)
    return '{"at":"' .. time_text(at) .. '","event":"' .. event .. '","actor":' .. quoted(actor) ..
        ',"attempt":' .. int_text(p.attempt) .. ',"version":' .. int_text(p.version) ..
        ',"error_code":' .. quoted(error_code) .. ',"progress":' .. (progress or 'null') .. '}'
end
