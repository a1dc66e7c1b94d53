-- SPDX-License-Identifier: MIT
-- What the table of a rule declares: parameters of handlers, and settings that nothing uses.

local lint = ...
local add = lint.report.add
local above, bare = lint.tree.above, lint.tree.bare
local kind = lint.kinds.kind

local function signature(stage, parameters)
    return stage .. "(" .. table.concat(parameters, ", ") .. ")"
end

-- Names that say what a parameter is taken for.
local WORDS = { session = true, message = true, recipient = true, settings = true }

local function check_parameters(file, stage, handler)
    local expected = file.stages[stage]
    for i, parameter in ipairs(handler.parameters) do
        local is_meant = WORDS[parameter.name] and expected[i] ~= parameter.name
        if expected[i] and is_meant then
            add(file, "handler-parameters", parameter.line, parameter.name .. " would be the " .. expected[i] ..
                ": " .. stage .. " is called as " .. signature(stage, expected),
                "write all parameters up to the last one you need, _ for one you do not")
            return
        elseif not expected[i] then
            add(file, "handler-parameters", parameter.line, parameter.name .. " is always nil: " .. stage ..
                " is called as " .. signature(stage, expected), "remove it", not is_meant and "warning" or nil)
            return
        end
    end
end

-- Do the settings go where their names cannot be followed?
local function is_followed(file, node)
    local parent, child = above(node)
    if parent.tag == "local" then
        return true -- its other name is followed as well
    elseif parent.tag == "index" then
        return parent.object == child and bare(parent.key).tag == "string"
    elseif parent.tag == "call" and bare(parent.callee) ~= bare(child) then
        local called = lint.rule.function_of(parent.callee)
        for i, argument in ipairs(parent.arguments) do
            local parameter = argument == child and called and called.parameters[i]
            if parameter then
                return #parameter.references == 0 or kind(file, parameter.references[1]) == "settings"
            end
        end
    end
    return false
end

local function check_unused(file)
    local used = {}
    for _, node in ipairs(file.tree.index) do
        local key = bare(node.key)
        if kind(file, node.object) == "settings" and key.tag == "string" then
            used[key.value] = true
        end
    end
    for name in file.rule.switch:gmatch("%S+") do
        used[name] = true
    end
    for _, node in ipairs(file.tree.name) do
        if kind(file, node) == "settings" and not is_followed(file, node) then
            return
        end
    end
    for name, setting in pairs(file.rule.settings) do
        if not used[name] then
            add(file, "unused-setting", setting.line, "nothing in the rule uses the setting " .. name ..
                ": setting it changes nothing", "use settings." .. name .. ", or remove it")
        end
    end
end

-- Not when a handler is made by something else, takes `...` or puts something else into its parameter.
local function knows_settings(file)
    for stage, expected in pairs(file.stages) do
        local handler = file.rule.handlers[stage]
        local parameter = handler and handler.parameters[#expected]
        if file.rule.items[stage] and not handler or handler and handler.is_vararg or
            parameter and #parameter.writes > 0 then
            return false
        end
    end
    return true
end

local function check(file)
    if not file.rule then
        return
    end
    for stage, handler in pairs(file.rule.handlers) do
        check_parameters(file, stage, handler)
    end
    if file.rule.settings and knows_settings(file) then
        check_unused(file)
    end
end

return { check = check }
