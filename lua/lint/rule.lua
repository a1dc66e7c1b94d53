-- SPDX-License-Identifier: MIT
-- The table that a rule file returns, as far as it stands in the file: handlers and settings.

local lint = ...
local bare = lint.tree.bare

-- The value of a variable that is given one once.
local function constant(variable)
    return variable and #variable.writes == 0 and variable.value or nil
end

-- What an expression is when names are followed to what they were given.
local function follow(node)
    node = bare(node)
    for _ = 1, 20 do
        local value = node and node.tag == "name" and constant(node.variable)
        if not value then
            return node
        end
        node = bare(value)
    end
    return node
end

local function function_of(node)
    node = follow(node)
    return node and node.tag == "function" and node or nil
end

-- { [key] = item } of a table constructor; is_open: there are others, which are not known.
local function items_of(constructor)
    local items, is_open = {}, false
    for _, item in ipairs(constructor.items) do
        local key = item.key and bare(item.key)
        if key and key.tag == "string" then
            items[key.value] = item
        elseif key then
            is_open = true
        end
    end
    return items, is_open
end

local function returned_table(tree)
    local last = tree.root.body[#tree.root.body]
    local value = last and last.tag == "return" and last.values[1] and follow(last.values[1])
    if not value or value.tag ~= "table" then
        return nil
    end
    local name = bare(last.values[1])
    return value, name.tag == "name" and name.variable or nil
end

-- Fields that are assigned behind the constructor: `rule.rcpt = ...`, `function rule.rcpt()`.
local function add_assigned(items, variable)
    for _, reference in ipairs(variable.references) do
        local target = reference.parent
        local statement = target.parent
        if target.tag == "index" and target.is_target and target.key.tag == "string" then
            for i, other in ipairs(statement.targets) do
                if other == target then
                    items[target.key.value] = { line = target.line, value = statement.values[i] }
                end
            end
        end
    end
end

local function setting(item)
    local made = { line = item.line, item = item }
    local content = follow(item.value)
    if content.tag == "table" then
        local first = content.items[1]
        local kind = first and not first.key and bare(first.value)
        made.type = kind and kind.tag == "string" and kind.value or nil
        local choices = items_of(content).choices
        choices = choices and follow(choices.value)
        made.choices = choices and choices.tag == "string" and choices.value or nil
    end
    return made
end

-- { items =, handlers = { [stage] = function node }, settings = { [name] = { line =, type =, choices = } }
-- or nil when they are not all known, switch = text }; nil when the file returns something else.
local function find(tree, stages)
    local constructor, variable = returned_table(tree)
    if not constructor then
        return nil
    end
    local rule = { line = constructor.line, handlers = {} }
    rule.items = items_of(constructor)
    if variable then
        add_assigned(rule.items, variable)
    end
    for stage in pairs(stages) do
        local item = rule.items[stage]
        rule.handlers[stage] = item and item.value and function_of(item.value)
    end
    local declared = rule.items.settings and follow(rule.items.settings.value)
    if not rule.items.settings then
        rule.settings = {}
    elseif declared.tag == "table" then
        local items, is_open = items_of(declared)
        rule.settings = not is_open and {} or nil
        for name, item in pairs(rule.settings and items or {}) do
            rule.settings[name] = setting(item)
        end
    end
    local switch = rule.items.switch and follow(rule.items.switch.value)
    rule.switch = switch and switch.tag == "string" and switch.value or ""
    return rule
end

return { find = find, follow = follow, function_of = function_of, constant = constant }
