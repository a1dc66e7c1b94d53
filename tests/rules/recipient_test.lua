-- SPDX-License-Identifier: MIT
local VOLUME = {
    accounts = { "alice@example.com", "bob@example.com" },
    virtual = table.concat({
        "gone@example.com nobody@example.com",
        "half@example.com alice@example.com, nobody@example.com, bob@example.com",
        "self@example.com self@example.com, nobody@example.com",
        "alice@example.com alice@example.com, nobody@example.com",
        "abroad@example.com carol@gmail.example, nobody@example.com",
        "loop@example.com pool@example.com",
        "pool@example.com loop@example.com",
        "deep@example.com d1@example.com",
        "empty@example.com nobody@example.com, nobody2@example.com",
    }, "\n") .. "\n",
}

-- The alias on alice@ is left out: most tests want a plain one.
local function volume(with_own_alias)
    local text = VOLUME.virtual
    if not with_own_alias then
        text = text:gsub("alice@example%.com alice[^\n]*\n", "")
    end
    return { accounts = VOLUME.accounts, virtual = text }
end

local function begin(t, options, facts)
    t.volume(volume())
    t.options(options or {})
    local s = t.session(facts)
    s:mail("a@sender.example"):is("continue")
    return s
end

local function finish(s)
    return s:finish{ headers = { { "From", "a@sender.example" } }, body_bytes = 10 }
end

test("an account is accepted", function(t)
    begin(t):rcpt("alice@example.com"):is("continue")
end)

test("with its tag and in capitals as well", function(t)
    begin(t):rcpt("ALICE+Tag@EXAMPLE.com"):is("continue")
end)

test("an address that nobody has is refused, with the address in the text", function(t)
    begin(t):rcpt("nobody@example.com"):is("reject", 550, "5.1.1",
        "<nobody@example.com>: Recipient address rejected: User unknown")
end)

test("another reply, also a temporary one, is the operator's choice", function(t)
    begin(t, { ["recipient.reply"] = "553 5.1.10 No such person" }):rcpt("nobody@example.com")
        :is("reject", 553, "5.1.10", "<nobody@example.com>: No such person")
end)

test("a temporary reply defers", function(t)
    begin(t, { ["recipient.reply"] = "450 4.1.1 Not yet" }):rcpt("nobody@example.com")
        :is("defer", 450, "4.1.1", "<nobody@example.com>: Not yet")
end)

test("an address with 8-bit bytes is refused with a clean text", function(t)
    begin(t):rcpt("nob\xc3\xb6dy@example.com"):is("reject", 550, "5.1.1", "dy@example.com>: Recipient")
end)

test("a long address and a long reply make a text that a reply can hold", function(t)
    local s = begin(t, { ["recipient.reply"] = "550 5.1.1 " .. ("word "):rep(79) .. "end" })
    s:rcpt(("x"):rep(300) .. "@example.com"):is("reject", 550, "5.1.1", "<xxx")
end)

test("a local-part of 900 bytes is refused", function(t)
    begin(t):rcpt(("x"):rep(900) .. "@example.com"):is("reject", 550, "5.1.1", "User unknown")
end)

test("an alias whose members all are unknown is refused", function(t)
    begin(t):rcpt("gone@example.com"):is("reject", 550, "5.1.1", "<gone@example.com>")
end)

test("several members, all unknown: refused, and the record names them", function(t)
    local s = begin(t)
    local v = s:rcpt("empty@example.com"):is("reject", 550, "5.1.1")
    equal(v.detail.unknown, "nobody@example.com nobody2@example.com")
end)

test("group = all: dangling members are left out of the delivery", function(t)
    local s = begin(t)
    s:rcpt("half@example.com"):is("continue")
    finish(s):is("continue"):plan{
        "delete_recipient <half@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;half@example.com",
        "add_recipient <bob@example.com> ORCPT=rfc822;half@example.com",
    }
end)

test("a member elsewhere is not ours to judge and stays", function(t)
    local s = begin(t)
    s:rcpt("abroad@example.com"):is("continue")
    finish(s):is("continue"):plan{
        "delete_recipient <abroad@example.com>",
        "add_recipient <carol@gmail.example> ORCPT=rfc822;abroad@example.com",
    }
end)

test("group = any: one dangling member refuses the alias", function(t)
    local v = begin(t, { ["recipient.group"] = "any" }):rcpt("half@example.com"):is("reject", 550, "5.1.1")
    equal(v.detail.unknown, "nobody@example.com")
end)

test("a dangling member that cannot be left out refuses the alias", function(t)
    t.volume(volume(true))
    local s = t.session{}
    s:mail("a@sender.example")
    local v = s:rcpt("alice@example.com"):is("reject", 550, "5.1.1")
    matches(v.detail.cannot_leave_out, "expands it again")
end)

test("in shadow mode nothing is left out", function(t)
    local s = begin(t, { ["recipient.mode"] = "shadow" })
    s:rcpt("nobody@example.com"):is("continue")
    s:rcpt("half@example.com"):is("continue")
    equal(s:decisions("recipient")[1].shadow, true)
    finish(s):is("continue"):plan{}
end)

test("a loop is a temporary refusal whose record names the alias", function(t)
    local v = begin(t):rcpt("loop@example.com"):is("defer", 451, "4.6.0", "Alias expansion error")
    equal(v.detail.error, "loop")
    matches(v.detail.alias, "@example.com")
end)

test("an alias with too many members is a temporary refusal", function(t)
    local list = {}
    for i = 1, 1001 do
        list[i] = "x" .. i .. "@elsewhere.example"
    end
    t.volume{ accounts = { "alice@example.com" }, virtual = "big@example.com " .. table.concat(list, ",") .. "\n" }
    local s = t.session{}
    s:mail("a@sender.example")
    local v = s:rcpt("big@example.com"):is("defer", 451, "4.6.0")
    equal(v.detail.error, "size")
end)

test("a pattern whose result is no address is a table error", function(t)
    t.volume{ accounts = { "alice@example.com" }, regexp = "/^x(.*)@example\\.com$/ ,\n" }
    local s = t.session{}
    s:mail("a@sender.example")
    local v = s:rcpt("xy@example.com"):is("defer", 451, "4.3.0", "Temporary lookup failure")
    equal(v.detail.error, "table")
end)

test("what is not our domain is not ours to judge", function(t)
    begin(t):rcpt("x@elsewhere.example"):is("continue")
end)

test("the host's own users are judged by its Postfix", function(t)
    begin(t):rcpt("root@mail.example.test"):is("continue")
end)

test("a name without a domain is at the host", function(t)
    begin(t):rcpt("postmaster"):is("continue")
end)

test("an SRS address at our domain is refused by default", function(t)
    begin(t):rcpt("SRS0=abcd=XY=other.example=user@example.com"):is("reject", 550, "5.1.1")
end)

test("a name at the host itself is Postfix's to judge", function(t)
    begin(t):rcpt("cron@mail.example.test"):is("continue")
end)

test("a foreign address that our aliases lead to nobody is refused", function(t)
    t.volume{ accounts = { "alice@example.com" }, regexp = "/^boss@/ nobody@example.com\n" }
    local s = t.session()
    s:mail("a@sender.example"):is("continue")
    s:rcpt("boss@elsewhere.test"):is("reject", 550, "5.1.1")
end)

test("without the alias rule in front it has nothing to say", function(t)
    begin(t, { rules = "recipient" }):rcpt("nobody@example.com"):is("continue")
end)

test("what cannot be parsed is refused by its syntax", function(t)
    begin(t):rcpt("<@@@>"):is("reject", 501, "5.1.3")
end)

for _, address in ipairs{ "%]", "!@mail.example.test", "%@localhost" } do
    test("what Postfix would not deliver is refused by its syntax: " .. address, function(t)
        local v = begin(t):rcpt(address):is("reject", 501, "5.1.3", "Bad recipient address syntax")
        equal(v.rule, "recipient")
    end)
end

test("one refused recipient does not touch the others", function(t)
    local s = begin(t)
    s:rcpt("alice@example.com"):is("continue")
    s:rcpt("nobody@example.com"):is("reject")
    s:rcpt("bob@example.com"):is("continue")
    finish(s):is("continue"):plan{}
end)
