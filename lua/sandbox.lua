-- SPDX-License-Identifier: MIT
-- Which globals a rule sees. Called once a state with the table of our own functions; returns the
-- environment of rule files. All of it is frozen: rules share nothing but what is kept in notes.

local api = ...

local function freeze(content, name)
    for key, value in pairs(content) do
        if type(value) == "table" then
            content[key] = freeze(value, name .. "." .. tostring(key))
        end
    end
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

local lists = copy(table, "concat insert move pack remove sort unpack")

-- ("x"):upper() goes through the metatable of strings: it must find what rules have.
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

return { globals = globals, content = environment, freeze = freeze }
