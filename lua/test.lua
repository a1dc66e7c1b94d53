-- SPDX-License-Identifier: MIT
-- What files of `foregate test` see; README.md has the reference. Called once a test in a state of
-- its own, with the functions of the runner, the globals of rules and test_values.lua; returns the
-- globals of the file, the list that it fills by test(), and what makes a test's t.

local world, rules, values = ...

local show, differ, expect, sorted_names = values.show, values.differ, values.expect, values.sorted_names
local need, need_count, need_fields = values.need, values.need_count, values.need_fields

local LUA = "assert error ipairs math next pairs pcall select string table tonumber tostring type utf8 xpcall"

local registered, running = {}, false

local function equal(got, want, what)
    expect(got, want, what or "value", 2)
end

local function matches(text, part, what)
    if type(part) ~= "string" then
        error("matches takes a text and a part of it", 2)
    elseif type(text) ~= "string" or not text:find(part, 1, true) then
        differ(what or "text", show(text), "..." .. part .. "...", 2)
    end
end

-- Verdicts

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
    local rule = verdict.rule and " (rule " .. verdict.rule .. ")" or ""
    return verdict.kind .. reply .. (verdict.text and " " .. verdict.text or "") .. rule
end

local KINDS = { continue = true, reject = true, defer = true, disconnect = true, discard = true,
    quarantine = true }

function verdicts.is(verdict, kind, code, xcode, text)
    if not KINDS[kind] then
        error("there is no verdict " .. tostring(kind), 2)
    end
    for what, value in pairs{ xcode = xcode, text = text } do
        need(value, "string", what)
    end
    need(code or 0, "number", "code")
    local fits = verdict.kind == kind and (not code or verdict.code == code) and
        (not xcode or verdict.xcode == xcode) and
        (not text or verdict.text and verdict.text:find(text, 1, true))
    if not fits then
        local want = { kind, code and tostring(code), xcode, text and "..." .. text .. "..." }
        local words = {}
        for i = 1, 4 do
            words[#words + 1] = want[i]
        end
        differ("verdict", verdict_text(verdict), table.concat(words, " "), 2)
    end
    return verdict
end

function verdicts.plan(verdict, want)
    if not verdict.edits then
        error("only s:finish{} of a message that gets that far has a plan: the verdict is " ..
            verdict_text(verdict), 2)
    end
    need(want, "table", "v:plan")
    local got = {}
    for i, edit in ipairs(verdict.edits) do
        got[i] = edit_text(edit)
    end
    expect(got, want, "plan", 2)
    return verdict
end

local function verdict(raw, edits)
    raw.edits = edits
    return setmetatable(raw, verdicts)
end

-- Sessions

local function arguments(address, params)
    if type(address) ~= "string" then
        error("an address is a text, not a " .. type(address), 3)
    end
    local list = { address }
    if not address:find("^<") and not address:find("^ ") then
        list[1] = "<" .. address .. ">"
    end
    need(params or {}, "table", "parameters: { SIZE = 1000 }")
    for _, name in ipairs(sorted_names(params or {})) do
        need(name, "string", "the name of a parameter")
        if type(params[name]) == "table" then
            error("the value of " .. name .. " is a text or a number, not " .. show(params[name]), 3)
        end
        list[#list + 1] = name .. "=" .. tostring(params[name])
    end
    return list
end

local sessions = {}
sessions.__index = sessions

function sessions:helo(name)
    return verdict(self.raw:helo(name))
end

-- The address gets brackets, unless it begins with one or with a blank.
function sessions:mail(sender, params)
    self.has_message = true
    return verdict(self.raw:mail(arguments(sender, params), self.facts))
end

-- Postfix would answer by itself, and no rule would be asked.
local function need_message(session)
    if not session.has_message then
        error("there is no message: s:mail comes first", 3)
    end
end

function sessions:rcpt(recipient, params)
    need_message(self)
    return verdict(self.raw:rcpt(arguments(recipient, params)))
end

function sessions:headers(list)
    need_message(self)
    need(list, "table", "s:headers")
    self.raw:data()
    for _, header in ipairs(list) do
        if type(header) ~= "table" or type(header[1]) ~= "string" or type(header[2]) ~= "string" then
            error('a header is { "Name", "value" }, not ' .. show(header), 2)
        end
        self.raw:header(header[1], header[2])
    end
    return verdict(self.raw:end_of_headers())
end

local CONTENT = { headers = "table", body_bytes = "number" }

-- From the end of RCPT on: what a refused header, or the end of message, was answered.
function sessions:finish(content)
    content = content or {}
    need_fields(content, CONTENT, "s:finish")
    need_count(content.body_bytes or 0, "body_bytes")
    local refused = self:headers(content.headers or {})
    if refused.kind ~= "continue" then
        return refused
    end
    if content.body_bytes then
        self.raw:body(content.body_bytes)
    end
    self.has_message = false
    return verdict(self.raw:finish())
end

function sessions:forget()
    self.has_message = false
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

local FACTS = { ip = "string", name = "string", listener = "string", login = "string", login_method = "string",
    port = "number", queue_id = "string", tls_version = "string", tls_cipher = "string" }

local function new_session(given)
    local facts = {}
    need_fields(given or {}, FACTS, "t.session")
    for name, value in pairs(given or {}) do
        facts[name] = value
    end
    need_count(facts.port or 0, "port")
    facts.ip = facts.ip or "192.0.2.1"
    facts.name = facts.name or "[" .. facts.ip .. "]"
    local raw, connected = world.session(facts)
    return setmetatable({ raw = raw, facts = facts, connected = verdict(connected) }, sessions)
end

-- The directory

local VOLUME = { accounts = "table", virtual = "string", regexp = "string", quotas = "string", aliases = "string",
    main = "string", may_send_as = "string" }
local FILES = { virtual = "postfix-virtual.cf", regexp = "postfix-regexp.cf", quotas = "dovecot-quotas.cf",
    aliases = "postfix-aliases.cf", main = "postfix-main.cf", may_send_as = "may_send_as" }

local function write_volume(content)
    need_fields(content, VOLUME, "t.volume")
    for name, text in pairs(content) do
        if name == "accounts" then
            for _, account in ipairs(text) do
                need(account, "string", "a list of accounts")
            end
            world.write("postfix-accounts.cf", table.concat(text, "|{PLAIN}x\n") .. "|{PLAIN}x\n")
        else
            world.write(FILES[name], text)
        end
    end
end

-- "kind", "kind: text"
local function split(answer, level)
    if type(answer) ~= "string" then
        error("an answer is a text, not a " .. type(answer), level or 4)
    end
    local kind, text = answer:match("^(%l+):? ?(.*)$")
    return kind, text ~= "" and text or nil
end

local function bad_answer(answer, what, level)
    error(show(answer) .. " is no answer: write " .. what, level or 4)
end

local function set_fault(_, key, answer)
    need(key, "string", "t.directory")
    local kind, text = split(answer)
    if kind ~= "fails" then
        bad_answer(answer, '"fails: reason"')
    end
    world.fault(key:lower(), text or "the test says so")
end

-- Services

local FULL <const> = "552 5.2.2 Mailbox is full"
local QUOTA = { fits = true, over = true, fails = true, silent = true }

local function set_quota(_, mailbox, answer)
    need(mailbox, "string", "t.quota")
    if math.type(answer) == "integer" then
        world.quota(mailbox, "room", FULL, answer)
        return
    end
    local kind, text = split(answer)
    if not QUOTA[kind] then
        bad_answer(answer, '"fits", "over", "over: text", "fails: reason", "silent" or the bytes that are free')
    end
    world.quota(mailbox, kind, text or kind == "fails" and "the test says so" or FULL, 0)
end

-- In no order: what one recipient needs is asked side by side.
local function expect_asked(got, want, what)
    table.sort(got)
    table.sort(want)
    expect(got, want, what, 3)
end

local function asked(want)
    need(want, "table", "t.asked")
    local got = {}
    for i, question in ipairs(world.asked()) do
        got[i] = question.mailbox .. " " .. question.bytes
    end
    expect_asked(got, want, "questions to the quota service")
end

-- Of a service that does not answer.
local function failure(answer, other)
    local word, text = split(answer, 5)
    if word ~= "fails" and word ~= "silent" then
        bad_answer(answer, other .. ', "fails: reason" or "silent"', 5)
    end
    return word, text or "the test says so"
end

local function dns_answers(kind)
    return setmetatable({}, { __newindex = function(_, name, answer)
        if type(answer) == "table" then
            world.dns(kind, name, "records", answer)
            return
        end
        world.dns(kind, name, failure(answer, "a list of records"))
    end })
end

local function dns_asked(want)
    need(want, "table", "t.dns.asked")
    expect_asked(world.dns_asked(), want, "questions to the DNS")
end

local function new_dns()
    local dns = { asked = dns_asked }
    for kind in ("a aaaa ptr mx txt"):gmatch("%a+") do
        dns[kind] = dns_answers(kind)
    end
    return dns
end

local HTTP_FIELDS = { status = "number", body = "string", headers = "table" }

local function set_http(_, url, answer)
    need(url, "string", "t.http")
    local method, rest = url:match("^(%S+) (.*)$")
    if not (rest or url):find("^https?://") or method and not method:find("^%u+$") then
        error(show(url) .. " is no request: write \"https://host.test/path\", or a method in front of it", 2)
    elseif type(answer) == "table" then
        need_fields(answer, HTTP_FIELDS, "an answer")
        world.http(url, "answer", answer)
        return
    end
    world.http(url, failure(answer, '{ status = 200, body = "..." }'))
end

local function http_asked(want)
    need(want, "table", "t.http.asked")
    local got = {}
    for i, request in ipairs(world.http_asked()) do
        got[i] = request.method .. " " .. request.url
    end
    expect_asked(got, want, "HTTP requests")
end

local function new_http()
    return setmetatable({ asked = http_asked, requests = world.http_asked }, { __newindex = set_http })
end

-- Time

local function set_clock(to)
    if to == nil then
        return world.clock_seconds()
    elseif type(to) == "table" then
        for name in pairs(to) do
            if name ~= "advance" then
                error("t.clock{} has no " .. tostring(name) .. ": write advance = seconds", 2)
            end
        end
        local seconds = to.advance
        if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= 1e9) then
            error("t.clock{ advance = seconds }: 0 to 1000000000, not " .. show(seconds), 2)
        end
        world.clock_advance(seconds)
        return world.clock_seconds()
    end
    local seconds = type(to) == "string" and values.seconds_of(to)
    if not seconds then
        error(show(to) .. ' is no moment: write "2026-03-02 09:30:00", in UTC, or with a zone like +01:00', 2)
    end
    world.clock_set(seconds)
    return seconds
end

-- The log

local function log_lines()
    local list = {}
    for i, line in ipairs(world.lines()) do
        list[i] = values.parse_line(line)
    end
    return list
end

local function line_fits(line, want)
    for name, value in pairs(want) do
        if line[name] ~= tostring(value) then
            return false
        end
    end
    return true
end

-- At least one line has these fields; with a count, so many. Returns the last one.
local function logged(want, count)
    need(want, "table", "t.logged")
    need_count(count or 0, "the count of t.logged")
    local found, last = 0, nil
    for _, line in ipairs(log_lines()) do
        if line_fits(line, want) then
            found, last = found + 1, line
        end
    end
    if count and found ~= count or not count and found == 0 then
        differ("log lines with " .. show(want), tostring(found), tostring(count or "at least 1"), 2)
    end
    return last
end

local function counted(want)
    need(want, "table", "t.counted")
    local counters = world.counters()
    for _, name in ipairs(sorted_names(want)) do
        if not counters[name] then
            error("there is no counter " .. tostring(name), 2)
        end
        expect(counters[name], want[name], "counter " .. name, 2)
    end
end

-- A test

local function set_options(content)
    need(content, "table", "t.options")
    for _, name in ipairs(sorted_names(content)) do
        local value = content[name]
        if type(value) == "boolean" then
            value = value and "yes" or "no"
        end
        need(name, "string", "t.options")
        if type(value) ~= "string" and type(value) ~= "number" then
            error("option " .. name .. ": write a text, as in foregate.conf, not " .. show(value), 2)
        end
        world.set(name, tostring(value))
    end
end

-- Misspelt names are told.
local function closed(name, content)
    return setmetatable({}, {
        __index = function(_, key)
            return content[key] or error(name .. " has no " .. tostring(key), 2)
        end,
        __newindex = function(_, key)
            error(name .. "." .. tostring(key) .. " cannot be set", 2)
        end,
    })
end

local function new_test()
    running = true
    world.set("states", "1")
    return closed("t", {
        volume = write_volume,
        options = set_options,
        rule = world.rule,
        directory = setmetatable({}, { __newindex = set_fault }),
        quota = setmetatable({}, { __newindex = set_quota }),
        dns = closed("t.dns", new_dns()),
        http = new_http(),
        clock = set_clock,
        session = new_session,
        asked = asked,
        log = log_lines,
        logged = logged,
        counted = counted,
    })
end

local function test(name, body)
    if type(name) ~= "string" or type(body) ~= "function" then
        error('write test("name", function(t) ... end)', 2)
    elseif running then
        error("a test within a test never runs: write them one after the other", 2)
    end
    registered[#registered + 1] = { name = name, body = body }
end

local function print_all(...)
    local parts = table.pack(...)
    for i = 1, parts.n do
        parts[i] = type(parts[i]) == "string" and parts[i] or show(parts[i])
    end
    world.print(table.concat(parts, " "))
end

local known = { test = test, equal = equal, matches = matches, print = print_all }
for name in LUA:gmatch("%a+%d?") do
    known[name] = rules[name]
end

local globals = setmetatable({}, {
    __index = function(_, name)
        local value = known[name]
        if value == nil then
            error('there is no global "' .. tostring(name) .. '" for tests', 2)
        end
        return value
    end,
    __newindex = function(_, name)
        error('global "' .. tostring(name) .. '" cannot be set: write local', 2)
    end,
    __metatable = false,
})

return { globals = globals, registered = registered, new_test = new_test }
