-- SPDX-License-Identifier: MIT
-- What the parser does with single tokens: the current one is p.kind, p.value and p.line.

local lint = ...
local lexer = lint.lexer

local DEPTH = 200 -- Lua's own limit of statements and expressions within each other

local function fail(p, message)
    error({ line = p.line, message = message }, 0)
end

-- Goes to the next token; the kind of the one before.
local function take(p)
    local kind = p.kind
    p.kind, p.value = lexer.next_token(p.lexer)
    p.line = p.lexer.line
    return kind
end

local function accept(p, kind)
    if p.kind ~= kind then
        return false
    end
    take(p)
    return true
end

-- opener, line: what the token closes.
local function expect(p, kind, opener, line)
    if not accept(p, kind) then
        local place = opener and " (to close '" .. opener .. "' at line " .. line .. ")" or ""
        fail(p, "'" .. kind .. "' expected" .. place .. " near '" .. tostring(p.value or p.kind) .. "'")
    end
end

local function name(p)
    local text = p.value
    expect(p, "name")
    return text
end

-- `<const>` behind the name of a local, or nothing.
local function attribute(p)
    if not accept(p, "<") then
        return nil
    end
    local text = name(p)
    expect(p, ">")
    if text ~= "const" and text ~= "close" then
        fail(p, "unknown attribute '" .. text .. "'")
    end
    return text
end

local function node(_, tag, line, parts)
    parts.tag, parts.line = tag, line
    return parts
end

local function enter(p)
    p.depth = p.depth + 1
    if p.depth > DEPTH then
        fail(p, "too many levels within each other")
    end
end

local function leave(p)
    p.depth = p.depth - 1
end

return { take = take, accept = accept, expect = expect, name = name, attribute = attribute, node = node, fail = fail,
    enter = enter, leave = leave }
