-- SPDX-License-Identifier: MIT
-- Values of the wrong kind: comparisons that are never true, operators that fail, nil that nobody
-- looks for.

local lint = ...
local api = lint.api
local add = lint.report.add
local above, bare, global_path = lint.tree.above, lint.tree.bare, lint.tree.global_path
local kind, failing = lint.kinds.kind, lint.kinds.failing

-- Lua's type by which two values can be equal at all; none: no saying.
local TYPES = { text = "text", number = "number", boolean = "boolean", table = "table", reply = "table",
    recipients = "table", ["function"] = "function", address = "address", session = "session",
    message = "message", recipient = "recipient", verdict = "verdict", settings = "table", notes = "notes" }
local ORDERING = { ["<"] = true, [">"] = true, ["<="] = true, [">="] = true }
local ARITHMETIC = { ["+"] = true, ["-"] = true, ["*"] = true, ["/"] = true, ["//"] = true, ["%"] = true,
    ["^"] = true, ["&"] = true, ["|"] = true, ["~"] = true, ["<<"] = true, [">>"] = true }
local TO_TEXT = { address = "write tostring(address), or its field text", boolean = "write tostring(...)" }

local function remedy_of_comparison(left, right)
    local both = { [left] = true, [right] = true }
    if both.address and both.text then
        return "compare the field key, which is folded"
    elseif both.boolean and both.text then
        return "it is true or false: use it as it is"
    elseif both.number and both.text then
        return "write the number without quotes; a text of the wire: tonumber(text)"
    end
    return "compare values of one kind"
end

-- A setting that is a choice, compared with what is none of its choices.
local function check_choice(file, node, setting, other)
    setting = bare(setting)
    local text = lint.kinds.literal(other)
    if setting.tag ~= "index" or kind(file, setting.object) ~= "settings" or type(text) ~= "string" then
        return
    end
    local declared = file.rule.settings and file.rule.settings[bare(setting.key).value]
    local choices = declared and declared.type == "choice" and declared.choices
    local known = {}
    for word in (choices or ""):gmatch("%S+") do
        known[word] = true
    end
    if choices and not known[text] then
        add(file, "never-equal", node.line,
            "\"" .. text .. "\" is none of the choices of the setting: never equal",
            lint.handles.suggest(text, known, "choices: " .. choices))
    end
end

local function check_equal(file, node)
    local left, right = kind(file, node.left), kind(file, node.right)
    if TYPES[left] and TYPES[right] and TYPES[left] ~= TYPES[right] then
        local article = lint.handles.article
        add(file, "never-equal", node.line, article(left) .. " and " .. article(right) ..
            " are never equal: the condition is always " .. (node.operator == "==" and "false" or "true"),
            remedy_of_comparison(left, right))
    else
        check_choice(file, node, node.left, node.right)
        check_choice(file, node, node.right, node.left)
    end
end

local function fails(file, node, what, found)
    local value = found == "nil" and "nil" or lint.handles.article(found)
    add(file, "bad-operand", node.line, what .. " " .. value ..
        ": the rule fails here", what == "joining" and TO_TEXT[found] or found == "text" and
        "a text is never read as a number: tonumber(text)" or "use a value of the right kind")
end

local function check_operands(file, node, what, allowed)
    for _, side in ipairs{ "left", "right" } do
        local found = kind(file, node[side])
        if (TYPES[found] or found == "nil") and not allowed[found] then
            fails(file, node, what, found)
        end
    end
end

local function check_order(file, node)
    local left, right = kind(file, node.left), kind(file, node.right)
    if TYPES[left] and TYPES[right] and left ~= right then
        fails(file, node, "comparing " .. lint.handles.article(left) .. " with", right)
    else
        check_operands(file, node, "comparing the order of", { text = true, number = true })
    end
end

local function check_binary(file, node)
    local operator = node.operator
    if operator == "==" or operator == "~=" then
        check_equal(file, node)
    elseif operator == ".." then
        check_operands(file, node, "joining", { text = true, number = true })
    elseif ORDERING[operator] then
        check_order(file, node)
    elseif ARITHMETIC[operator] then
        check_operands(file, node, "calculating with", { number = true })
    end
end

-- An address is another value each time it is read.
local function check_key(file, node)
    local key = bare(node.key)
    if key and key.tag == "index" and kind(file, key) == "address" then
        add(file, "never-equal", key.line,
            "an address is another value each time it is read: as a key it is not found again",
            "use its field key")
    end
end

-- Functions that fail for nil as their first argument.
local TAKING = { ipairs = true, pairs = true, next = true, ["table.concat"] = true, ["table.unpack"] = true,
    ["table.insert"] = true, ["table.sort"] = true }

-- Does what is done with the value fail for nil?
local function needs_value(node)
    local parent, child = above(node)
    local tag = parent.tag
    if tag == "index" or tag == "method" then
        return parent.object == child
    elseif tag == "call" then
        local path = global_path(parent.callee)
        return parent.callee == child or
            parent.arguments[1] == child and path and (TAKING[path] or path:find("^string%.")) and true or false
    elseif tag == "unary" then
        return parent.operator ~= "not"
    elseif tag == "binary" then
        return parent.operator == ".." or ORDERING[parent.operator] or ARITHMETIC[parent.operator] or false
    end
    return false
end

local function add_unchecked(file, node, path)
    add(file, "unchecked-nil", node.line,
        path .. " gives nil, reason when it cannot tell: the rule fails here then",
        "look first: if not result then return defer(451, \"4.3.0\", \"Temporary lookup failure\") end")
end

-- A local whose every use fails for nil, and which nobody looks at, nor at the reason beside it.
local function check_result(file, node)
    local path = failing(file, node.values[1])
    if not path or #node.values > 1 then
        return
    end
    local first
    for i, variable in ipairs(node.variables) do
        for _, reference in ipairs(variable.references) do
            if not needs_value(reference) then
                return
            end
            first = i == 1 and first or reference
        end
    end
    if first then
        add_unchecked(file, first, path)
    end
end

local function check_fields(file)
    local looked, used = {}, {}
    for _, node in ipairs(file.tree.index) do
        local field = (kind(file, node.object) or "") .. "." .. tostring(bare(node.key).value)
        if api.ABSENT[field] and not node.is_target then
            if needs_value(node) then
                used[#used + 1] = { node = node, field = field }
            else
                looked[field] = true
            end
        end
    end
    for _, use in ipairs(used) do
        if not looked[use.field] then
            add(file, "unchecked-nil", use.node.line, use.field .. " is nil " .. api.ABSENT[use.field] ..
                ": the rule fails here then", "look first: if " .. use.field .. " then ... end")
        end
    end
end

local function check(file)
    for _, node in ipairs(file.tree.binary) do
        check_binary(file, node)
    end
    for _, node in ipairs(file.tree.index) do
        check_key(file, node)
    end
    for _, tag in ipairs{ "call", "method" } do
        for _, node in ipairs(file.tree[tag]) do
            local path = failing(file, node)
            if path and needs_value(node) then
                add_unchecked(file, node, path)
            end
        end
    end
    for _, node in ipairs(file.tree["local"]) do
        if node.values[1] then
            check_result(file, node)
        end
    end
    check_fields(file)
end

return { check = check }
