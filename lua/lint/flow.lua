-- SPDX-License-Identifier: MIT
-- Which functions of a file run when: in which stages, called from where, and whether they wait.

local lint = ...
local above, bare, global_path = lint.tree.above, lint.tree.bare, lint.tree.global_path
local api = lint.api

-- The variable that a function is the one value of.
local function variable_of(node)
    local parent, child = above(node)
    if parent and parent.tag == "local" then
        for i, value in ipairs(parent.values) do
            local variable = parent.variables[i]
            if value == child and variable and #variable.writes == 0 then
                return variable
            end
        end
    end
end

-- All uses of a function: { stage = } for a handler, { call = } for a call, { reference = } for
-- anything else, as an argument or in a table.
local function uses(file, node)
    local list = {}
    if node == file.tree.root then
        return list
    end
    for stage, handler in pairs(file.rule and file.rule.handlers or {}) do
        if handler == node then
            list[#list + 1] = { stage = stage }
        end
    end
    local variable = variable_of(node)
    if not variable then
        if #list == 0 then
            list[1] = { reference = node }
        end
        return list
    end
    for _, reference in ipairs(variable.references) do
        local parent, child = above(reference)
        if parent.tag == "call" and bare(parent.callee) == bare(child) then
            list[#list + 1] = { call = parent }
        elseif not (parent.tag == "item" and parent.key and parent.key.tag == "string" and
            file.rule and file.rule.items[parent.key.value] == parent) then
            list[#list + 1] = { reference = reference }
        end
    end
    return list
end

-- Hands on what is known of a function to those that it names, until nothing is new.
local function spread(file, give)
    local changed = true
    while changed do
        changed = false
        for _, node in ipairs(file.tree["function"]) do
            for _, use in ipairs(node.uses) do
                local user = use.call or use.reference
                changed = user and give(user.owner, node, use) or changed
            end
        end
    end
end

local function give_stages(user, node)
    local changed = false
    for stage in pairs(user.stages) do
        changed = changed or not node.stages[stage]
        node.stages[stage] = true
    end
    return changed
end

-- The first wait that a call of a function leads to: of the function that calls it as well.
local function give_wait(user, node, use)
    if use.call and node.wait and not user.wait then
        user.wait = node.wait
        return true
    end
    return false
end

local function is_listed(list, path)
    return path and (list[path] or list[path:match("^(%w+)%.") or ""]) or false
end

-- The name of the function that a call waits in, or nil.
local function waits_in(node)
    local path = node.tag == "call" and global_path(node.callee)
    return is_listed(api.WAITING, path) and path or nil
end

-- Fills in, for each function: uses; stages = { [stage] = true } in which it may run, with "load" for
-- while the file is loaded and "unknown"; wait, the name of the first function that it waits in. Whoever
-- names a function may run it.
local function trace(file)
    for _, node in ipairs(file.tree["function"]) do
        node.stages = {}
        node.uses = uses(file, node)
        for _, use in ipairs(node.uses) do
            if use.stage then
                node.stages[use.stage] = true
            elseif use.reference and use.reference.owner == file.tree.root then
                node.stages.unknown = true
            end
        end
    end
    file.tree.root.stages.load = true
    for _, call in ipairs(file.tree.call) do
        call.owner.wait = call.owner.wait or waits_in(call)
    end
    spread(file, function(user, node, use)
        return not (use.reference and user == file.tree.root) and give_stages(user, node)
    end)
    spread(file, give_wait)
end

-- Does it run in stages only, and in these? Not known is no.
local function runs_in(node, expected)
    for stage in pairs(node.stages) do
        if not expected[stage] then
            return false
        end
    end
    return next(node.stages) ~= nil
end

return { trace = trace, waits_in = waits_in, is_listed = is_listed, runs_in = runs_in }
