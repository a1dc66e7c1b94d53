-- SPDX-License-Identifier: MIT
-- Waiting where a rule cannot, and state that is kept where it does not last.

local lint = ...
local add = lint.report.add
local global_path, bare = lint.tree.global_path, lint.tree.bare
local function_of = lint.rule.function_of
local CHANGING = { ["table.insert"] = true, ["table.remove"] = true }

-- The function that a call of table.sort or gsub calls back, and the name of the callee.
local function callback(node)
    if node.tag == "method" then
        return node.name == "gsub" and node.arguments[2], "string.gsub"
    end
    local path = global_path(node.callee)
    local place = path == "table.sort" and 2 or path == "string.gsub" and 3
    return place and node.arguments[place], path
end

local function check_callback(file, node)
    local argument, caller = callback(node)
    local called = argument and function_of(argument)
    if called and called.wait then
        add(file, "cannot-wait", argument.line, called.wait ..
            " waits, which a rule cannot in a callback of " .. caller .. ": the rule fails here",
            "ask before, and keep the answers in a table")
    end
end

local function check_loading(file, node)
    if node.owner ~= file.tree.root then
        return
    end
    local called = function_of(node.callee)
    local wait = lint.flow.waits_in(node) or called and called.wait
    if wait then
        add(file, "cannot-wait", node.line, wait ..
            " waits, and nothing can be asked while the file is loaded: the rule does not load",
            "ask in a handler")
    end
end

-- Is it a local of the file, and this in what runs for mail only?
local function is_kept(file, variable, node)
    return variable and variable.owner == file.tree.root and node.owner ~= file.tree.root and
        lint.flow.runs_in(node.owner, file.stages)
end

local function add_kept(file, variable, line)
    if not variable.is_told then
        variable.is_told = true
        add(file, "kept-state", line, variable.name ..
            " is kept in a local of the file: each Lua state has its own, a reload empties it, and " ..
            "messages share it", "keep it in session.notes or message.notes")
    end
end

-- The local of a file whose table an index leads into.
local function base_table(node)
    node = bare(node)
    while node.tag == "index" do
        node = bare(node.object)
    end
    local variable = node.tag == "name" and node.variable
    local value = variable and lint.rule.constant(variable)
    return value and bare(value).tag == "table" and variable or nil
end

local function check_state(file)
    for _, node in ipairs(file.tree.name) do
        if node.is_target and is_kept(file, node.variable, node) then
            add_kept(file, node.variable, node.line)
        end
    end
    for _, node in ipairs(file.tree.index) do
        local variable = node.is_target and base_table(node.object)
        if is_kept(file, variable, node) then
            add_kept(file, variable, node.line)
        end
    end
    for _, node in ipairs(file.tree.call) do
        local list = CHANGING[global_path(node.callee)] and node.arguments[1]
        local variable = list and base_table(list)
        if is_kept(file, variable, node) then
            add_kept(file, variable, node.line)
        end
    end
end

-- Locals that nothing reads. Of several at once only all: the first may have to be named.
local function check_unused(file)
    for _, node in ipairs(file.tree["local"]) do
        local is_used = false
        for _, variable in ipairs(node.variables) do
            is_used = is_used or #variable.references > #variable.writes or variable.attribute == "close" or
                variable.name:sub(1, 1) == "_"
        end
        local value = node.values[1] and bare(node.values[1])
        local path = value and value.tag == "call" and global_path(value.callee)
        local is_verdict = path and lint.api.RESULTS[path] == "verdict"
        if not is_used and not is_verdict then
            add(file, "unused-local", node.line, "nothing reads " .. node.variables[1].name,
                "remove it, or begin its name with _")
        end
    end
end

local PATTERN_METHODS = { find = true, match = true, gmatch = true, gsub = true }

-- How many parts of a pattern may each take any number of characters, any of them; but for the last
-- when nothing follows: it takes what is left.
local function open_parts(pattern)
    local count = 0
    local text = pattern:gsub("%%.", "a"):gsub("%[%^?%]?[^%]]*%]", "a"):gsub("%.[-*+]%)*%$?$", "")
    for _ in text:gmatch("%.[-*+]") do
        count = count + 1
    end
    return count
end

local function check_pattern(file, node)
    local pattern
    if node.tag == "method" then
        pattern = PATTERN_METHODS[node.name] and node.arguments[1]
    else
        local name = (global_path(node.callee) or ""):match("^string%.(%w+)$")
        pattern = name and PATTERN_METHODS[name] and node.arguments[2]
    end
    local text = pattern and lint.kinds.literal(pattern)
    local is_plain = node.name == "find" and node.arguments[3] or node.tag == "call" and node.arguments[4]
    if type(text) ~= "string" or is_plain then
        return
    elseif open_parts(text) + (text:sub(1, 1) == "^" and 0 or 1) >= 3 then
        add(file, "costly-pattern", pattern.line, "this pattern tries a thousand bytes in millions of " ..
            "ways: the rule may run out of instructions",
            "anchor it with ^, and write [^x]- for what x ends instead of .-")
    end
end

local function check(file)
    for _, tag in ipairs{ "call", "method" } do
        for _, node in ipairs(file.tree[tag]) do
            check_callback(file, node)
            check_pattern(file, node)
        end
    end
    for _, node in ipairs(file.tree.call) do
        check_loading(file, node)
    end
    check_state(file)
    check_unused(file)
end

return { check = check }
