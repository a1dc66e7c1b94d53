-- SPDX-License-Identifier: MIT
-- Verdicts: what their constructors take, that they are returned, and in a stage that takes them.

local lint = ...
local api = lint.api
local add = lint.report.add
local global_path, bare, is_multiple = lint.tree.global_path, lint.tree.bare, lint.tree.is_multiple
local kind, literal = lint.kinds.kind, lint.kinds.literal

-- A code that the constructor takes, for one that is not known.
local CODES = { reject = 550, defer = 450, disconnect = 421 }
-- A value of a kind, for one that is not known.
local SAMPLES = { text = "x", number = 1, boolean = true, table = {}, reply = {}, settings = {}, notes = {},
    recipients = {}, address = {}, session = {}, message = {}, recipient = {}, ["function"] = pcall }
local UNKNOWN = {}

-- What is known of a text: literals with x for each part that is not; nil when nothing is.
local function known_text(node, depth)
    depth = depth or 0
    local value = literal(node)
    node = lint.rule.follow(node)
    if value ~= nil or node.tag ~= "binary" or node.operator ~= ".." or depth > 50 then
        return value
    end
    local left, right = known_text(node.left, depth + 1), known_text(node.right, depth + 1)
    return left and right and left .. right or (left or right) and (left or "x") .. (right or "x")
end

-- The nth argument as far as it is known: nil when there is none, UNKNOWN, or a value like it.
local function argument(file, node, n, expected)
    local last = #node.arguments
    local value = node.arguments[n]
    if n >= last and is_multiple(node.arguments[last] and bare(node.arguments[last])) then
        return UNKNOWN
    elseif not value then
        return nil
    end
    local known = known_text(value)
    local found = kind(file, value)
    if known ~= nil then
        return known
    elseif found == expected or SAMPLES[found] == nil then
        return UNKNOWN
    end
    return SAMPLES[found]
end

local function class_of(code)
    return math.type(code) == "integer" and code >= 400 and code <= 599 and code // 100 or nil
end

-- A code that goes with what is known of the enhanced one, where that can be.
local function fitting_code(name, xcode)
    local class = type(xcode) == "string" and xcode:match("^[45]%.") and tonumber(xcode:sub(1, 1))
    if name == "disconnect" and class == 5 then
        return 521
    end
    return CODES[name]
end

-- The constructor itself says what is wrong.
local function check_refusal(file, node, name)
    local code, xcode = argument(file, node, 1, "number"), argument(file, node, 2, "text")
    local text = argument(file, node, 3, "text")
    if code == UNKNOWN then
        code = fitting_code(name, xcode)
    end
    if xcode == UNKNOWN then
        xcode = (class_of(code) or CODES[name] // 100) .. ".7.1"
    end
    return pcall(file.globals[name], code, xcode, text == UNKNOWN and "x" or text)
end

local function check_reason(file, node, name)
    local reason = argument(file, node, 1, "text")
    return pcall(file.globals[name], reason == UNKNOWN and "x" or reason)
end

local FORM = ", an enhanced code of the same class, a text of printable ASCII"
local REMEDIES = {
    reject = "reject(550, \"5.7.1\", \"text\"): code 500 to 599" .. FORM,
    defer = "defer(450, \"4.7.1\", \"text\"): code 400 to 499" .. FORM,
    disconnect = "disconnect(421, \"4.7.0\", \"text\"): code 421 or 521" .. FORM,
    discard = "discard(\"reason\")", quarantine = "quarantine(\"reason\")",
}

local function check_arguments(file, node, name)
    if name == "skip" then
        return
    end
    local ok, message = (CODES[name] and check_refusal or check_reason)(file, node, name)
    if not ok then
        message = tostring(message):gsub("to '%?'", "to " .. name):gsub(", got table", "")
        add(file, "bad-verdict", node.line, message .. ": the rule fails here",
            "write " .. REMEDIES[name])
    end
end

-- Not where some of the stages it runs in take it, or that is not known.
local function check_stage(file, node, name)
    local takes = api.STAGES[name]
    local first
    for stage in pairs(takes and node.owner.stages or {}) do
        if takes[stage] or not file.stages[stage] then
            return
        end
        first = (not first or stage < first) and stage or first
    end
    if first then
        local stages = name == "discard" and "data or finish" or "finish"
        add(file, "wrong-stage", node.line,
            name .. " is not possible at stage " .. first .. ": the rule fails",
            "decide in the handler " .. stages .. ", or refuse with reject")
    end
end

local function check_constructor(file, node)
    local name = global_path(node.callee)
    if api.RESULTS[name] ~= "verdict" then
        return
    end
    check_arguments(file, node, name)
    check_stage(file, node, name)
    local parent = node.parent
    if parent.tag == "expression" then
        add(file, "unused-verdict", node.line,
            "the verdict is made and thrown away: nothing happens to the mail",
            "write `return " .. name .. "(...)`")
    end
end

-- What a handler returns itself.
local function check_return(file, node)
    local value = node.values[1]
    local is_handler = false
    for _, handler in pairs(file.rule and file.rule.handlers or {}) do
        is_handler = is_handler or handler == node.owner
    end
    local found = is_handler and value and kind(file, value)
    if not found or found == "verdict" or found == "nil" or found == "copy" or
        lint.kinds.may_be_nil(file, value) then
        return
    end
    local path = global_path(value)
    add(file, "no-verdict", node.line, "a handler returns " .. lint.handles.article(found) ..
        ", which is no verdict: the rule fails", api.RESULTS[path] == "verdict" and "write `return " .. path ..
        "(...)`" or "return a verdict like reject(550, \"5.7.1\", \"text\"), or nothing for no objection")
end

local function check(file)
    for _, node in ipairs(file.tree.call) do
        check_constructor(file, node)
    end
    for _, node in ipairs(file.tree["return"]) do
        check_return(file, node)
    end
    for _, node in ipairs(file.tree["local"]) do
        local variable = node.variables[1]
        local call = node.values[1] and bare(node.values[1])
        if #node.variables == 1 and call and call.tag == "call" and #variable.references == 0 and
            api.RESULTS[global_path(call.callee)] == "verdict" then
            add(file, "unused-verdict", node.line, "the verdict is kept in " .. variable.name ..
                " and never returned: nothing happens to the mail", "write `return " .. variable.name .. "`")
        end
    end
end

return { check = check }
