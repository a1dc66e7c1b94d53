-- SPDX-License-Identifier: MIT
-- Examines one rule file for `foregate check`.

local lint = ...

local REMEDY = "mend it; until then the rules that run stay in use, or `run` does not start"

-- Where in the file a message without a line has its reason.
local function place_of(rule, message)
    local field = message:match("a rule has no field ([%w_]+)") or message:match("^([%w_]+) is a handler") or
        message:match("^(name) ") or message:match("^the rule's (name)") or message:match("^(switch) ") or
        message:match("^(settings) ")
    local item = field and rule.items[field]
    local setting = message:match("^setting ([%w_]+):")
    item = item or setting and rule.settings and rule.settings[setting]
    return item and item.line or 0
end

-- Of what Lua and ruleset.lua say: line, 0 for none, and text. The path before it may be cut.
local function split_error(message)
    local line, text = message:match("^[^\n]-%.lua:(%d+): (.*)$")
    return tonumber(line) or 0, text or message:match("^[^\n]-%.lua: (.*)$") or message
end

-- Of what does not load, and why a check has found as well: told once, with the better remedy.
local function add_error(file, findings, message, line)
    local remedy = REMEDY
    for place, finding in ipairs(findings) do
        if line > 0 and finding.line == line and finding.severity == "error" then
            remedy = finding.remedy
            table.remove(findings, place)
            break
        end
    end
    if line == 0 and file.rule then
        line = place_of(file.rule, message)
    end
    table.insert(findings, 1, { code = "rule", severity = "error", line = line, message = message,
        remedy = remedy })
end

local function names_of(tree)
    local names = {}
    local function add(variables)
        for _, variable in ipairs(variables or {}) do
            names[variable.name] = variable.line
        end
    end
    for _, node in ipairs(tree["function"]) do
        add(node.parameters)
    end
    for _, tag in ipairs{ "local", "numeric", "generic" } do
        for _, node in ipairs(tree[tag]) do
            add(node.variables)
        end
    end
    return names
end

local function examine(file, root)
    file.tree = lint.tree.index(root)
    file.locals = names_of(file.tree)
    file.rule = lint.rule.find(file.tree, file.stages)
    lint.flow.trace(file)
    for _, checks in ipairs{ lint.names, lint.handles, lint.values, lint.verdicts, lint.waiting,
        lint.handlers } do
        checks.check(file)
    end
    return lint.report.finish(file, root.comments)
end

-- Gives a list of { severity =, code =, line =, message =, remedy = }, by line. message: why the file does
-- not load, if it does not.
local function run(source, message)
    local file = { findings = {}, globals = lint.ruleset.globals, stages = lint.ruleset.stages }
    local root, fault = lint.parser.parse(source)
    local findings = root and examine(file, root) or {}
    if message then
        local line, text = split_error(message)
        add_error(file, findings, text, line)
    elseif not root then
        lint.report.add(file, "not-examined", fault.line, "the file loads, but cannot be read here: " ..
            fault.message, "check by hand what it does")
        findings = file.findings
    end
    return findings
end

return { run = run }
