-- SPDX-License-Identifier: MIT
-- A file as a tree: statements here, expressions in expressions.lua. A node has a tag and a line;
-- tree.lua says which parts each tag has. Takes all that Lua 5.4 takes.

local lint = ...
local lexer, scope = lint.lexer, lint.scope
local expect, accept, take, name = lint.tokens.expect, lint.tokens.accept, lint.tokens.take, lint.tokens.name
local node, fail = lint.tokens.node, lint.tokens.fail

local statement

local BLOCK_ENDS = { ["else"] = true, ["elseif"] = true, ["end"] = true, ["until"] = true,
    ["end of file"] = true }

local function return_statement(p, line)
    local values = {}
    if not BLOCK_ENDS[p.kind] and p.kind ~= ";" then
        values = p.expression_list(p)
    end
    accept(p, ";")
    return node(p, "return", line, { values = values })
end

local function statements(p)
    local block = node(p, "block", p.line, {})
    while not BLOCK_ENDS[p.kind] do
        local line = p.line
        if accept(p, "return") then
            block[#block + 1] = return_statement(p, line)
            break
        end
        block[#block + 1] = statement(p)
    end
    return block
end

-- opened: declares what belongs to the block.
local function block(p, is_loop, opened)
    scope.open_block(p.scope, is_loop)
    if opened then
        opened()
    end
    local body = statements(p)
    scope.close_block(p.scope)
    return body
end

local function parameters(p, made)
    expect(p, "(")
    while p.kind ~= ")" do
        if accept(p, "...") then
            made.is_vararg = true
            break
        end
        local line = p.line
        made.parameters[#made.parameters + 1] = scope.declare(p.scope, name(p), line, "parameter")
        if not accept(p, ",") then
            break
        elseif p.kind == ")" then
            fail(p, "<name> expected near ')'")
        end
    end
    expect(p, ")")
end

local function function_body(p, line, is_method)
    local made = node(p, "function", line, { parameters = {}, is_vararg = false })
    p.scope = scope.open_function(p.scope, made)
    made.body = block(p, false, function()
        if is_method then
            made.parameters[1] = scope.declare(p.scope, "self", line, "parameter")
        end
        parameters(p, made)
    end)
    made.last_line = p.line
    expect(p, "end", "function", line)
    p.scope = p.scope.outer
    return made
end

local function if_statement(p, line)
    local branches = {}
    repeat
        local place = p.line
        local condition = p.expression(p)
        expect(p, "then")
        branches[#branches + 1] = node(p, "branch", place, { condition = condition, body = block(p) })
    until not accept(p, "elseif")
    if accept(p, "else") then
        branches[#branches + 1] = node(p, "branch", line, { body = block(p) })
    end
    expect(p, "end", "if", line)
    return node(p, "if", line, { branches = branches })
end

local function while_statement(p, line)
    local condition = p.expression(p)
    expect(p, "do")
    local body = block(p, true)
    expect(p, "end", "while", line)
    return node(p, "while", line, { condition = condition, body = body })
end

-- The condition sees the locals of the body.
local function repeat_statement(p, line)
    scope.open_block(p.scope, true)
    scope.open_block(p.scope)
    local body = statements(p)
    expect(p, "until", "repeat", line)
    local condition = p.expression(p)
    scope.close_block(p.scope)
    scope.close_block(p.scope)
    return node(p, "repeat", line, { body = body, condition = condition })
end

-- Behind the head: `do ... end` with the variables of the loop.
local function loop_body(p, made, names, hidden, line)
    expect(p, "do")
    scope.open_block(p.scope, true)
    scope.hide(p.scope, hidden)
    made.variables = {}
    made.body = block(p, false, function()
        for i, text in ipairs(names) do
            made.variables[i] = scope.declare(p.scope, text, line, "loop")
        end
    end)
    scope.close_block(p.scope)
    expect(p, "end", "for", line)
    return made
end

local function for_statement(p, line)
    local names = { name(p) }
    if accept(p, "=") then
        local made = node(p, "numeric", line, { first = p.expression(p) })
        expect(p, ",")
        made.last = p.expression(p)
        made.step = accept(p, ",") and p.expression(p) or nil
        return loop_body(p, made, names, 3, line)
    end
    while accept(p, ",") do
        names[#names + 1] = name(p)
    end
    expect(p, "in")
    local made = node(p, "generic", line, { values = p.expression_list(p) })
    return loop_body(p, made, names, 4, line)
end

local function function_statement(p, line)
    local target = p.single_name(p)
    local is_method = false
    while p.kind == "." or p.kind == ":" do
        is_method = take(p) == ":"
        local key = node(p, "string", p.line, {})
        key.value = name(p)
        target = node(p, "index", key.line, { object = target, key = key })
        if is_method then
            break
        end
    end
    p.mark_target(p, target)
    local value = function_body(p, line, is_method)
    return node(p, "assign", line, { targets = { target }, values = { value }, is_function = true })
end

local function local_function(p, line)
    local variable = scope.declare(p.scope, name(p), line, "local")
    local value = function_body(p, line)
    variable.value = value
    variable.statement = node(p, "local", line, { variables = { variable }, values = { value },
        is_function = true })
    return variable.statement
end

local function local_statement(p, line)
    local names = {}
    local has_close = false
    repeat
        local entry = { line = p.line, name = name(p), attribute = lint.tokens.attribute(p) }
        if entry.attribute == "close" and has_close then
            fail(p, "multiple to-be-closed variables in local list")
        end
        has_close = has_close or entry.attribute == "close"
        names[#names + 1] = entry
    until not accept(p, ",")
    local made = node(p, "local", line, { variables = {}, values = {} })
    if accept(p, "=") then
        made.values = p.expression_list(p)
    end
    for i, entry in ipairs(names) do
        local variable = scope.declare(p.scope, entry.name, entry.line, "local")
        variable.attribute, variable.value, variable.statement = entry.attribute, made.values[i], made
        made.variables[i] = variable
    end
    return made
end

local function label_statement(p, line)
    local text = name(p)
    expect(p, "::")
    while p.kind == ";" or p.kind == "::" do
        statement(p)
    end
    scope.label(p.scope, text, line, BLOCK_ENDS[p.kind] and p.kind ~= "until")
    return node(p, "label", line, { name = text })
end

local function expression_statement(p, line)
    local first = p.suffixed_expression(p)
    if p.kind ~= "=" and p.kind ~= "," then
        if first.tag ~= "call" and first.tag ~= "method" then
            fail(p, "syntax error near '" .. tostring(p.value or p.kind) .. "'")
        end
        return node(p, "expression", line, { call = first })
    end
    local targets = { first }
    p.mark_target(p, first)
    while accept(p, ",") do
        targets[#targets + 1] = p.suffixed_expression(p)
        p.mark_target(p, targets[#targets])
    end
    expect(p, "=")
    return node(p, "assign", line, { targets = targets, values = p.expression_list(p) })
end

local STATEMENTS = {
    [";"] = function(p, line) return node(p, "empty", line, {}) end,
    ["if"] = if_statement,
    ["while"] = while_statement,
    ["for"] = for_statement,
    ["repeat"] = repeat_statement,
    ["function"] = function_statement,
    ["::"] = label_statement,
    ["do"] = function(p, line)
        local body = block(p)
        expect(p, "end", "do", line)
        return node(p, "do", line, { body = body })
    end,
    ["local"] = function(p, line)
        if accept(p, "function") then
            return local_function(p, line)
        end
        return local_statement(p, line)
    end,
    ["break"] = function(p, line)
        scope.leave_loop(p.scope, line)
        return node(p, "break", line, {})
    end,
    ["goto"] = function(p, line)
        local text = name(p)
        scope.jump(p.scope, text, line)
        return node(p, "goto", line, { name = text })
    end,
}

function statement(p)
    lint.tokens.enter(p)
    local line = p.line
    local parse = STATEMENTS[p.kind]
    local made
    if parse then
        take(p)
        made = parse(p, line)
    else
        made = expression_statement(p, line)
    end
    lint.tokens.leave(p)
    return made
end

-- The tree of the file, a function with its comments, or nil, { line =, message = }.
local function parse(source)
    local p = { lexer = lexer.new(source), depth = 0, function_body = function_body }
    for key, method in pairs(lint.expressions) do
        p[key] = method
    end
    local chunk = { tag = "function", line = 0, parameters = {}, is_vararg = true,
        comments = p.lexer.comments }
    local ok, result = pcall(function()
        p.scope = scope.open_function(nil, chunk)
        take(p)
        chunk.body = block(p)
        expect(p, "end of file")
    end)
    if not ok then
        return nil, type(result) == "table" and result or { line = 0, message = tostring(result) }
    end
    return chunk
end

return { parse = parse }
