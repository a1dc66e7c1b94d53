-- SPDX-License-Identifier: MIT
-- What test.lua compares, prints and reads: values, moments and log lines. Pure.

local function show(value)
    if type(value) ~= "table" then
        return type(value) == "string" and '"' .. value .. '"' or tostring(value)
    end
    local parts, names = {}, {}
    for _, entry in ipairs(value) do
        parts[#parts + 1] = show(entry)
    end
    for name in pairs(value) do
        if not (math.type(name) == "integer" and name >= 1 and name <= #value) then
            names[#names + 1] = name
        end
    end
    table.sort(names, function(left, right) return tostring(left) < tostring(right) end)
    for _, name in ipairs(names) do
        parts[#parts + 1] = tostring(name) .. " = " .. show(value[name])
    end
    return "{ " .. table.concat(parts, ", ") .. " }"
end

local function same(left, right)
    if type(left) ~= "table" or type(right) ~= "table" then
        return left == right
    end
    for name, value in pairs(left) do
        if not same(value, right[name]) then
            return false
        end
    end
    for name in pairs(right) do
        if left[name] == nil then
            return false
        end
    end
    return true
end

local function differ(what, got, want, level)
    error(what .. ": got " .. got .. ", want " .. want, level + 1)
end

local function expect(got, want, what, level)
    if not same(got, want) then
        differ(what, show(got), show(want), level + 1)
    end
end

local function sorted_names(content)
    local names = {}
    for name in pairs(content) do
        names[#names + 1] = name
    end
    table.sort(names)
    return names
end

-- What a function of a test is given. Nothing is taken in silence: a test that says something else than it
-- means may pass.
local function type_name(kind)
    return kind == "string" and "text" or kind
end

local function need(value, kind, what)
    if type(value) ~= kind then
        error(what .. " takes a " .. type_name(kind) .. ", not " .. show(value), 3)
    end
end

local function need_count(value, what)
    if math.type(value) ~= "integer" or value < 0 then
        error(what .. " takes a whole number from 0 on, not " .. show(value), 3)
    end
end

-- known: { name = type of its value }
local function need_fields(content, known, what)
    need(content, "table", what)
    for name, value in pairs(content) do
        if not known[name] then
            error(what .. " has no " .. tostring(name) .. ": it has " .. table.concat(sorted_names(known), ", "), 3)
        elseif type(value) ~= known[name] then
            error(what .. ": " .. name .. " is a " .. type_name(known[name]) .. ", not " .. show(value), 3)
        end
    end
end

-- Days since the epoch, of the proleptic Gregorian calendar.
local function days_of(year, month, day)
    if month <= 2 then
        year, month = year - 1, month + 12
    end
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469
end

-- "2026-03-02 09:30", with seconds, and with a zone other than UTC behind it: +01:00
local function seconds_of(text)
    local year, month, day, hour, minute, rest =
        text:match("^(%d%d%d%d)-(%d%d)-(%d%d)[ T](%d%d):(%d%d)(.*)$")
    local second, zone = (rest or ""):match("^:?(%d?%d?)(.*)$")
    local sign, hours, minutes = (zone or ""):match("^ ?([+-])(%d%d):?(%d%d)$")
    if not year or not sign and zone ~= "" and zone ~= "Z" then
        return nil
    end
    year, month, day = tonumber(year), tonumber(month), tonumber(day)
    hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second ~= "" and second or "0")
    local next_month = month < 12 and days_of(year, month + 1, 1) or days_of(year + 1, 1, 1)
    local days = days_of(year, month, day)
    if month < 1 or month > 12 or day < 1 or days >= next_month or hour > 23 or minute > 59 or second > 59 then
        return nil
    end
    local offset = sign and tonumber(hours) * 3600 + tonumber(minutes) * 60 or 0
    return days * 86400 + hour * 3600 + minute * 60 + second - (sign == "-" and -offset or offset)
end

local ESCAPES <const> = "\\u00(%x%x)"

-- `key=value` and `key="value"` behind level and event.
local function parse_line(line)
    local level, event, rest = line:match("^(%S+) (%S+)(.*)$")
    local fields = { level = level, event = event }
    local at = 1
    while at <= #rest do
        local key, stop = rest:match("^ ([%w_.-]+)=()", at)
        if not key then
            break
        end
        local value
        if rest:sub(stop, stop) == '"' then
            local close = stop + 1
            while rest:sub(close, close) ~= '"' and close <= #rest do
                close = close + (rest:sub(close, close) == "\\" and 2 or 1)
            end
            value = rest:sub(stop + 1, close - 1)
            value = value:gsub('\\(["\\])', function(char) return char == "\\" and "\\u005c" or char end)
            value = value:gsub(ESCAPES, function(code) return utf8.char(tonumber(code, 16)) end)
            at = close + 1
        else
            value, at = rest:match("^(%S*)()", stop)
        end
        -- The program's own come first: a rule's field of the same name is kept as well.
        if fields[key] == nil then
            fields[key] = value
        elseif fields[key .. "_2"] == nil then
            fields[key .. "_2"] = value
        end
    end
    return fields
end

return { show = show, differ = differ, expect = expect, sorted_names = sorted_names, need = need,
    need_count = need_count, need_fields = need_fields, seconds_of = seconds_of, parse_line = parse_line }
