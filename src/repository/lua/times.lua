-- Times as records hold them: RFC 3339, UTC, milliseconds.

-- One script reads and writes the same few times, mostly of one day, again and again.
local texts_of, times_of, dates_of, days_of = {}, {}, {}, {}

-- Years begin in March in this reckoning, so that the leap day is the last one.
local function date_text(days)
    local floor = math.floor
    local era = floor((days + 719468) / 146097)
    local of_era = days + 719468 - era * 146097
    local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524) -
                        floor(of_era / 146096)) / 365)
    local of_year = of_era - (365 * year + floor(year / 4) - floor(year / 100))
    local month = floor((5 * of_year + 2) / 153)
    local day = of_year - floor((153 * month + 2) / 5) + 1
    month = month < 10 and month + 3 or month - 9
    year = year + era * 400 + (month <= 2 and 1 or 0)
    return string.format('%04d-%02d-%02d', year, month, day)
end

local function time_text(ms)
    local text = texts_of[ms]
    if text then
        return text
    end
    local floor = math.floor
    local days = floor(ms / DAY_MS)
    local rest = ms - days * DAY_MS
    local date = dates_of[days] or date_text(days)
    text = string.format('%sT%02d:%02d:%02d.%03dZ', date, floor(rest / 3600000),
                         floor(rest / 60000) % 60, floor(rest / 1000) % 60, rest % 1000)
    dates_of[days], texts_of[ms] = date, text
    return text
end

-- Days since 1970.
local function date_days(date)
    local floor = math.floor
    local year, month = tonumber(string.sub(date, 1, 4)), tonumber(string.sub(date, 6, 7))
    if month <= 2 then
        year = year - 1
    end
    local era = floor(year / 400)
    local in_era = year - era * 400
    local of_year = floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5) +
        string.sub(date, 9) - 1
    local of_era = in_era * 365 + floor(in_era / 4) - floor(in_era / 100) + of_year
    return era * 146097 + of_era - 719468
end

-- nil when it is not a time as time_text() writes it.
local function time_ms(text)
    local ms = times_of[text]
    if ms then
        return ms
    end
    local date, hour, minute, second, part = string.match(
        text, '^(%d%d%d%d%-%d%d%-%d%d)T(%d%d):(%d%d):(%d%d)%.(%d%d%d)Z$')
    if not date then
        return nil
    end
    local days = days_of[date] or date_days(date)
    ms = ((days * 24 + hour) * 60 + minute) * 60000 + second * 1000 + part
    days_of[date], times_of[text] = days, ms
    return ms
end
