-- SPDX-License-Identifier: MIT
local VOLUME = {
    accounts = { "alice@example.com", "bob@example.com", "carol@example.com" },
    virtual = table.concat({
        "sales@example.com alice@example.com",
        "team@example.com alice@example.com, bob@example.com",
        "nest@example.com sales@example.com",
        "@catch.example alice@example.com",
        "carol@example.com alice@example.com",
        "abroad@example.com alice@gmail.example",
    }, "\n") .. "\n",
    may_send_as = "bob@example.com: boss@example.com\ncarol@example.com: @partner.example\n",
}

local function open(t, options, facts)
    t.volume(VOLUME)
    t.options{ ["spoof.enabled"] = "yes" }
    t.options(options or {})
    return t.session(facts or { login = "alice@example.com" })
end

local NOT_OWNED = "Sender address rejected: not owned by user alice@example.com"

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
    { "unknown", "alice@example.com", "reject" },
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
        "reject", "Sender address rejected" },
    { { { "From", "alice@example.com" }, { "From", "alice@example.com" } }, "reject", "there are 2 From headers" },
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

local function stranger(t, mode, headers, facts)
    local s = open(t, { ["spoof.own_domain"] = mode }, facts or {})
    s:mail("x@elsewhere.example"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    return s:finish{ headers = headers }
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
    stranger(t, "reject", { { "From", "\"alice@example.com\" <x@y.example>" } }):is("continue"):plan{}
end)

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
