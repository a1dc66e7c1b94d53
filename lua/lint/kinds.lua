-- SPDX-License-Identifier: MIT
-- What kind of value an expression gives, where that is certain: session, message, recipient, address,
-- settings, notes, recipients, text, number, boolean, table, reply, copy, function, verdict, "nil".
-- nil: not known.

local lint = ...
local bare, global_path = lint.tree.bare, lint.tree.global_path
local constant = lint.rule.constant
local api = lint.api

local BY_TAG = { string = "text", number = "number", ["true"] = "boolean", ["false"] = "boolean",
    table = "table", ["function"] = "function", ["nil"] = "nil" }
local COMPARING = { ["=="] = true, ["~="] = true, ["<"] = true, [">"] = true, ["<="] = true, [">="] = true }
local CALCULATING = { ["+"] = true, ["-"] = true, ["*"] = true, ["/"] = true, ["//"] = true, ["%"] = true,
    ["^"] = true }

local kind

local function parameter_index(variable)
    for i, parameter in ipairs(variable.owner.parameters) do
        if parameter == variable then
            return i
        end
    end
end

-- The kind that all calls and handlers agree on.
local function parameter_kind(file, variable)
    local index = parameter_index(variable)
    local found
    for _, use in ipairs(variable.owner.uses) do
        local given
        if use.stage then
            given = file.stages[use.stage][index]
        elseif use.call then
            local value = use.call.arguments[index]
            given = value and kind(file, value)
        end
        if not given or found and found ~= given then
            return nil
        end
        found = given
    end
    return found
end

-- `for _, recipient in ipairs(message.recipients)`
local function loop_kind(file, variable)
    for _, loop in ipairs(file.tree.generic) do
        if loop.variables[2] == variable then
            local call = bare(loop.values[1])
            local is_list = call.tag == "call" and global_path(call.callee) == "ipairs" and call.arguments[1]
            return is_list and kind(file, call.arguments[1]) == "recipients" and "recipient" or nil
        end
    end
end

local function variable_kind(file, variable)
    if #variable.writes > 0 then
        return nil
    elseif variable.kind == "parameter" then
        return parameter_kind(file, variable)
    elseif variable.kind == "loop" then
        return loop_kind(file, variable)
    end
    local value = constant(variable)
    return value and kind(file, value) or nil
end

local function index_kind(file, node)
    local object = kind(file, node.object)
    local key = bare(node.key)
    if object == "recipients" then
        return kind(file, key) == "number" and "recipient" or nil
    elseif not object or key.tag ~= "string" then
        return nil
    elseif object == "settings" then
        local setting = file.rule and file.rule.settings and file.rule.settings[key.value]
        return setting and api.SETTINGS[setting.type] or nil
    elseif object == "notes" then
        return "copy"
    end
    local found = api.FIELDS[object] and api.FIELDS[object][key.value]
    return found == "method" and "function" or found
end

local function binary_kind(file, node)
    local operator = node.operator
    if COMPARING[operator] then
        return "boolean"
    elseif CALCULATING[operator] then
        return "number"
    elseif operator == ".." then
        return "text"
    elseif operator == "or" then
        local left, right = kind(file, node.left), kind(file, node.right)
        return left == right and left or nil
    end
end

local UNARY = { ["not"] = "boolean", ["-"] = "number", ["#"] = "number" }

local function find(file, node)
    local tag = node.tag
    if BY_TAG[tag] then
        return BY_TAG[tag]
    elseif tag == "name" then
        return node.variable and variable_kind(file, node.variable) or
            not node.variable and lint.names.kind_of_global(file, node) or nil
    elseif tag == "index" then
        local path = global_path(node)
        return path and lint.names.kind_of_global(file, node) or not path and index_kind(file, node) or nil
    elseif tag == "call" then
        return api.RESULTS[global_path(node.callee)]
    elseif tag == "method" then
        local object = kind(file, node.object)
        return object and api.METHOD_RESULTS[object .. ":" .. node.name]
    elseif tag == "binary" then
        return binary_kind(file, node)
    elseif tag == "unary" then
        return UNARY[node.operator]
    end
end

function kind(file, node)
    node = bare(node)
    if node.kind == nil then
        node.kind = false -- meanwhile, for what leads back to itself
        node.kind = find(file, node) or false
    end
    return node.kind or nil
end

-- The text or number that an expression is for certain.
local function literal(node)
    node = lint.rule.follow(node)
    if node.tag == "string" or node.tag == "number" then
        return node.value
    end
end

-- The name of the function whose nil means that it cannot be told.
local function failing(file, node)
    node = bare(node)
    if node.tag == "call" then
        local path = global_path(node.callee)
        return lint.flow.is_listed(api.FAILING, path) and path or nil
    elseif node.tag == "method" then
        local object = kind(file, node.object)
        local path = (object or "") .. ":" .. node.name
        return api.FAILING[path] and path or nil
    end
end

-- May it be nil instead of what its kind says?
local function may_be_nil(file, node)
    node = lint.rule.follow(node)
    if node.tag == "index" then
        local object = kind(file, node.object)
        local field = (object or "") .. "." .. tostring(bare(node.key).value)
        return object == "settings" or api.ABSENT[field] ~= nil
    end
    return failing(file, node) ~= nil
end

return { kind = kind, literal = literal, failing = failing, may_be_nil = may_be_nil }
