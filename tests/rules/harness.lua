-- SPDX-License-Identifier: MIT
-- What test files see: test(name, function(t) ... end). In it:
--   t.volume{ accounts = { "a@b" }, virtual = "...", regexp = "...", quotas = "...", may_send_as = "..." }
--   t.options{ ["quota.group"] = "any" }
--   t.rule("name", "return { ... }")       a rule of the test; name it in t.options{ rules = ... }
--   t.quota["a@b"] = "over"                "fits", "over", "over: text", "fails: reason", "silent", or bytes free
--   s = t.session{ ip =, name =, listener =, login =, port = }
--   s:mail(sender, { SIZE = 100 })  s:rcpt(recipient, { NOTIFY = "NEVER" })  s:headers(list)
--   r = s:finish{ headers = { { "From", "a@b" } }, body_bytes = n }
-- each gives a verdict:
--   v:is("reject", 552, "5.2.2", "part of the text")   code, xcode, text may be left out; v.detail, v.rule
--   r:plan{ "delete_recipient <a@b>", "add_recipient <c@d> ORCPT=rfc822;a@b", "add_header X-Y: z" }
--   t.asked{ "a@b 4194404" }               the quota service was asked exactly this
-- equal(got, want) and matches(text, part) are for all else.

local registered = {}

local function show(value)
    if type(value) ~= "table" then
        return type(value) == "string" and string.format("%q", value) or tostring(value)
    end
    local parts = {}
    for key, entry in pairs(value) do
        parts[#parts + 1] = (type(key) == "string" and key .. " = " or "") .. show(entry)
    end
    return "{ " .. table.concat(parts, ", ") .. " }"
end

local function same(left, right)
    if type(left) ~= "table" or type(right) ~= "table" then
        return left == right
    end
    for key, value in pairs(left) do
        if not same(value, right[key]) then
            return false
        end
    end
    for key in pairs(right) do
        if left[key] == nil then
            return false
        end
    end
    return true
end

function equal(got, want, what)
    if not same(got, want) then
        error(string.format("%s is %s, not %s", what or "the value", show(got), show(want)), 2)
    end
end

function matches(text, part)
    if type(text) ~= "string" or not text:find(part, 1, true) then
        error(show(part) .. " is not in " .. show(text), 2)
    end
end

local function edit_text(edit)
    local text = edit.edit
    if edit.address then
        text = text .. " " .. edit.address
        text = text .. (edit.orcpt and " ORCPT=" .. edit.orcpt or "")
        return text .. (edit.notify and " NOTIFY=" .. edit.notify or "")
    end
    text = text .. " " .. edit.name .. (edit.index > 0 and " " .. edit.index or "")
    return text .. (edit.value and ": " .. edit.value or "")
end

local verdicts = {}
verdicts.__index = verdicts

local function verdict_text(verdict)
    local reply = verdict.code > 0 and " " .. verdict.code .. " " .. verdict.xcode or ""
    return verdict.kind .. reply .. (verdict.text and " " .. verdict.text or "")
end

function verdicts.is(verdict, kind, code, xcode, text)
    local fits = verdict.kind == kind and (not code or verdict.code == code) and
        (not xcode or verdict.xcode == xcode) and
        (not text or verdict.text and verdict.text:find(text, 1, true))
    if not fits then
        error(string.format("the verdict is %s, not %s %s %s %s", verdict_text(verdict), kind, code or "",
            xcode or "", text or ""), 2)
    end
    return verdict
end

function verdicts.plan(verdict, want)
    local got = {}
    for i, edit in ipairs(verdict.edits or {}) do
        got[i] = edit_text(edit)
    end
    equal(got, want, "the plan")
    return verdict
end

local function verdict(raw, edits)
    raw.edits = edits
    return setmetatable(raw, verdicts)
end

local function arguments(address, params)
    local list, names = { address }, {}
    if not address:find("^<") and not address:find("^ ") then
        list[1] = "<" .. address .. ">"
    end
    for name in pairs(params or {}) do
        names[#names + 1] = name
    end
    table.sort(names)
    for _, name in ipairs(names) do
        list[#list + 1] = name .. "=" .. params[name]
    end
    return list
end

local sessions = {}
sessions.__index = sessions

-- The address gets brackets, unless it begins with one or with a blank.
function sessions:mail(sender, params)
    return verdict(self.raw:mail(arguments(sender, params), self.facts))
end

function sessions:rcpt(recipient, params)
    return verdict(self.raw:rcpt(arguments(recipient, params)))
end

function sessions:headers(list)
    self.raw:data()
    for _, header in ipairs(list) do
        self.raw:header(header[1], header[2])
    end
    return verdict(self.raw:end_of_headers())
end

-- From the end of RCPT on: what a refused header, or the end of message, was answered.
function sessions:finish(content)
    content = content or {}
    local refused = self:headers(content.headers or {})
    if refused.kind ~= "continue" then
        return refused
    end
    if content.body_bytes then
        self.raw:body(content.body_bytes)
    end
    return verdict(self.raw:finish())
end

function sessions:forget()
    self.raw:forget()
end

-- Those of one rule, or all.
function sessions:decisions(rule)
    local list = {}
    for _, decision in ipairs(self.raw:decisions()) do
        if not rule or decision.rule == rule then
            list[#list + 1] = decision
        end
    end
    return list
end

local files = { virtual = "postfix-virtual.cf", regexp = "postfix-regexp.cf", quotas = "dovecot-quotas.cf",
    may_send_as = "may_send_as" }

local function write_volume(place, content)
    for name, text in pairs(content) do
        if name == "accounts" then
            place:write("postfix-accounts.cf", table.concat(text, "|{PLAIN}x\n") .. "|{PLAIN}x\n")
        else
            place:write(files[name] or error("a volume has no " .. name, 3), text)
        end
    end
end

local function set_answer(_, mailbox, answer)
    if type(answer) == "number" then
        world.answer(mailbox, "room", "552 5.2.2 Mailbox is full", answer)
        return
    end
    local kind, text = answer:match("^(%l+):? ?(.*)$")
    world.answer(mailbox, kind, text ~= "" and text or "552 5.2.2 Mailbox is full")
end

local function asked()
    local list = {}
    for i, question in ipairs(world.asked()) do
        list[i] = question.mailbox .. " " .. question.bytes
    end
    return list
end

local function new_test(place, opened)
    local started = false
    return {
        volume = function(content) write_volume(place, content) end,
        options = function(content)
            for name, value in pairs(content) do
                place:set(name .. "=" .. value)
            end
        end,
        rule = function(name, text) place:rule(name, text) end,
        quota = setmetatable({}, { __newindex = set_answer }),
        session = function(facts)
            if not started then
                place:start()
                started = true
            end
            facts = facts or {}
            facts.ip = facts.ip or "192.0.2.1"
            facts.name = facts.name or "[" .. facts.ip .. "]"
            local raw, connected = place:session(facts)
            opened[#opened + 1] = raw
            return setmetatable({ raw = raw, facts = facts, connected = verdict(connected) }, sessions)
        end,
        -- In no order: mailboxes of one recipient are asked side by side.
        asked = function(want)
            local got = asked()
            table.sort(got)
            table.sort(want)
            equal(got, want, "what the quota service was asked")
        end,
    }
end

function test(name, body)
    registered[#registered + 1] = { name = name, body = body }
end

local function run_one(case)
    local place, opened = world.new(), {}
    local ok, why = xpcall(case.body, debug.traceback, new_test(place, opened))
    for _, session in ipairs(opened) do
        session:close()
    end
    place:close()
    return ok, why
end

return function(path)
    local failures = 0
    for i, case in ipairs(registered) do
        local ok, why = run_one(case)
        print((ok and "ok " or "not ok ") .. i .. " - " .. case.name)
        if not ok then
            failures = failures + 1
            print("# " .. tostring(why):gsub("\n", "\n# "))
        end
    end
    print("1.." .. #registered)
    if #registered == 0 then
        print("# " .. path .. " has no tests")
        failures = 1
    end
    registered = {}
    return failures
end
