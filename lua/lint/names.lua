-- SPDX-License-Identifier: MIT
-- Globals: what rules have, as the sandbox has it.

local lint = ...
local api = lint.api
local add = lint.report.add
local global_path, above, bare = lint.tree.global_path, lint.tree.above, lint.tree.bare

local function or_nothing(format, text)
    return text and format:format(text)
end

-- "did you mean" for a name among the keys of a table.
local function nearest(name, content)
    local names = {}
    for known in pairs(content) do
        names[#names + 1] = known
    end
    return lint.nearest(name, names)
end

-- Whose member a path names: its table, or nil.
local function library(file, name)
    local content = file.globals[name]
    return type(content) == "table" and content or nil
end

local KINDS = { ["function"] = "function", number = "number", string = "text", table = "table" }

local function kind_of_global(file, node)
    local path = global_path(node)
    local name, member = (path or ""):match("^([^.]+)%.?([^.]*)$")
    if not name then
        return nil
    end
    local value = file.globals[name]
    if member ~= "" then
        value = library(file, name) and library(file, name)[member]
    end
    return KINDS[type(value)]
end

local function remedy_of_read(file, name)
    local out_of_scope = file.locals[name]
    if api.INSTEAD[name] then
        return "use " .. api.INSTEAD[name]
    elseif out_of_scope then
        return "the local of line " .. out_of_scope ..
            " is not in scope here: declare it further up, or in the file"
    end
    local names = {}
    for _, content in ipairs{ file.globals, file.locals } do
        for known in pairs(content) do
            names[#names + 1] = known
        end
    end
    return or_nothing("did you mean %s?", lint.nearest(name, names)) or
        "correct the name, or declare it with local above this line"
end

local function check_read(file, node)
    local name = node.name
    if node.environment or name == "_ENV" or file.globals[name] ~= nil then
        return
    end
    add(file, "unknown-global", node.line, "there is no global " .. name .. " for rules: the rule fails here",
        remedy_of_read(file, name))
end

local function check_write(file, node)
    if node.environment then
        return
    end
    if node.parent.is_function then
        add(file, "global-assignment", node.line, "function " .. node.name ..
            " would be a global: the rule fails here", "write `local function " .. node.name .. "`")
    else
        add(file, "global-assignment", node.line, node.name ..
            " would be a global, which cannot be set: the rule fails here",
            or_nothing("did you mean %s?", nearest(node.name, file.locals)) or
            "write `local " .. node.name .. "`, or keep it in notes")
    end
end

local function check_member(file, node)
    local path = global_path(node)
    local name, member = (path or ""):match("^([^.]+)%.([^.]+)$")
    local content = name and library(file, name)
    if not content then
        return
    elseif node.is_target then
        add(file, "read-only", node.line, path .. " cannot be set: " .. name ..
            " is frozen, and the rule fails here", "use a local of your own")
        return
    elseif content[member] ~= nil then
        return
    end
    local parent, child = above(node)
    local is_called = parent.tag == "call" and bare(parent.callee) == bare(child) or
        parent.tag == "index" and parent.object == child or parent.tag == "method" and parent.object == child
    local message = "there is no " .. path .. (is_called and ": the rule fails here" or ": it is nil")
    local known = nearest(member, content)
    add(file, "unknown-member", node.line, message,
        known and "did you mean " .. name .. "." .. known .. "?" or
        "see lua/README.md for what " .. name .. " has",
        not is_called and "warning" or nil)
end

-- directory:resolve(...) hands over the table itself as the first argument.
local function check_method(file, node)
    local path = global_path(node.object)
    local content = path and library(file, path)
    if content then
        add(file, "method-call", node.line, path .. ":" .. node.name .. " gives " .. path ..
            " itself to the function: the rule fails here", "write " .. path .. "." .. node.name .. "(...)")
    end
end

local function check(file)
    for _, node in ipairs(file.tree.name) do
        if not node.variable then
            (node.is_target and check_write or check_read)(file, node)
        end
    end
    for _, node in ipairs(file.tree.index) do
        check_member(file, node)
    end
    for _, node in ipairs(file.tree.method) do
        check_method(file, node)
    end
end

return { check = check, kind_of_global = kind_of_global }
