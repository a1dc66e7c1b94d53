-- SPDX-License-Identifier: MIT
-- Expressions, with Lua's priorities.

local lint = ...
local scope = lint.scope
local expect, accept, take, name = lint.tokens.expect, lint.tokens.accept, lint.tokens.take, lint.tokens.name
local node, fail = lint.tokens.node, lint.tokens.fail

local expression

-- { left, right }
local BINARY = {
    ["or"] = { 1, 1 }, ["and"] = { 2, 2 }, ["<"] = { 3, 3 }, [">"] = { 3, 3 }, ["<="] = { 3, 3 },
    [">="] = { 3, 3 }, ["~="] = { 3, 3 }, ["=="] = { 3, 3 }, ["|"] = { 4, 4 }, ["~"] = { 5, 5 },
    ["&"] = { 6, 6 }, ["<<"] = { 7, 7 }, [">>"] = { 7, 7 }, [".."] = { 9, 8 }, ["+"] = { 10, 10 },
    ["-"] = { 10, 10 }, ["*"] = { 11, 11 }, ["/"] = { 11, 11 }, ["//"] = { 11, 11 }, ["%"] = { 11, 11 },
    ["^"] = { 14, 13 },
}
local UNARY = { ["not"] = true, ["-"] = true, ["~"] = true, ["#"] = true }
local UNARY_PRIORITY = 12

local function expression_list(p)
    local list = { expression(p) }
    while accept(p, ",") do
        list[#list + 1] = expression(p)
    end
    return list
end

-- A name, with the variable it means; none: a global, of the variable _ENV if there is one.
local function single_name(p)
    local made = node(p, "name", p.line, {})
    made.name = name(p)
    made.variable = scope.find(p.scope, made.name)
    if made.variable then
        local references = made.variable.references
        references[#references + 1] = made
    else
        made.environment = scope.find(p.scope, "_ENV")
    end
    return made
end

local function mark_target(p, target)
    if target.tag ~= "name" and target.tag ~= "index" then
        fail(p, "syntax error near '" .. tostring(p.value or p.kind) .. "'")
    end
    target.is_target = true
    local variable = target.tag == "name" and target.variable
    if variable then
        if variable.attribute then
            fail(p, "attempt to assign to const variable '" .. variable.name .. "'")
        end
        variable.writes[#variable.writes + 1] = target
    end
end

local function item(p)
    local line = p.line
    if accept(p, "[") then
        local key = expression(p)
        expect(p, "]")
        expect(p, "=")
        return node(p, "item", line, { key = key, value = expression(p) })
    end
    local value = expression(p)
    -- `name = value`: what was read as an expression is a name alone.
    if p.kind == "=" and value.tag == "name" then
        if value.variable then
            table.remove(value.variable.references)
        end
        take(p)
        local key = node(p, "string", line, { value = value.name })
        return node(p, "item", line, { key = key, value = expression(p), is_named = true })
    end
    return node(p, "item", line, { value = value })
end

local function constructor(p)
    local line = p.line
    local made = node(p, "table", line, { items = {} })
    expect(p, "{")
    while p.kind ~= "}" do
        made.items[#made.items + 1] = item(p)
        if not accept(p, ",") and not accept(p, ";") then
            break
        end
    end
    expect(p, "}", "{", line)
    return made
end

local function arguments(p)
    local line = p.line
    if p.kind == "string" then
        local text = node(p, "string", line, { value = p.value })
        take(p)
        return { text }
    elseif p.kind == "{" then
        return { constructor(p) }
    end
    expect(p, "(")
    local list = {}
    if p.kind ~= ")" then
        list = expression_list(p)
    end
    expect(p, ")", "(", line)
    return list
end

local function primary(p)
    local line = p.line
    if accept(p, "(") then
        local inner = expression(p)
        expect(p, ")", "(", line)
        return node(p, "paren", line, { inner = inner })
    elseif p.kind == "name" then
        return single_name(p)
    end
    fail(p, "unexpected symbol near '" .. tostring(p.value or p.kind) .. "'")
end

local function suffixed_expression(p)
    local made = primary(p)
    while true do
        local line = p.line
        if accept(p, ".") then
            local key = node(p, "string", p.line, {})
            key.value = name(p)
            made = node(p, "index", line, { object = made, key = key })
        elseif accept(p, "[") then
            local key = expression(p)
            expect(p, "]")
            made = node(p, "index", line, { object = made, key = key })
        elseif accept(p, ":") then
            local method = name(p)
            made = node(p, "method", line, { object = made, name = method, arguments = arguments(p) })
        elseif p.kind == "(" or p.kind == "string" or p.kind == "{" then
            made = node(p, "call", line, { callee = made, arguments = arguments(p) })
        else
            return made
        end
    end
end

local CONSTANTS = { ["nil"] = true, ["true"] = true, ["false"] = true, number = true, string = true }

local function simple_expression(p)
    local line = p.line
    if CONSTANTS[p.kind] then
        local made = node(p, p.kind, line, { value = p.value })
        take(p)
        return made
    elseif p.kind == "{" then
        return constructor(p)
    elseif accept(p, "function") then
        return p.function_body(p, line)
    elseif p.kind == "..." then
        if not p.scope.node.is_vararg then
            fail(p, "cannot use '...' outside a vararg function near '...'")
        end
        take(p)
        return node(p, "vararg", line, {})
    end
    return suffixed_expression(p)
end

-- An expression whose operators bind tighter than limit.
local function operators(p, limit)
    lint.tokens.enter(p)
    local line = p.line
    local left
    if UNARY[p.kind] then
        local operator = take(p)
        left = node(p, "unary", line, { operator = operator, operand = operators(p, UNARY_PRIORITY) })
    else
        left = simple_expression(p)
    end
    while BINARY[p.kind] and BINARY[p.kind][1] > limit do
        line = p.line
        local operator = take(p)
        local right = operators(p, BINARY[operator][2])
        left = node(p, "binary", line, { operator = operator, left = left, right = right })
    end
    lint.tokens.leave(p)
    return left
end

function expression(p)
    return operators(p, 0)
end

return { expression = expression, expression_list = expression_list, single_name = single_name,
    mark_target = mark_target, suffixed_expression = suffixed_expression }
