-- SPDX-License-Identifier: MIT
-- The probe stands behind alias and tells what it was given.
local PROBE = [[
return { name = "probe", rcpt = function(_, _, recipient)
    local expansion, list = recipient.expansion, {}
    for i, member in ipairs(expansion.recipients) do
        list[i] = member.address .. "=" .. member.class .. ":" .. tostring(member.mailbox) ..
            (member.via[1] and " via " .. table.concat(member.via, " ") or "")
    end
    return reject(550, "5.7.1", expansion.status .. " " .. (expansion.error or table.concat(list, ", ")))
end }]]

local VOLUME = {
    accounts = { "alice@example.com", "bob@example.com" },
    virtual = table.concat({
        "team@example.com alice@example.com, bob@example.com",
        "all@example.com team@example.com, carol@gmail.example",
        "loop@example.com pool@example.com",
        "pool@example.com loop@example.com",
        "gone@example.com nobody@example.com",
        "@catch.example alice@example.com",
    }, "\n") .. "\n",
    regexp = "/^info-(.*)@example\\.com$/ $1@example.com\n",
}

local CASES = {
    { "alice@example.com", "ok alice@example.com=mailbox:alice@example.com" },
    { "Alice+x@example.com", "ok Alice+x@example.com=mailbox:alice@example.com" },
    { "team@example.com", "ok alice@example.com=mailbox:alice@example.com via team@example.com, " ..
        "bob@example.com=mailbox:bob@example.com via team@example.com" },
    { "team+x@example.com", "ok alice+x@example.com=mailbox:alice@example.com via team+x@example.com, " ..
        "bob+x@example.com=mailbox:bob@example.com via team+x@example.com" },
    { "all@example.com", "ok alice@example.com=mailbox:alice@example.com via all@example.com team@example.com, " ..
        "carol@gmail.example=external:nil via all@example.com, " ..
        "bob@example.com=mailbox:bob@example.com via all@example.com team@example.com" },
    { "any@catch.example", "ok alice@example.com=mailbox:alice@example.com via any@catch.example" },
    { "info-bob@example.com", "ok bob@example.com=mailbox:bob@example.com via info-bob@example.com" },
    { "gone@example.com", "ok nobody@example.com=unknown:nil via gone@example.com" },
    { "nobody@example.com", "unknown " },
    { "x@elsewhere.example", "relay " },
    { "loop@example.com", "error loop" },
}

for _, case in ipairs(CASES) do
    test(case[1] .. " is " .. case[2]:sub(1, 60), function(t)
        t.volume(VOLUME)
        t.rule("probe", PROBE)
        t.options{ rules = "alias probe" }
        local s = t.session{}
        s:mail("a@sender.example")
        s:rcpt(case[1]):is("reject", 550, "5.7.1", case[2])
    end)
end

test("with rewrite.alias at its default the envelope stays as it is", function(t)
    t.volume(VOLUME)
    local s = t.session{}
    s:mail("a@sender.example")
    s:rcpt("all@example.com"):is("continue")
    s:finish{ headers = { { "From", "a@sender.example" } } }:is("continue"):plan{}
end)

test("the expansion is kept for the end of the message", function(t)
    t.volume(VOLUME)
    t.rule("probe", [[
return { name = "probe", finish = function(_, message)
    local first = message.recipients[1].expansion.recipients[2]
    return reject(550, "5.7.1", first.address .. " " .. message.recipients[2].expansion.status)
end }]])
    t.options{ rules = "alias probe" }
    local s = t.session{}
    s:mail("a@sender.example")
    s:rcpt("team@example.com"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    s:finish{}:is("reject", 550, "5.7.1", "bob@example.com ok")
end)

-- Behind a catch-all to a full mailbox, any rule that judged it would refuse it.
test("with SRS switched on, its addresses are nobody's business", function(t)
    t.volume{ accounts = { "alice@example.com" }, virtual = "@example.com alice@example.com\n" }
    t.quota["alice@example.com"] = "over"
    t.options{ ["alias.srs"] = "yes" }
    local s = t.session()
    s:mail("a@sender.example"):is("continue")
    s:rcpt("SRS0=abcd=XY=other.example=user@example.com"):is("continue")
    s:rcpt("srs1=abcd=other.example==XY=third.example=user@example.com"):is("continue")
    s:rcpt("srs2=nobody@example.com"):is("reject", 552, "5.2.2")
end)
