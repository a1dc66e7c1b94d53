-- SPDX-License-Identifier: MIT
-- Fields of session, message, recipient, address and settings: that there are such, whether they may be
-- assigned or called, and changes that only change a copy.

local lint = ...
local api = lint.api
local add = lint.report.add
local above, bare, global_path = lint.tree.above, lint.tree.bare, lint.tree.global_path
local kind = lint.kinds.kind

local CHANGING = { ["table.insert"] = true, ["table.remove"] = true, ["table.sort"] = true }

local function suggest(name, content, otherwise)
    local names = {}
    for known in pairs(content) do
        names[#names + 1] = known
    end
    local known = lint.nearest(name, names)
    return known and "did you mean " .. known .. "?" or otherwise
end

local function check_setting(file, node, name)
    local settings = file.rule and file.rule.settings
    if node.is_target then
        add(file, "read-only", node.line,
            "settings cannot be set: they are frozen, and the rule fails here",
            "use a local of your own")
    elseif settings and not settings[name] then
        add(file, "undeclared-setting", node.line,
            "the rule declares no setting " .. name .. ": it is always nil",
            suggest(name, settings, "declare it: settings = { " .. name .. " = { type, default, help } }"))
    end
end

local function article(object)
    return (object == "address" and "an " or "a ") .. object
end

local function check_target(file, node, object, name)
    if not api.WRITABLE[object .. "." .. name] then
        add(file, "read-only", node.line, "the field " .. name .. " of " .. article(object) ..
            " cannot be set: the rule fails here", name == "notes" and "assign to a field of notes" or
            "keep the value in notes, or use one of the edits")
    end
end

local function check_index(file, node)
    local object, key = kind(file, node.object), bare(node.key)
    local fields = api.FIELDS[object]
    if key.tag ~= "string" then
        return
    elseif object == "settings" then
        check_setting(file, node, key.value)
    elseif fields and not fields[key.value] then
        local fails = object ~= "reply"
        add(file, "unknown-field", node.line, article(object) .. " has no field " .. key.value ..
            (fails and ": the rule fails here" or ": it is always nil"),
            suggest(key.value, fields, "see lua/README.md for what " .. article(object) .. " has"))
    elseif fields and node.is_target then
        check_target(file, node, object, key.value)
    elseif fields and fields[key.value] == "method" then
        local parent, child = above(node)
        if parent.tag == "call" and bare(parent.callee) == bare(child) then
            add(file, "method-call", node.line, "a dot calls " .. key.value .. " without its " .. object ..
                ": the rule fails here", "write " .. object .. ":" .. key.value .. "(...)")
        end
    end
end

-- A table that comes from us: unlike one of the file, it has no functions.
local LISTS = { table = true, recipients = true }
local OURS = { call = true, method = true, index = true }

local function check_method(file, node)
    local object = kind(file, node.object)
    local fields = api.FIELDS[object]
    if LISTS[object] and OURS[lint.rule.follow(node.object).tag] then
        add(file, "unknown-member", node.line, "a table has no method " .. node.name .. ": the rule fails here",
            file.globals.string[node.name] and "take a text out of it: table[1]:" .. node.name .. "(...)" or
            "see lua/README.md for what this table holds")
    elseif object == "text" and file.globals.string[node.name] == nil then
        add(file, "unknown-member", node.line,
            "a text has no method " .. node.name .. ": the rule fails here",
            suggest(node.name, file.globals.string, "see string in lua/README.md"))
    elseif fields and not fields[node.name] then
        add(file, "unknown-field", node.line, article(object) .. " has no method " .. node.name ..
            ": the rule fails here", suggest(node.name, fields, "see lua/README.md for what " ..
                article(object) .. " has"))
    elseif fields and fields[node.name] ~= "method" then
        add(file, "method-call", node.line, node.name .. " of " .. article(object) ..
            " is no function: the rule fails here", "write ." .. node.name .. " without parentheses")
    end
end

local FRESH = { table = true, recipients = true, copy = true }

-- What a change of an entry of it comes to: "copy", lost; "frozen", an error; nil: it stays.
local function what_changes(file, node)
    node = bare(node)
    while node and node.tag == "index" do
        local object, key = kind(file, node.object), bare(node.key)
        local fields = api.FIELDS[object]
        if object == "notes" or fields and FRESH[fields[key.value or ""]] then
            return "copy"
        elseif object == "settings" then
            return "frozen"
        end
        node = bare(node.object)
    end
end

local function check_change(file, line, node)
    local change = what_changes(file, node)
    if change == "copy" then
        add(file, "lost-change", line, "what is read from here is a copy: the change is lost",
            "keep it in a local, change that, and assign it again")
    elseif change == "frozen" then
        add(file, "read-only", line, "settings are frozen: the rule fails here", "change a table of your own")
    end
end

local function check(file)
    for _, node in ipairs(file.tree.index) do
        check_index(file, node)
        if node.is_target then
            check_change(file, node.line, node.object)
        end
    end
    for _, node in ipairs(file.tree.method) do
        check_method(file, node)
    end
    for _, node in ipairs(file.tree.call) do
        if CHANGING[global_path(node.callee)] and node.arguments[1] then
            check_change(file, node.line, node.arguments[1])
        end
    end
end

return { check = check, suggest = suggest, article = article }
