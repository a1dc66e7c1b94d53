-- SPDX-License-Identifier: MIT
-- Which globals a rule sees. Called once a state with the table of our own functions; returns the
-- environment of rule files. All of it is frozen: rules share nothing but what is kept in notes.

local api = ...

-- One call of these runs without passing the instruction hook, so its cost is bounded by its input.
local PATTERN_SUBJECT_BYTES = 4096
local PATTERN_BYTES = 1024
local PATTERN_STEPS = 1e8
local RESULT_BYTES = 1048576
local MOVE_COUNT = 1000000

local function freeze(content, name)
    local function refuse(_, key)
        error(name .. "." .. tostring(key) .. " cannot be set: " .. name .. " is frozen", 2)
    end
    return setmetatable({}, {
        __index = content,
        __newindex = refuse,
        __len = function() return #content end,
        __pairs = function(frozen)
            -- Not next itself: that would hand out the content.
            return function(_, key) return next(content, key) end, frozen, nil
        end,
        __metatable = false,
    })
end

local function copy(source, names)
    local result = {}
    for name in names:gmatch("%S+") do
        result[name] = source[name]
    end
    return result
end

local text = copy(string, "byte char find format gmatch gsub len lower match rep reverse sub upper")

-- A match may try every length of every repetition, with and without every optional part, at every
-- place of the subject. Sets and escapes are no repetitions. Patterns are few; what they cost is
-- remembered.
local gsub = string.gsub
local costs, remembered = {}, 0

local function cost_of(pattern)
    local known = costs[pattern]
    if known then
        return known
    end
    local bare = gsub(gsub(pattern, "%%.", ""), "%[%^?.[^%]]*%]", "")
    local _, repetitions = gsub(bare, "[*+-]", "")
    local _, options = gsub(bare, "%?", "")
    local places = pattern:byte(1) == 94 and 0 or 1 -- ^
    local cost = { exponent = repetitions + places, factor = 2.0 ^ options }
    if remembered < 1000 then
        costs[pattern], remembered = cost, remembered + 1
    end
    return cost
end

local function capped(name)
    local original = string[name]
    return function(subject, pattern, ...)
        if #subject > PATTERN_SUBJECT_BYTES or #pattern > PATTERN_BYTES then
            error("string." .. name .. " takes a subject of at most " .. PATTERN_SUBJECT_BYTES ..
                " bytes; use string.find(s, text, 1, true) or string.sub on longer ones", 2)
        end
        local cost = cost_of(pattern)
        if cost.factor * (#subject + 1) ^ cost.exponent > PATTERN_STEPS then
            error("string." .. name .. ": too many repetitions in \"" .. pattern .. "\" for " ..
                #subject .. " bytes: anchor it with ^, or cut the subject with string.sub", 2)
        end
        return original(subject, pattern, ...)
    end
end

text.match, text.gmatch, text.gsub = capped("match"), capped("gmatch"), capped("gsub")

local find, pattern_find = string.find, capped("find")
function text.find(subject, pattern, init, plain)
    if plain then
        if #subject * #pattern > PATTERN_STEPS then
            error("string.find: the subject is too long for so long a text", 2)
        end
        return find(subject, pattern, init, true)
    end
    return pattern_find(subject, pattern, init)
end

local rep = string.rep
function text.rep(subject, count, separator)
    if (#subject + #(separator or "")) * count > RESULT_BYTES then
        error("string.rep makes at most " .. RESULT_BYTES .. " bytes", 2)
    end
    return rep(subject, count, separator)
end

local lists = copy(table, "concat insert pack remove sort unpack")
local move = table.move
function lists.move(source, first, last, ...)
    if last - first > MOVE_COUNT then
        error("table.move moves at most " .. MOVE_COUNT .. " entries", 2)
    end
    return move(source, first, last, ...)
end

-- ("x"):upper() goes through the metatable of strings: it must find the capped functions.
getmetatable("").__index = text

local environment = copy(_G, "assert error ipairs next pairs pcall select tonumber tostring type")

-- The real one calls the handler inside of what failed: after a failure of the instruction hook no
-- hook fires there, and a handler could run for ever.
local function handle(handler, ok, ...)
    if ok then
        return true, ...
    end
    return false, (select(2, pcall(handler, (...))))
end

function environment.xpcall(body, handler, ...)
    return handle(handler, pcall(body, ...))
end

environment.string = freeze(text, "string")
environment.table = freeze(lists, "table")
environment.math = freeze(copy(math, "abs ceil floor fmod huge max maxinteger min mininteger " ..
    "modf random tointeger type ult"), "math")
environment.utf8 = freeze(copy(utf8, "char charpattern codepoint codes len offset"), "utf8")
for name, content in pairs(api) do
    environment[name] = type(content) == "table" and freeze(content, name) or content
end

local globals = setmetatable({}, {
    __index = function(_, name)
        local value = environment[name]
        if value == nil then
            error("there is no global \"" .. tostring(name) .. "\" for rules", 2)
        end
        return value
    end,
    __newindex = function(_, name)
        error("global \"" .. tostring(name) .. "\" cannot be set: write local, or keep it in notes", 2)
    end,
    __metatable = false,
})

return { globals = globals, freeze = freeze }
