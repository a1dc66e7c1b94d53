-- SPDX-License-Identifier: MIT
-- The options rewrite.* together with the rules.
local VOLUME = {
    accounts = { "alice@example.com", "bob@example.com", "full@example.com", "kept@example.com" },
    virtual = table.concat({
        "team@example.com alice@example.com, bob@example.com",
        "some@example.com alice@example.com, full@example.com, gone@example.com",
        "four@example.com team@example.com, a@x.test, b@x.test",
        "kept@example.com kept@example.com, alice+k@example.com",
        "leads@example.com kept@example.com",
    }, "\n") .. "\n",
}

local function open(t, options, facts)
    t.volume(VOLUME)
    t.options(options)
    t.quota["full@example.com"] = "over"
    local s = t.session(facts)
    s:mail("x@elsewhere.example"):is("continue")
    return s
end

local EXPAND = { ["rewrite.alias"] = "expand", ["rewrite.subaddress"] = "strip" }

test("an alias is expanded and its tag removed", function(t)
    local s = open(t, EXPAND)
    s:rcpt("Team+x@example.com", { NOTIFY = "SUCCESS,FAILURE" }):is("continue")
    s:finish{}:is("continue"):plan{
        "delete_recipient <Team+x@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;Team+2Bx@example.com NOTIFY=SUCCESS,FAILURE",
        "add_recipient <bob@example.com> ORCPT=rfc822;Team+2Bx@example.com NOTIFY=FAILURE",
        "add_header X-Original-To: Team+x@example.com",
    }
end)

test("a tag beside an address that is its own target stays", function(t)
    local s = open(t, EXPAND)
    s:rcpt("kept@example.com"):is("continue")
    s:finish{}:is("continue"):plan{}
    s:forget()
    s:mail("x@elsewhere.example")
    s:rcpt("leads@example.com"):is("continue")
    s:finish{}:is("continue"):plan{
        "delete_recipient <leads@example.com>",
        "add_recipient <kept@example.com> ORCPT=rfc822;leads@example.com",
        "add_header X-Original-To: leads@example.com",
    }
    s:forget()
    s:mail("x@elsewhere.example")
    s:rcpt("kept+t@example.com"):is("continue")
    s:finish{}:is("continue"):plan{}
end)

test("what rules left out stays out", function(t)
    local s = open(t, EXPAND)
    s:rcpt("some+x@example.com"):is("continue")
    s:finish{}:is("continue"):plan{
        "delete_recipient <some+x@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;some+2Bx@example.com",
        "add_header X-Original-To: some+x@example.com",
    }
end)

test("a refused recipient is not rewritten", function(t)
    local s = open(t, EXPAND)
    s:rcpt("full@example.com"):is("reject")
    s:rcpt("alice@example.com"):is("continue")
    s:finish{}:is("continue"):plan{}
end)

test("the trace has the name that is chosen, or there is none", function(t)
    local s = open(t, { ["rewrite.alias"] = "expand", ["rewrite.header"] = "X-Envelope-To" })
    s:rcpt("bob@example.com")
    s:rcpt("team@example.com")
    s:finish{}:is("continue"):plan{
        "delete_recipient <team@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;team@example.com",
    }
    s:forget()
    s:mail("x@elsewhere.example")
    s:rcpt("team@example.com")
    s:finish{ headers = { { "X-Envelope-To", "forged@example.com" } } }:is("continue"):plan{
        "delete_recipient <team@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;team@example.com",
        "add_recipient <bob@example.com> ORCPT=rfc822;team@example.com",
        "delete_header X-Envelope-To 1",
        "add_header X-Envelope-To: team@example.com",
    }
end)

test("rewrite.header = off", function(t)
    local s = open(t, { ["rewrite.subaddress"] = "strip", ["rewrite.header"] = "off" })
    s:rcpt("bob+x@example.com")
    s:finish{}:plan{ "delete_recipient <bob+x@example.com>",
        "add_recipient <bob@example.com> ORCPT=rfc822;bob+2Bx@example.com" }
end)

test("in shadow mode nothing is rewritten", function(t)
    local s = open(t, { ["rewrite.alias"] = "expand", ["rewrite.subaddress"] = "strip", mode = "shadow" })
    s:rcpt("team+x@example.com"):is("continue")
    s:finish{}:is("continue"):plan{}
end)

test("aliases make no more recipients than rewrite.max_recipients", function(t)
    local s = open(t, { ["rewrite.alias"] = "expand", ["rewrite.max_recipients"] = "5" })
    s:rcpt("four@example.com"):is("continue")
    s:rcpt("team@example.com"):is("defer", 452, "4.5.3", "Too many recipients")
    s:rcpt("bob@example.com"):is("continue")
    s:rcpt("alice@example.com"):is("defer", 452, "4.5.3")
    equal(#s:finish{}:is("continue").edits, 4) -- bob is there already
    s:forget() -- the next message begins anew
    s:mail("x@elsewhere.example")
    s:rcpt("team@example.com"):is("continue")
end)

test("without expansion they do not count", function(t)
    local s = open(t, { ["rewrite.subaddress"] = "strip", ["rewrite.max_recipients"] = "1" })
    s:rcpt("four@example.com"):is("continue")
    s:rcpt("team@example.com"):is("continue")
end)

test("mail from sendmail(1) is expanded by the server itself, however large the alias", function(t)
    local s = open(t, { ["rewrite.alias"] = "expand", ["rewrite.max_recipients"] = "3" },
        { ip = "127.0.0.1", name = "localhost", port = 0 })
    s:rcpt("bob@example.com"):is("continue")
    s:rcpt("four@example.com"):is("continue")
    s:rcpt("some@example.com"):is("continue") -- but who cannot get it is left out
    s:finish{}:is("continue"):plan{
        "delete_recipient <some@example.com>",
    }
end)
