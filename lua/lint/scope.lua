-- SPDX-License-Identifier: MIT
-- Which variable a name means, while a file is parsed; labels and jumps. A variable is
-- { name =, line =, kind =, attribute =, owner = its function, value = what it is first given,
-- references = names that mean it, writes = those of them that are assigned to }.

local LOCALS = 200 -- Lua's own limit for one function

local function fail(line, ...)
    error({ line = line, message = string.format(...) }, 0)
end

-- node: the function's.
local function open_function(outer, node)
    return { outer = outer, node = node, active = {}, hidden = 0, block = nil }
end

local function open_block(scope, is_loop)
    scope.block = { outer = scope.block, first = #scope.active, hidden = scope.hidden, labels = {},
        jumps = {}, is_loop = is_loop }
end

-- Room that Lua takes for the state of a loop.
local function hide(scope, count)
    scope.hidden = scope.hidden + count
end

local function declare(scope, name, line, kind)
    local variable = { name = name, line = line, kind = kind, owner = scope.node, references = {},
        writes = {} }
    scope.active[#scope.active + 1] = variable
    if #scope.active + scope.hidden > LOCALS then
        fail(line, "too many local variables (limit is %d)", LOCALS)
    end
    return variable
end

local function find(scope, name)
    while scope do
        for i = #scope.active, 1, -1 do
            if scope.active[i].name == name then
                return scope.active[i]
            end
        end
        scope = scope.outer
    end
end

local function land(jump, name, line, level)
    if jump.level < level then
        fail(line, "<goto %s> jumps into the scope of a local", name)
    end
end

-- is_last: nothing but the end of the block follows, where no local is in scope any more.
local function label(scope, name, line, is_last)
    local block = scope.block
    while block do
        if block.labels[name] then
            fail(line, "label '%s' already defined", name)
        end
        block = block.outer
    end
    block = scope.block
    block.labels[name] = true
    local open = {}
    for _, jump in ipairs(block.jumps) do
        if jump.name == name then
            land(jump, name, jump.line, is_last and block.first or #scope.active)
        else
            open[#open + 1] = jump
        end
    end
    block.jumps = open
end

local function jump(scope, name, line)
    local block = scope.block
    while block do
        if block.labels[name] then
            return
        end
        block = block.outer
    end
    local jumps = scope.block.jumps
    jumps[#jumps + 1] = { name = name, line = line, level = #scope.active }
end

local function leave_loop(scope, line)
    local block = scope.block
    while block and not block.is_loop do
        block = block.outer
    end
    if not block then
        fail(line, "break outside a loop")
    end
end

local function close_block(scope)
    local block = scope.block
    for i = #scope.active, block.first + 1, -1 do
        scope.active[i] = nil
    end
    scope.hidden = block.hidden
    scope.block = block.outer
    for _, open in ipairs(block.jumps) do
        if not block.outer then
            fail(open.line, "no visible label '%s' for goto", open.name)
        end
        open.level = math.min(open.level, block.first)
        local jumps = block.outer.jumps
        jumps[#jumps + 1] = open
    end
end

return { open_function = open_function, open_block = open_block, close_block = close_block, hide = hide,
    declare = declare, find = find, label = label, jump = jump, leave_loop = leave_loop }
