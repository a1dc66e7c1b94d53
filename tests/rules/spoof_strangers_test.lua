-- SPDX-License-Identifier: MIT
-- Strangers with one of our domains: the rule spoof and its own_domain.
local VOLUME = {
    accounts = { "alice@example.com", "bob@example.com" },
    virtual = "@catch.example alice@example.com\n",
}

local function open(t, options, facts)
    t.volume(VOLUME)
    t.options{ ["spoof.enabled"] = "yes" }
    t.options(options or {})
    return t.session(facts or {})
end

-- A stranger's envelope sender and what own_domain says: off reject mark.
local STRANGERS = {
    { "alice@example.com", "continue", "reject", "mark" },
    { "nobody@example.com", "continue", "reject", "mark" },
    { "x@CATCH.example", "continue", "reject", "mark" },
    { "x@elsewhere.example", "continue", "continue", "continue" },
    { "<>", "continue", "continue", "continue" },
}

for _, case in ipairs(STRANGERS) do
    for i, mode in ipairs{ "off", "reject", "mark" } do
        test("own_domain = " .. mode .. ", a stranger as " .. case[1] .. ": " .. case[1 + i], function(t)
            local s = open(t, { ["spoof.own_domain"] = mode }, {})
            if case[1 + i] == "reject" then
                s:mail(case[1]):is("reject", 550, "5.7.1", "log in to send from this domain")
                return
            end
            s:mail(case[1]):is("continue")
            s:rcpt("bob@example.com"):is("continue")
            local plan = {}
            if case[1 + i] == "mark" then
                plan[1] = "add_header X-Foregate-Spoof: envelope sender <" .. case[1] .. "> at our domain, no login"
            end
            s:finish{ headers = { { "From", "x@y.example" } } }:is("continue"):plan(plan)
        end)
    end
end

local function send(s, headers)
    s:mail("x@elsewhere.example"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    return s:finish{ headers = headers }
end

local function stranger(t, mode, headers, facts)
    return send(open(t, { ["spoof.own_domain"] = mode }, facts), headers)
end

test("own_domain = reject: a stranger with one of our domains in From", function(t)
    stranger(t, "reject", { { "From", "Alice <alice@Example.com>" } })
        :is("reject", 550, "5.7.1", "<alice@Example.com>: From address rejected: log in to send from this domain")
end)

test("own_domain = reject: also as the second of them", function(t)
    stranger(t, "reject", { { "From", "x@y.example" }, { "From", "z@y.example, alice@example.com" } })
        :is("reject", 550, "5.7.1", "<alice@example.com>")
end)

test("own_domain = reject: a stranger's own From", function(t)
    stranger(t, "reject", { { "From", "Alice <x@y.example>" } }):is("continue"):plan{}
end)

-- own_domain, display_name, whether a name with an address of ours is marked; it is never refused.
for _, case in ipairs{ { "reject", "mark", true }, { "mark", "mark", true }, { "off", "mark", false },
    { "reject", "reject", true }, { "reject", "off", false } } do
    local own_domain, display_name, marked = table.unpack(case)
    test("a stranger's name, own_domain = " .. own_domain .. ", display_name = " .. display_name, function(t)
        local s = open(t, { ["spoof.own_domain"] = own_domain, ["spoof.display_name"] = display_name })
        s:mail("x@elsewhere.example")
        s:rcpt("bob@example.com")
        s:finish{ headers = { { "From", "\"alice@example.com\" <x@y.example>" } } }:is("continue"):plan(marked and
            { "add_header X-Foregate-Spoof: display name with <alice@example.com> at our domain, no login" } or {})
    end)
end

test("own_domain = mark: a stranger with one of our domains in From", function(t)
    stranger(t, "mark", { { "From", "alice@example.com" } }):is("continue")
        :plan{ "add_header X-Foregate-Spoof: From <alice@example.com> at our domain, no login" }
end)

test("own_domain: a trusted client's From is not judged", function(t)
    stranger(t, "reject", { { "From", "alice@example.com" } }, { ip = "127.0.0.1" }):is("continue"):plan{}
end)

test("own_domain judges strangers also where logins are not judged", function(t)
    t.volume(VOLUME)
    t.options{ ["spoof.enabled"] = "no", ["spoof.own_domain"] = "reject" }
    t.session{}:mail("alice@example.com"):is("reject", 550, "5.7.1", "log in")
    local s = t.session{ login = "alice@example.com" }
    s:mail("bob@example.com"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    s:finish{ headers = { { "From", "bob@example.com" } } }:is("continue"):plan{}
end)

test("own_domain does not touch trusted clients", function(t)
    local s = open(t, { ["spoof.own_domain"] = "reject" }, { ip = "127.0.0.1" })
    s:mail("alice@example.com"):is("continue")
end)

test("trusted_networks says who is trusted", function(t)
    local s = open(t, { ["spoof.own_domain"] = "reject", trusted_networks = "192.0.2.0/24" }, { ip = "192.0.2.77" })
    s:mail("alice@example.com"):is("continue")
    local other = t.session{ ip = "127.0.0.1" }
    other:mail("alice@example.com"):is("reject", 550)
end)

test("a mark does not live on in the next message of the session", function(t)
    local s = open(t, { ["spoof.own_domain"] = "mark" }, {})
    s:mail("alice@example.com")
    s:forget()
    s:mail("x@elsewhere.example")
    s:rcpt("bob@example.com")
    s:finish{ headers = { { "From", "x@elsewhere.example" } } }:is("continue"):plan{}
end)

-- Ways around own_domain = reject: envelope sender, headers, and what becomes of the mail: a refusal at
-- `mail` or `headers`, the end of the mark, or nothing.
local OURS, FOREIGN = { "From", "Alice <alice@example.com>" }, { "From", "x@y.example" }
local WAYS = {
    { "a list", "bounces@list.example", { OURS, { "List-Id", "<x.list.example>" } }, mark = "through a mailing list" },
    { "a list with our envelope sender", "alice@example.com", { OURS, { "List-Id", "<x>" } }, refused = "mail" },
    { "no list", "bounces@list.example", { OURS }, refused = "headers" },
    { "a bounce", "<>", { OURS }, mark = "by a null sender" },
    { "a forwarder with SRS", "SRS0=ab=cd=example.com=alice@forwarder.example", { OURS }, mark = "through a forwarder" },
    { "a forwarder of forwarders", "srs1+ab==cd@forwarder.example", { OURS }, mark = "through a forwarder" },
    { "no SRS", "SRS0ab=cd@forwarder.example", { OURS }, refused = "headers" },
    { "our own SRS address", "SRS0=ab=cd=y.example=x@example.com", { FOREIGN } },
    { "an SRS address in From", "x@y.example", { { "From", "SRS0=ab=cd=y.example=x@example.com" } }, refused = "headers" },
}

local function by_way(t, case, mode, options, facts)
    options = options or {}
    options["spoof.own_domain"] = mode
    local s = open(t, options, facts)
    if case.refused == "mail" and mode == "reject" and not facts then
        return nil, s:mail(case[2])
    end
    s:mail(case[2]):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    return s:finish{ headers = case[3] }
end

for _, case in ipairs(WAYS) do
    test("own_domain = reject and " .. case[1], function(t)
        local verdict, early = by_way(t, case, "reject")
        if case.refused then
            (early or verdict):is("reject", 550, "5.7.1", "log in to send from this domain")
        else
            verdict:is("continue"):plan(case.mark and { "add_header X-Foregate-Spoof: " ..
                "From <alice@example.com> at our domain, no login, " .. case.mark } or {})
        end
    end)
    test("own_domain = mark and " .. case[1] .. ": nothing is refused", function(t)
        local verdict = by_way(t, case, "mark"):is("continue")
        equal(#verdict.edits, (case.mark or case.refused) and 1 or 0)
    end)
end

-- Who is not judged: option and value, what is true of the client, whether it counts, the envelope sender.
local EXEMPT = {
    { "exempt_networks", "192.0.2.0/25", { ip = "192.0.2.1" }, true },
    { "exempt_networks", "192.0.2.0/25", { ip = "192.0.2.200" }, false },
    { "exempt_clients", "mail.partner.example", { name = "MAIL.partner.example" }, true },
    { "exempt_clients", "mail.partner.example", { name = "a.mail.partner.example" }, false },
    { "exempt_clients", "other.example .Partner.example", { name = "a.b.partner.example" }, true },
    { "exempt_clients", ".partner.example", { name = "partner.example" }, false },
    { "exempt_clients", ".partner.example", { name = "evilpartner.example" }, false },
    { "exempt_clients", "partner.example", { name = "[192.0.2.1]" }, false },
    { "exempt_senders", "alice@example.com", {}, true },
    { "exempt_senders", "x@y.example, ALICE@Example.com", {}, true },
    { "exempt_senders", "bob@example.com", {}, false },
    { "exempt_senders", "@example.com", {}, true },
    { "exempt_senders", "@catch.example", {}, false },
    { "exempt_senders", "@news.example", {}, true, "bounces@NEWS.example" },
}

for i, case in ipairs(EXEMPT) do
    test("exempt " .. i .. ": " .. case[1] .. " = " .. case[2], function(t)
        local s = open(t, { ["spoof.own_domain"] = "reject", ["spoof." .. case[1]] = case[2] }, case[3])
        local sender = case[5] or "alice@example.com"
        if not case[4] then
            s:mail(sender):is("reject", 550, "5.7.1")
            s:mail("x@y.example"):is("continue")
            s:rcpt("bob@example.com"):is("continue")
            s:finish{ headers = { OURS } }:is("reject", 550, "5.7.1")
            return
        end
        s:mail(sender):is("continue")
        s:rcpt("bob@example.com"):is("continue")
        s:finish{ headers = { OURS } }:is("continue"):plan{}
    end)
end

test("mail from sendmail(1) is not judged", function(t)
    local s = open(t, { ["spoof.own_domain"] = "reject", trusted_networks = "192.0.2.0/24" },
        { ip = "127.0.0.1", name = "localhost", port = 0 })
    s:mail("alice@example.com"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    s:finish{ headers = { OURS } }:is("continue"):plan{}
end)

-- From: that no two programs read alike, and the address of ours in it.
local UNREADABLE = {
    { "alice@example.com <x@y.example>", "alice@example.com" },
    { "x@y.example <alice@example.com>", "alice@example.com" },
    { "Alice alice@example.com", "alice@example.com" },
    { "<alice@example.com", "alice@example.com" },
    { "\"alice@example.com", "alice@example.com" },
    { "alice@exa(x)mple.com (", "alice@example.com" },
    { "=?utf-8?q?alice=40example.com?=", "alice@example.com" },
    { "MAILER-DAEMON", false },
    { "root (Cron Daemon)", false },
    { "x@y.example z@y.example", false },
}

for _, case in ipairs(UNREADABLE) do
    test("own_domain = reject and a From that cannot be read: " .. case[1], function(t)
        local verdict = stranger(t, "reject", { { "From", case[1] } })
        if case[2] then
            verdict:is("reject", 550, "5.7.1", "From header with our domain cannot be read; log in")
        else
            verdict:is("continue"):plan{}
        end
    end)
    test("own_domain = mark and a From that cannot be read: " .. case[1], function(t)
        stranger(t, "mark", { { "From", case[1] } }):is("continue"):plan(case[2] and
            { "add_header X-Foregate-Spoof: From <" .. case[2] ..
                "> at our domain, no login, in a header that cannot be read" } or {})
    end)
end

test("an address of ours cannot hide behind many others", function(t)
    local from = ("x@y.example "):rep(60) .. "alice@example.com"
    stranger(t, "reject", { { "From", from } }):is("reject", 550, "5.7.1", "From header with our domain cannot be read")
end)

local function many(count, format)
    local texts = {}
    for i = 1, count do
        texts[i] = format:format(i)
    end
    return table.concat(texts, ",")
end

test("a stranger's From with more addresses than are looked at counts as ours", function(t)
    local s = open(t, { ["spoof.own_domain"] = "reject" })
    send(s, { { "From", many(100, "x%d@y.example") } }):is("continue")
    send(s, { { "From", many(101, "x%d@y.example") } })
        :is("reject", 550, "5.7.1", "From header with our domain cannot be read")
end)

test("a stranger's From with more addresses in names than are looked at is marked", function(t)
    local s = open(t, { ["spoof.own_domain"] = "reject" })
    send(s, { { "From", many(50, '"a@b.example c@d.example" <x%d@y.example>') } }):is("continue"):plan{}
    send(s, { { "From", many(51, '"a@b.example c@d.example" <x%d@y.example>') } }):is("continue"):plan{
        "add_header X-Foregate-Spoof: names in From hold more than 100 addresses" }
end)

test("more marks than anybody removes are refused", function(t)
    local headers = { { "From", "x@y.example" } }
    for i = 1, 100 do
        headers[i + 1] = { "X-Foregate-Spoof", "x" }
    end
    local s = open(t, { ["spoof.own_domain"] = "reject" })
    equal(#send(s, headers):is("continue").edits, 100)
    headers[102] = { "X-Foregate-Spoof", "x" }
    send(s, headers):is("reject", 550, "5.7.1", "there are 101 X-Foregate-Spoof headers")
end)

-- A domain that cannot be looked up is no foreign one.
local function lost(t, sender, headers)
    t.directory["lost.example"] = "fails: the directory is away"
    local s = open(t, { ["spoof.own_domain"] = "reject" })
    local verdict = s:mail(sender)
    if verdict.kind == "continue" then
        s:rcpt("bob@example.com"):is("continue")
        verdict = s:finish{ headers = headers }
    end
    verdict:is("defer", 451, "4.3.0", "Temporary lookup failure")
    equal(verdict.rule, "spoof")
    matches(verdict.detail.reason, "the directory is away")
end

test("a stranger's sender at a domain that cannot be told", function(t)
    lost(t, "x@lost.example")
end)

test("a stranger's From at a domain that cannot be told", function(t)
    lost(t, "x@elsewhere.example", { { "From", "x@lost.example" } })
end)

test("a stranger's unreadable From with a domain that cannot be told", function(t)
    lost(t, "x@elsewhere.example", { { "From", "x@y.example z@lost.example" } })
end)

test("a name in a stranger's From at a domain that cannot be told", function(t)
    t.directory["lost.example"] = "fails: the directory is away"
    local s = open(t, { ["spoof.own_domain"] = "reject" })
    s:mail("x@elsewhere.example"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    s:finish{ headers = { { "From", "\"x@lost.example\" <x@elsewhere.example>" } } }:is("continue")
        :plan{ "add_header X-Foregate-Spoof: display name with <x@lost.example> cannot be looked up" }
end)

test("own_domain knows a domain in both of its spellings", function(t)
    t.volume{ accounts = { "alice@xn--bcher-kva.example" } }
    t.options{ ["spoof.own_domain"] = "reject" }
    local s = t.session{}
    s:mail("alice@xn--bcher-kva.example"):is("reject", 550)
    s:mail("x@y.example"):is("continue")
    s:rcpt("alice@xn--bcher-kva.example"):is("continue")
    s:finish{ headers = { { "From", "Alice <alice@B\xc3\x9cCHER.example>" } } }:is("reject", 550, "5.7.1")
end)

test("in shadow nothing is refused and nothing marked", function(t)
    local s = open(t, { ["spoof.own_domain"] = "reject", ["spoof.mode"] = "shadow" })
    s:mail("alice@example.com"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    s:finish{ headers = { OURS, { "X-Foregate-Spoof", "x" } } }:is("continue"):plan{}
    local decisions = s:decisions("spoof")
    equal(#decisions, 2)
    equal(decisions[1].kind, "reject")
    equal(decisions[2].kind, "reject")
end)
