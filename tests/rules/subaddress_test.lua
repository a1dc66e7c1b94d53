-- SPDX-License-Identifier: MIT
local PROBE = [[
return { name = "probe", rcpt = function(_, _, recipient)
    local notes = recipient.notes
    return reject(550, "5.7.1", "base " .. tostring(notes.base) .. " detail " .. tostring(notes.detail))
end }]]

local function probe(t, recipient, delimiter)
    t.volume{ accounts = { "alice@example.com" } }
    t.rule("probe", PROBE)
    t.options{ rules = "subaddress probe", recipient_delimiter = delimiter or "+" }
    local s = t.session{}
    s:mail("a@sender.example")
    return s:rcpt(recipient).text
end

local CASES = {
    { "alice+tag@example.com", "base alice detail tag" },
    { "Alice+Tag@Example.COM", "base Alice detail Tag" },
    { "alice+a+b@example.com", "base alice detail a+b" },
    { "alice@example.com", "base nil detail nil" },
    { "+alice@example.com", "base nil detail nil" },
    { "\"a b+tag\"@example.com", "base a b detail tag" },
    { "postmaster@example.com", "base nil detail nil", "-" },
    { "double-bounce@example.com", "base nil detail nil", "-" },
    { "Mailer-Daemon@example.com", "base nil detail nil", "-" },
    { "alice-tag@example.com", "base nil detail nil" },
    { "alice-tag@example.com", "base alice detail tag", "-" },
    { "alice-tag@example.com", "base alice detail tag", "+-" },
    { "owner-list@example.com", "base nil detail nil", "-" },
    { "list-request@example.com", "base nil detail nil", "-" },
    { "alice+tag@example.com", "base nil detail nil", "" },
}

for _, case in ipairs(CASES) do
    test(case[1] .. " with delimiter \"" .. (case[3] or "+") .. "\": " .. case[2], function(t)
        equal(probe(t, case[1], case[3]), case[2])
    end)
end

test("the envelope keeps the tag", function(t)
    t.volume{ accounts = { "alice@example.com" } }
    local s = t.session{}
    s:mail("a@sender.example"):is("continue")
    s:rcpt("alice+tag@example.com"):is("continue")
    s:finish{ headers = { { "From", "a@sender.example" } } }:is("continue"):plan{}
end)
