-- SPDX-License-Identifier: MIT
local VOLUME = {
    accounts = { "alice@example.com", "bob@example.com", "carol@example.com", "dora@example.com",
        "dora@example.org" },
    virtual = table.concat({
        "sales@example.com alice@example.com",
        "team@example.com alice@example.com, bob@example.com",
        "nest@example.com sales@example.com",
        "@catch.example alice@example.com",
        "carol@example.com alice@example.com",
        "abroad@example.com alice@gmail.example",
    }, "\n") .. "\n",
    regexp = "/^re[0-9]+@example\\.com$/ alice@example.com\n",
    may_send_as = "bob@example.com: boss@example.com\ncarol@example.com: @partner.example\n",
}

local function open(t, options, facts)
    t.volume(VOLUME)
    t.options{ ["spoof.enabled"] = "yes" }
    t.options(options or {})
    return t.session(facts or { login = "alice@example.com" })
end

-- login, envelope sender, verdict, options
local SENDERS = {
    { "alice@example.com", "alice@example.com", "continue" },
    { "alice@example.com", "Alice@Example.COM", "continue" },
    { "Alice@Example.com", "alice@example.com", "continue" },
    { "alice@example.com", "bob@example.com", "reject" },
    { "alice@example.com", "stranger@elsewhere.example", "reject" },
    { "alice@example.com", "nobody@example.com", "reject" },
    { "alice@example.com", "sales@example.com", "continue" },
    { "bob@example.com", "sales@example.com", "reject" },
    { "alice@example.com", "team@example.com", "continue" },
    { "bob@example.com", "team@example.com", "continue" },
    { "carol@example.com", "team@example.com", "reject" },
    { "alice@example.com", "nest@example.com", "continue" },
    { "alice@example.com", "nest@example.com", "reject", { ["spoof.nested"] = "no" } },
    { "alice@example.com", "any@catch.example", "continue" },
    { "alice@example.com", "any@catch.example", "reject", { ["spoof.catch_all"] = "no" } },
    { "alice@example.com", "alice+tag@example.com", "reject" },
    { "alice@example.com", "alice+tag@example.com", "continue", { ["spoof.subaddress"] = "yes" } },
    { "alice@example.com", "carol@example.com", "reject" },
    { "alice@example.com", "carol@example.com", "continue", { ["spoof.account_alias"] = "yes" } },
    { "carol@example.com", "carol@example.com", "continue" },
    { "bob@example.com", "boss@example.com", "continue" },
    { "alice@example.com", "boss@example.com", "reject" },
    { "carol@example.com", "any@partner.example", "continue" },
    { "bob@example.com", "any@partner.example", "reject" },
    { "alice@example.com", "abroad@example.com", "reject" },
    { "alice@example.com", "<>", "continue" },
    { "alice@example.com", "re7@example.com", "continue" },
    { "alice@example.com", "re7@example.com", "reject", { ["spoof.regexp"] = "no" } },
    { "alice@example.com", "sales@example.com", "continue", { ["spoof.regexp"] = "no" } },
    { "alice@example.com", "team@example.com", "reject", { ["spoof.group"] = "no" } },
    { "alice@example.com", "sales@example.com", "continue", { ["spoof.group"] = "no" } },
    { "alice@example.com", "sales+tag@example.com", "reject" },
    { "alice@example.com", "sales+tag@example.com", "continue", { ["spoof.subaddress"] = "yes" } },
    { "alice@example.com", "<>", "reject", { ["spoof.null_sender"] = "reject" } },
    { "unknown", "alice@example.com", "reject" },
    { "alice", "alice@example.com", "continue" },
    { "Alice", "sales@example.com", "continue" },
    { "alice", "bob@example.com", "reject" },
    { "alice", "alice@example.com", "reject", { ["spoof.login_domain"] = "example.org" } },
    { "dora", "dora@example.com", "reject" },
    { "dora", "dora@example.com", "continue", { ["spoof.login_domain"] = "example.com" } },
    { "dora", "dora@example.org", "reject", { ["spoof.login_domain"] = "Example.COM" } },
    { "alice@example.com", "bob@example.com", "continue", { ["spoof.enabled"] = "no" } },
}

for _, case in ipairs(SENDERS) do
    local login, sender, want, options = case[1], case[2], case[3], case[4]
    local with = options and " with " .. next(options) .. " = " .. options[next(options)] or ""
    test(login .. " sends as " .. sender .. with .. ": " .. want, function(t)
        local v = open(t, options, { login = login }):mail(sender):is(want)
        if want == "reject" then
            v:is("reject", 553, "5.7.1", "Sender address rejected: not owned by user " .. login)
            equal(v.detail.login, login)
        end
    end)
end

test("a login with bytes that no reply may hold", function(t)
    open(t, nil, { login = "ev\xc3\xb6l\r\n%s" }):mail("alice@example.com")
        :is("reject", 553, "5.7.1", "not owned by user ev??l??%s")
end)

test("a login of 500 bytes is cut", function(t)
    open(t, nil, { login = ("x"):rep(500) }):mail("alice@example.com"):is("reject", 553, "5.7.1")
end)

test("a sender of 400 bytes", function(t)
    open(t):mail(("x"):rep(390) .. "@example.com"):is("reject", 553, "5.7.1", "not owned")
end)

test("a trusted client that logs in is judged", function(t)
    open(t, nil, { login = "alice@example.com", ip = "127.0.0.1" }):mail("bob@example.com"):is("reject", 553)
end)

-- headers, verdict, part of the text; login alice@example.com
local HEADERS = {
    { { { "From", "alice@example.com" } }, "continue" },
    { { { "From", "\"Alice, A.\" <Alice@Example.com>" } }, "continue" },
    { { { "from", "=?utf-8?q?x?= <sales@example.com>" } }, "continue" },
    { { { "From", "alice@example.com, sales@example.com" } }, "continue" },
    { { { "From", "bob@example.com" } }, "reject", "<bob@example.com>: From address rejected: not owned" },
    { { { "From", "\"alice@example.com\" <bob@example.com>" } }, "reject", "<bob@example.com>" },
    { { { "From", "alice@example.com, bob@example.com" } }, "reject", "<bob@example.com>" },
    { { { "From", "alice@example.com" }, { "Sender", "bob@example.com" } }, "reject", "Sender address rejected" },
    { { { "From", "alice@example.com" }, { "Sender", "sales@example.com" } }, "continue" },
    { { { "From", "alice@example.com" }, { "Sender", "sales@example.com" }, { "Sender", "bob@example.com" } },
        "reject", "there are 2 Sender headers" },
    { { { "From", "alice@example.com" }, { "Sender", "alice" } }, "reject", "Sender header cannot be read" },
    { { { "From", "alice@example.com" }, { "From", "alice@example.com" } }, "reject", "there are 2 From headers" },
    { { { "From", "alice@example.com" }, { "Resent-From", "sales@example.com" } }, "continue" },
    { { { "From", "alice@example.com" }, { "Resent-From", "bob@example.com" } }, "reject",
        "<bob@example.com>: Resent-From address rejected" },
    { { { "From", "alice@example.com" }, { "Resent-From", "alice@example.com" }, { "Resent-From", "bob@example.com" } },
        "continue" },
    { { { "From", "alice@example.com" }, { "Resent-From", "bob@example.com" }, { "Resent-From", "alice@example.com" } },
        "reject", "Resent-From address rejected" },
    { { { "From", "alice@example.com" }, { "Resent-From", "alice@example.com" },
        { "Resent-Sender", "bob@example.com" } }, "reject", "Resent-Sender address rejected" },
    { { { "From", "alice@example.com" }, { "Resent-From", "bob" } }, "reject", "Resent-From header cannot be read" },
    { { { "From", "bob@example.com" }, { "Resent-From", "alice@example.com" } }, "reject", "From address rejected" },
    { {}, "reject", "there is no From header" },
    { { { "Subject", "x" } }, "reject", "there is no From header" },
    { { { "From", "" } }, "reject", "Message rejected" },
    { { { "From", "undisclosed:;" } }, "reject", "names nobody" },
    { { { "From", "alice@example.com <bob@example.com>" } }, "reject", "Message rejected" },
    { { { "From", "<alice@example.com" } }, "reject", "Message rejected: From header cannot be read" },
    { { { "From", "alice@example.com\n (comment)" } }, "continue" },
    { { { "From", "\"x\\\r\" <alice@example.com>" } }, "reject" },
}

for i, case in ipairs(HEADERS) do
    local first = case[1][1]
    local name = "headers " .. i .. " " .. (first and first[1] .. ": " .. first[2]:gsub("%c", "?") or "none")
    test(name .. ": " .. case[2], function(t)
        local s = open(t)
        s:mail("alice@example.com"):is("continue")
        s:rcpt("bob@example.com"):is("continue")
        local v = s:finish{ headers = case[1] }:is(case[2], nil, nil, case[3])
        if case[2] == "continue" then
            v:plan{}
        else
            equal(v.xcode, "5.7.1")
        end
    end)
    test(name .. ": mark delivers" .. (case[2] == "reject" and ", marked" or ""), function(t)
        local s = open(t, { ["spoof.header_from"] = "mark" })
        s:mail("alice@example.com")
        s:rcpt("bob@example.com")
        local v = s:finish{ headers = case[1] }:is("continue")
        if case[2] == "continue" then
            v:plan{}
        else
            equal(#v.edits, 1)
            equal(v.edits[1].name, "X-Foregate-Spoof")
        end
    end)
    test(name .. ": off does not look", function(t)
        local s = open(t, { ["spoof.header_from"] = "off" })
        s:mail("alice@example.com")
        s:rcpt("bob@example.com")
        s:finish{ headers = case[1] }:is("continue"):plan{}
    end)
end

test("the mark says what is not owned", function(t)
    local s = open(t, { ["spoof.header_from"] = "mark" })
    s:mail("alice@example.com")
    s:rcpt("bob@example.com")
    s:finish{ headers = { { "From", "bob@example.com" } } }
        :plan{ "add_header X-Foregate-Spoof: From <bob@example.com> not owned" }
end)

test("marks that a client brings are removed, the last one first", function(t)
    local s = open(t, nil, {})
    s:mail("x@elsewhere.example"):is("continue")
    s:rcpt("bob@example.com")
    s:finish{ headers = { { "X-Foregate-Spoof", "fine" }, { "From", "bob@example.com" },
        { "x-foregate-spoof", "trust me" } } }:is("continue"):plan{
        "delete_header X-Foregate-Spoof 2",
        "delete_header X-Foregate-Spoof 1",
    }
end)

test("a mark that a client brings gives way to ours", function(t)
    local s = open(t, { ["spoof.header_from"] = "mark" })
    s:mail("alice@example.com")
    s:rcpt("bob@example.com")
    s:finish{ headers = { { "X-Foregate-Spoof", "fine" }, { "From", "bob@example.com" } } }:is("continue"):plan{
        "delete_header X-Foregate-Spoof 1",
        "add_header X-Foregate-Spoof: From <bob@example.com> not owned",
    }
end)

test("a message of a login with the null sender has its From judged", function(t)
    local s = open(t)
    s:mail("<>"):is("continue")
    s:rcpt("bob@example.com")
    s:finish{ headers = { { "From", "bob@example.com" } } }:is("reject", 553)
end)

test("strangers' headers are not judged", function(t)
    local s = open(t, nil, {})
    s:mail("x@elsewhere.example"):is("continue")
    s:rcpt("bob@example.com")
    s:finish{ headers = { { "From", "alice@example.com" } } }:is("continue"):plan{}
end)


-- With spoof.sender_header = yes; login alice@example.com
local SENT_FOR = {
    { { { "From", "bob@example.com" }, { "Sender", "alice@example.com" } }, "continue" },
    { { { "From", "boss@elsewhere.example" }, { "Sender", "Sales <sales@example.com>" } }, "continue" },
    { { { "From", "bob@example.com" } }, "reject", "From address rejected" },
    { { { "From", "bob@example.com" }, { "Sender", "bob@example.com" } }, "reject", "Sender address rejected" },
    { { { "From", "alice@example.com" }, { "Sender", "bob@example.com" } }, "reject", "Sender address rejected" },
    { { { "From", "bob@example.com" }, { "Sender", "alice@example.com, sales@example.com" } }, "reject", "From address" },
    { { { "From", "bob@example.com" }, { "Sender", "a:;" } }, "reject", "From address rejected" },
    { { { "From", "bob@example.com" }, { "Sender", "alice@example.com" }, { "Sender", "alice@example.com" } },
        "reject", "there are 2 Sender headers" },
    { { { "Sender", "alice@example.com" } }, "reject", "there is no From header" },
    { { { "From", "bob" }, { "Sender", "alice@example.com" } }, "reject", "From header cannot be read" },
    { { { "From", "bob@example.com" }, { "Sender", "carol@example.com" }, { "Resent-From", "alice@example.com" } },
        "continue" },
    { { { "From", "bob@example.com" }, { "Resent-From", "bob@example.com" } }, "reject", "Resent-From address" },
}

for i, case in ipairs(SENT_FOR) do
    test("sender_header = yes, headers " .. i .. ": " .. case[2], function(t)
        local s = open(t, { ["spoof.sender_header"] = "yes" })
        s:mail("alice@example.com"):is("continue")
        s:rcpt("bob@example.com"):is("continue")
        s:finish{ headers = case[1] }:is(case[2], nil, nil, case[3])
    end)
end

-- From: of alice, and the address in its name that display_name is about.
local NAMES = {
    { "\"bob@example.com\" <alice@example.com>", "bob@example.com" },
    { "bob@example.com <alice@example.com>" }, -- cannot be read at all
    { "\"Bob (bob@example.com)\" <alice@example.com>", "bob@example.com" },
    { "alice@example.com (bob@example.com)", "bob@example.com" },
    { "=?utf-8?q?bob=40example.com?= <alice@example.com>", "bob@example.com" },
    { "=?utf-8?B?Ym9iQGV4YW1wbGUuY29t?= <alice@example.com>", "bob@example.com" },
    { "\"nobody@catch.example\" <bob@example.com>", false },
    { "\"alice@example.com\" <alice@example.com>", false },
    { "\"sales@example.com\" <alice@example.com>", false },
    { "\"someone@elsewhere.example\" <alice@example.com>", false },
    { "Alice <alice@example.com>", false },
}

local function named(t, mode, from, more)
    local options = { ["spoof.display_name"] = mode, ["spoof.header_from"] = "off" }
    for name, value in pairs(more or {}) do
        options[name] = value
    end
    local s = open(t, options)
    s:mail("alice@example.com"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    return s:finish{ headers = { { "From", from } } }
end

for _, case in ipairs(NAMES) do
    local from, address = case[1], case[2]
    test("display_name = off with " .. from, function(t)
        named(t, "off", from):is("continue"):plan{}
    end)
    test("display_name = mark with " .. from, function(t)
        named(t, "mark", from):is("continue"):plan(address and
            { "add_header X-Foregate-Spoof: display name with <" .. address .. "> not owned" } or {})
    end)
    test("display_name = reject with " .. from, function(t)
        local verdict = named(t, "reject", from)
        if address then
            verdict:is("reject", 553, "5.7.1",
                "<" .. address .. ">: Display name in From rejected: not owned by user alice")
        else
            verdict:is("continue"):plan{}
        end
    end)
end

test("by default a name is marked and a From refused", function(t)
    local s = open(t)
    s:mail("alice@example.com")
    s:rcpt("bob@example.com")
    s:finish{ headers = { { "From", NAMES[1][1] } } }:is("continue")
        :plan{ "add_header X-Foregate-Spoof: display name with <bob@example.com> not owned" }
end)

test("a mark tells of the author and of the name", function(t)
    named(t, "mark", "\"carol@example.com\" <bob@example.com>", { ["spoof.header_from"] = "mark" }):is("continue"):plan{
        "add_header X-Foregate-Spoof: From <bob@example.com> not owned; display name with <carol@example.com> not owned"
    }
end)

test("a From that cannot be read is marked as such", function(t)
    named(t, "mark", "bob@example.com <alice@example.com>", { ["spoof.header_from"] = "mark" }):is("continue")
        :plan{ "add_header X-Foregate-Spoof: From header cannot be read" }
end)

for _, count in ipairs{ 100, 101 } do
    test(count .. " addresses in From", function(t)
        local addresses = {}
        for i = 1, count do
            addresses[i] = "x" .. i .. "@catch.example"
        end
        local verdict = named(t, "off", table.concat(addresses, ", "), { ["spoof.header_from"] = "reject" })
        if count > 100 then
            verdict:is("reject", 550, "5.7.1", "headers name more than 100 addresses")
        else
            verdict:is("continue")
        end
    end)
end

test("an alias in a circle belongs to nobody", function(t)
    t.volume{ virtual = "round@example.com ring@example.com\nring@example.com round@example.com\n",
        accounts = VOLUME.accounts }
    t.options{ ["spoof.enabled"] = "yes" }
    t.session{ login = "alice@example.com" }:mail("round@example.com"):is("reject", 553)
end)

-- A pattern that takes too long to be told.
local SLOW = "slow" .. ("a"):rep(40) .. "b@example.com"

local function slow(t, mode)
    t.volume{ accounts = VOLUME.accounts, regexp = "/^slow(a+)+@example\\.com$/ alice@example.com\n" }
    t.options{ ["spoof.enabled"] = "yes", ["spoof.header_from"] = mode }
    local s = t.session{ login = "alice@example.com" }
    s:mail(SLOW):is("defer", 451, "4.3.0", "Temporary lookup failure")
    s:mail("alice@example.com"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    return s:finish{ headers = { { "From", SLOW } } }
end

test("what cannot be told defers", function(t)
    slow(t, "reject"):is("defer", 451, "4.3.0", "Temporary lookup failure")
end)

test("what cannot be told is marked where nothing is refused", function(t)
    slow(t, "mark"):is("continue"):plan{ "add_header X-Foregate-Spoof: From <" .. SLOW .. "> cannot be looked up" }
end)
