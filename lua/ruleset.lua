-- SPDX-License-Identifier: MIT
-- Loads rule files: runs the chunk, checks the table it returns and brings it into one form, so
-- that a mistake in it is told at load, with its name, and never met by a message.

local sandbox, nearest = ...

-- The handlers, each with what it is called with.
local STAGES = {
    connect = { "session", "settings" },
    helo = { "session", "settings" },
    mail = { "session", "message", "settings" },
    rcpt = { "session", "message", "recipient", "settings" },
    data = { "session", "message", "settings" },
    headers = { "session", "message", "settings" },
    finish = { "session", "message", "settings" },
}
local FIELDS = { name = true, settings = true, switch = true, tests = true }
local SETTING_FIELDS = { choices = true, dms = true }

local function fail(file, ...)
    error(file .. ": " .. string.format(...), 0)
end

local PLAIN = { ["nil"] = true, boolean = true, number = true, string = true }

local function initial_text(file, name, value)
    if not PLAIN[type(value)] then
        fail(file, "setting %s: the default is a %s: write it as in foregate.conf, a list as \"one two\"",
            name, type(value))
    elseif type(value) == "boolean" then
        return value and "yes" or "no"
    end
    return value and tostring(value)
end

-- { type, default, help, choices = "a b", dms = "NAME" }
local function setting(file, name, declared)
    if type(name) ~= "string" or not name:match("^[a-z][a-z0-9_]*$") then
        fail(file, "setting %s: a name is small letters, digits and _", tostring(name))
    elseif type(declared) ~= "table" then
        fail(file, "setting %s: write { type, default, help }", name)
    elseif name == "mode" or name == "on_error" then
        fail(file, "setting %s: every rule has that already", name)
    end
    local kind, default, help = declared[1], declared[2], declared[3]
    if type(kind) ~= "string" or type(help) ~= "string" then
        fail(file, "setting %s: type and help are texts: { type, default, help }", name)
    end
    for field in pairs(declared) do
        if not SETTING_FIELDS[field] and not (math.type(field) == "integer" and field <= 3) then
            fail(file, "setting %s: there is no field %s", name, tostring(field))
        end
    end
    if kind == "choice" and type(declared.choices) ~= "string" then
        fail(file, "setting %s: a choice needs choices = \"one two\"", name)
    end
    return { name = name, type = kind, initial = initial_text(file, name, default), help = help,
        choices = declared.choices, dms = declared.dms }
end

local function settings(file, declared)
    if declared == nil then
        return {}
    elseif type(declared) ~= "table" then
        fail(file, "settings is a table of NAME = { type, default, help }")
    end
    local list = {}
    for name, content in pairs(declared) do
        list[#list + 1] = setting(file, name, content)
    end
    table.sort(list, function(left, right) return left.name < right.name end)
    return list
end

-- The names of the settings that switch the rule: while all of them are no or off, it does nothing.
local function switch(file, names, declared)
    if names == nil then
        return nil
    elseif type(names) ~= "string" or #names > 100 then
        fail(file, "switch is a text: names of settings")
    end
    for name in names:gmatch("%S+") do
        local content = type(declared) == "table" and declared[name]
        if not content or content[1] ~= "bool" and content[1] ~= "choice" then
            fail(file, "switch = %s: there is no bool or choice of that name", name)
        end
    end
    return names
end

local function unknown_field(file, field)
    local names = {}
    for _, known in ipairs{ STAGES, FIELDS } do
        for name in pairs(known) do
            names[#names + 1] = name
        end
    end
    local meant = type(field) == "string" and nearest(field, names)
    fail(file, "a rule has no field %s%s (handlers: connect helo mail rcpt data headers finish)",
        tostring(field), meant and "; did you mean " .. meant .. "?" or "")
end

-- The files of its tests, beside the rule: run before the rule is taken over.
local function tests(file, names)
    if names == nil then
        return nil
    elseif type(names) ~= "string" or #names > 500 then
        fail(file, "tests is a text of at most 500 bytes: names of files")
    end
    for name in names:gmatch("%S+") do
        if name:sub(1, 1) == "/" or not name:match("_test%.lua$") then
            fail(file, "tests = %s: name files NAME_test.lua in the folder of the rule", name)
        end
    end
    return names
end

local function load(chunk, name, file)
    local rule = chunk()
    if type(rule) ~= "table" then
        fail(file, "a rule file returns a table, not a %s", type(rule))
    elseif rule.name ~= name then
        fail(file, "the rule's name is %s: it must be \"%s\", like the file", tostring(rule.name), name)
    end
    local handlers = {}
    for field, value in pairs(rule) do
        if STAGES[field] then
            if type(value) ~= "function" then
                fail(file, "%s is a handler: a function, not a %s", field, type(value))
            end
            handlers[field] = value
        elseif not FIELDS[field] then
            unknown_field(file, field)
        end
    end
    if next(handlers) == nil then
        fail(file, "the rule has no handler: it would never do anything")
    end
    local declared = settings(file, rule.settings)
    return { handlers = handlers, settings = declared, switch = switch(file, rule.switch, rule.settings),
        tests = tests(file, rule.tests) }
end

return { load = load, freeze = sandbox.freeze, environment = sandbox.globals, globals = sandbox.content,
    stages = STAGES, nearest = nearest }
