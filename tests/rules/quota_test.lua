-- SPDX-License-Identifier: MIT
local VOLUME = {
    accounts = { "alice@example.com", "bob@example.com", "full@example.com", "full2@example.com", "own@example.com" },
    virtual = table.concat({
        "team@example.com alice@example.com, full@example.com, bob@example.com",
        "packed@example.com full@example.com, full2@example.com",
        "abroad@example.com full@example.com, carol@gmail.example",
        "own@example.com own@example.com, full@example.com",
        "to_full@example.com full@example.com",
        "outside@example.com carol@gmail.example",
        "twice@example.com alice@example.com, alice+x@example.com",
    }, "\n") .. "\n",
}

-- Leases are switched off where a test does not say otherwise.
local function begin(t, options, params, volume)
    t.volume(volume or VOLUME)
    t.options{ ["quota.lease"] = "0", ["quota.overhead"] = "0", ["quota.refusal_time"] = "0s",
        ["quota.limit"] = "10000" }
    t.options(options or {})
    t.quota["full@example.com"] = "over"
    t.quota["full2@example.com"] = "over: 552 5.2.2 Quota exceeded (mailbox for user is full)"
    local s = t.session{}
    s:mail("a@sender.example", params):is("continue")
    return s
end

local function finish(s, body_bytes)
    return s:finish{ headers = { { "From", "a@sender.example" } }, body_bytes = body_bytes or 0 }
end

-- Header and the line behind it, as they count at end of message.
local HEADER_BYTES = #"From: a@sender.example\r\n" + 2

test("a full mailbox is refused", function(t)
    local v = begin(t):rcpt("full@example.com"):is("reject", 552, "5.2.2", "Mailbox is full")
    equal(v.rule, "quota")
    equal(v.detail.full, "full@example.com")
    equal(v.detail.answer, "552 5.2.2 Mailbox is full")
end)

test("its tag and its aliases do not help", function(t)
    local s = begin(t)
    s:rcpt("Full+x@example.com"):is("reject", 552)
    s:rcpt("to_full@example.com"):is("reject", 552)
end)

test("the declared size is asked about", function(t)
    local s = begin(t, nil, { SIZE = 5000 })
    t.quota["alice@example.com"] = 5000
    s:rcpt("alice@example.com"):is("continue")
    t.quota["bob@example.com"] = 4999
    s:rcpt("bob@example.com"):is("reject", 552)
    t.asked{ "alice@example.com 5000", "bob@example.com 5000" }
end)

test("without a declared size, one byte", function(t)
    local s = begin(t)
    s:rcpt("alice@example.com"):is("continue")
    t.asked{ "alice@example.com 1" }
end)

test("a declared size of 0 is one byte", function(t)
    begin(t, nil, { SIZE = 0 }):rcpt("alice@example.com"):is("continue")
    t.asked{ "alice@example.com 1" }
end)

test("nobody is asked about addresses that have no mailbox here", function(t)
    local s = begin(t)
    s:rcpt("x@elsewhere.example"):is("continue")
    s:rcpt("outside@example.com"):is("continue")
    s:rcpt("nobody@example.com"):is("reject", 550)
    finish(s, 100):is("continue"):plan{}
    t.asked{}
end)

test("a mailbox that is reached twice is asked once", function(t)
    local s = begin(t)
    s:rcpt("twice@example.com"):is("continue")
    t.asked{ "alice@example.com 1" }
end)

test("group = all: the full members are left out", function(t)
    local s = begin(t)
    s:rcpt("team@example.com", { NOTIFY = "SUCCESS,FAILURE" }):is("continue")
    finish(s):is("continue"):plan{
        "delete_recipient <team@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;team@example.com NOTIFY=SUCCESS,FAILURE",
        "add_recipient <bob@example.com> ORCPT=rfc822;team@example.com NOTIFY=FAILURE",
    }
end)

test("group = all: all of them full is a refusal", function(t)
    local v = begin(t):rcpt("packed@example.com"):is("reject", 552, "5.2.2")
    equal(v.detail.full, "full@example.com full2@example.com")
end)

test("group = all: a member elsewhere keeps the alias alive", function(t)
    local s = begin(t)
    s:rcpt("abroad@example.com"):is("continue")
    finish(s):is("continue"):plan{
        "delete_recipient <abroad@example.com>",
        "add_recipient <carol@gmail.example> ORCPT=rfc822;abroad@example.com",
    }
end)

test("group = any: one full member refuses the alias", function(t)
    local s = begin(t, { ["quota.group"] = "any" })
    s:rcpt("team@example.com"):is("reject", 552, "5.2.2")
    s:rcpt("abroad@example.com"):is("reject", 552, "5.2.2")
end)

test("a full member that cannot be left out refuses the alias", function(t)
    local v = begin(t):rcpt("own@example.com"):is("reject", 552, "5.2.2")
    matches(v.detail.cannot_leave_out, "expands it again")
end)

test("dangling and full members are both left out", function(t)
    local volume = { accounts = VOLUME.accounts,
        virtual = "mix@example.com nobody@example.com, full@example.com, alice@example.com\n" }
    local s = begin(t, nil, nil, volume)
    s:rcpt("mix@example.com"):is("continue")
    t.asked{ "alice@example.com 1", "full@example.com 1" }
    finish(s):is("continue"):plan{
        "delete_recipient <mix@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;mix@example.com",
    }
end)

test("shadow mode leaves nobody out and refuses nobody", function(t)
    local s = begin(t, { ["quota.mode"] = "shadow" })
    s:rcpt("full@example.com"):is("continue")
    s:rcpt("team@example.com"):is("continue")
    equal(s:decisions("quota")[1].kind, "reject")
    equal(s:decisions("quota")[1].shadow, true)
    finish(s):is("continue"):plan{}
end)

test("service away: continue is the default", function(t)
    local s = begin(t)
    t.quota["alice@example.com"] = "fails: connection refused"
    s:rcpt("alice@example.com"):is("continue")
    finish(s, 10):is("continue")
end)

test("service away: defer on demand, with the reason in the record", function(t)
    local s = begin(t, { ["quota.on_failure"] = "defer" })
    t.quota["alice@example.com"] = "fails: connection refused"
    local v = s:rcpt("alice@example.com"):is("defer", 451, "4.3.0", "cannot be checked")
    equal(v.detail.reason, "alice@example.com: connection refused")
end)

test("one mailbox unknown, another full: continue judges what is known", function(t)
    local s = begin(t)
    t.quota["alice@example.com"] = "fails: no"
    s:rcpt("team@example.com"):is("continue")
    finish(s):is("continue"):plan{
        "delete_recipient <team@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;team@example.com",
        "add_recipient <bob@example.com> ORCPT=rfc822;team@example.com",
    }
end)

test("a silent service is a failure within its time", function(t)
    local s = begin(t, { ["quota.timeout"] = "20ms", ["quota.on_failure"] = "defer" })
    t.quota["alice@example.com"] = "silent"
    local v = s:rcpt("alice@example.com"):is("defer", 451)
    matches(v.detail.reason, "no answer within 20 ms")
end)

test("failure at end of message is judged the same way", function(t)
    local s = begin(t, { ["quota.on_failure"] = "defer" })
    s:rcpt("alice@example.com"):is("continue")
    t.quota["alice@example.com"] = "fails: gone"
    finish(s, 10):is("defer", 451, "4.3.0")
end)

test("at end of message the true size is asked about", function(t)
    local s = begin(t)
    s:rcpt("alice@example.com"):is("continue")
    finish(s, 1000):is("continue"):plan{}
    t.asked{ "alice@example.com 1", "alice@example.com " .. 1000 + HEADER_BYTES }
end)

test("a declared size that was kept is not asked about again", function(t)
    local s = begin(t, nil, { SIZE = 5000 })
    s:rcpt("alice@example.com"):is("continue")
    finish(s, 5000 - HEADER_BYTES):is("continue")
    t.asked{ "alice@example.com 5000" }
end)

test("one that was exceeded by a byte is", function(t)
    local s = begin(t, nil, { SIZE = 5000 })
    s:rcpt("alice@example.com"):is("continue")
    t.quota["alice@example.com"] = 5000
    finish(s, 5001 - HEADER_BYTES):is("reject", 552, "5.2.2")
    t.asked{ "alice@example.com 5000", "alice@example.com 5001" }
end)

test("too big for one of several recipients refuses the message, once for all", function(t)
    local s = begin(t)
    s:rcpt("alice@example.com"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    t.quota["bob@example.com"] = 100
    local v = finish(s, 1000):is("reject", 552, "5.2.2"):plan{}
    equal(v.detail.recipient, "bob@example.com")
    equal(v.detail.full, "bob@example.com")
end)

test("a refused recipient is not asked about again", function(t)
    local s = begin(t)
    s:rcpt("alice@example.com"):is("continue")
    s:rcpt("full@example.com"):is("reject")
    finish(s, 10):is("continue")
    t.asked{ "alice@example.com 1", "full@example.com 1", "alice@example.com " .. 10 + HEADER_BYTES }
end)

test("at end of message a member for whom it is too big is left out", function(t)
    local volume = { accounts = VOLUME.accounts, virtual = "pair@example.com alice@example.com, bob@example.com\n" }
    local s = begin(t, nil, nil, volume)
    s:rcpt("pair@example.com"):is("continue")
    t.quota["bob@example.com"] = 100
    finish(s, 1000):is("continue"):plan{
        "delete_recipient <pair@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;pair@example.com",
    }
end)

test("who was left out at RCPT stays out, and more may follow", function(t)
    local s = begin(t)
    s:rcpt("team@example.com"):is("continue")
    t.quota["bob@example.com"] = 100
    finish(s, 1000):is("continue"):plan{
        "delete_recipient <team@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;team@example.com",
    }
end)

test("with nobody left at end of message it is refused", function(t)
    local s = begin(t)
    s:rcpt("team@example.com"):is("continue")
    t.quota["alice@example.com"] = 100
    t.quota["bob@example.com"] = 100
    finish(s, 1000):is("reject", 552, "5.2.2"):plan{}
end)

test("another reply, also a temporary one", function(t)
    begin(t, { ["quota.reply"] = "452 4.2.2 Later, perhaps" }):rcpt("full@example.com")
        :is("defer", 452, "4.2.2", "Later, perhaps")
end)

test("quota.enabled = no asks nothing and refuses nobody", function(t)
    local s = begin(t, { ["quota.enabled"] = "no" })
    s:rcpt("full@example.com"):is("continue")
    finish(s, 10):is("continue"):plan{}
    t.asked{}
end)

test("trusted clients are not exempt", function(t)
    t.volume(VOLUME)
    t.quota["full@example.com"] = "over"
    local s = t.session{ ip = "127.0.0.1", name = "localhost" }
    s:mail("a@sender.example")
    s:rcpt("full@example.com"):is("reject", 552)
end)

test("sendmail(1) is not refused at RCPT", function(t)
    t.volume(VOLUME)
    t.quota["full@example.com"] = "over"
    local s = t.session{ ip = "127.0.0.1", name = "localhost", port = 0 }
    s:mail("a@sender.example"):is("continue")
    s:rcpt("full@example.com"):is("continue")
end)

test("a lease of room answers the second question", function(t)
    local s = begin(t, { ["quota.lease"] = "1000" }, { SIZE = 600 })
    s:rcpt("alice@example.com"):is("continue")
    s:rcpt("alice+2@example.com"):is("continue")
    t.asked{ "alice@example.com 2600" } -- and ten percent of the limit, for the grace
    s:rcpt("alice+3@example.com"):is("continue")
    t.asked{ "alice@example.com 2600", "alice@example.com 3800" }
end)

test("leases are shared by sessions", function(t)
    local first = begin(t, { ["quota.lease"] = "1000" })
    first:rcpt("alice@example.com"):is("continue")
    local second = t.session{}
    second:mail("b@sender.example", { SIZE = 1000 })
    second:rcpt("alice@example.com"):is("continue")
    t.asked{ "alice@example.com 2001" }
end)

test("without headroom the message alone is asked about, and for a while nothing else", function(t)
    local s = begin(t, { ["quota.lease"] = "1000" }, { SIZE = 600 })
    t.quota["alice@example.com"] = 700
    s:rcpt("alice@example.com"):is("continue")
    t.asked{ "alice@example.com 2600", "alice@example.com 600" }
    s:rcpt("alice@example.com"):is("continue") -- the same delivery
    t.asked{ "alice@example.com 2600", "alice@example.com 600" }
    s:rcpt("alice+2@example.com"):is("reject", 552) -- another, with the grace between them
    t.asked{ "alice@example.com 2600", "alice@example.com 600", "alice@example.com 2200", "alice@example.com 1200" }
end)

test("a lease that is too small is asked about again, and renewed", function(t)
    local s = begin(t, { ["quota.lease"] = "1000" }, { SIZE = 600 })
    s:rcpt("alice@example.com")
    s:rcpt("alice+1@example.com")
    s:rcpt("alice+2@example.com")
    s:rcpt("alice+3@example.com")
    t.asked{ "alice@example.com 2600", "alice@example.com 3800" }
end)

test("asked before there is a message, nothing is held", function(t)
    t.rule("probe", [[return { name = "probe", connect = function()
        local room = quota.check("alice@example.com", 5000)
        if room ~= "fits" then return reject(550, "5.7.1", room) end
    end }]])
    local s = begin(t, { rules = "probe alias quota" }, { SIZE = 600 })
    s:rcpt("alice@example.com"):is("continue")
    t.asked{ "alice@example.com 5000", "alice@example.com 600" }
end)

test("of what another message holds, a mailbox with little room is busy", function(t)
    local first = begin(t, nil, { SIZE = 600 })
    t.quota["alice@example.com"] = 1700 -- below the limit, which leaves the grace of 1000 aside
    first:rcpt("alice@example.com"):is("continue")
    local second = t.session{}
    second:mail("b@sender.example", { SIZE = 200 })
    second:rcpt("alice@example.com"):is("defer", 452, "4.2.2", "Mailbox is busy")
    first:mail("a@sender.example") -- gives up the message before
    second:rcpt("alice@example.com"):is("continue")
end)

test("a failure grants nothing", function(t)
    local s = begin(t, { ["quota.lease"] = "1000" })
    t.quota["alice@example.com"] = "fails: no"
    s:rcpt("alice@example.com"):is("continue")
    t.quota["alice@example.com"] = "fits"
    s:rcpt("alice@example.com"):is("continue")
    t.asked{ "alice@example.com 2001", "alice@example.com 2001" }
end)

test("a reply that makes the server hang up is no reply for a full mailbox", function(t)
    local ok, why = pcall(begin, t, { ["quota.reply"] = "421 4.2.2 Go away" })
    equal(ok, false)
    matches(why, "421")
end)

-- Another message is on its way to these mailboxes: each has room for one of both.
local function occupy(t, ...)
    local other = t.session{}
    other:mail("other@sender.example", { SIZE = 1500 })
    for _, mailbox in ipairs{ ... } do
        t.quota[mailbox] = 2000
        other:rcpt(mailbox):is("continue")
    end
end

local BUSY_VOLUME = {
    accounts = { "alice@example.com", "full@example.com", "busy@example.com", "busy2@example.com",
        "own@example.com" },
    virtual = table.concat({
        "free@example.com alice@example.com, busy@example.com",
        "mixed@example.com alice@example.com, busy@example.com, full@example.com",
        "tight@example.com busy@example.com, full@example.com",
        "both@example.com busy@example.com, busy2@example.com",
        "own@example.com own@example.com, busy@example.com, full@example.com",
    }, "\n") .. "\n",
}

local BUSY_WORDS = "Mailbox is busy with other mail, try again later"

local function begin_busy(t, options, params)
    local s = begin(t, options, params, BUSY_VOLUME)
    occupy(t, "busy@example.com", "busy2@example.com")
    return s
end

test("busy: told to come again, never refused for good", function(t)
    local v = begin_busy(t):rcpt("busy@example.com"):is("defer", 452, "4.2.2", BUSY_WORDS)
    equal(v.detail.busy, "busy@example.com")
    equal(v.detail.answer, "1500 bytes are on their way to the mailbox and may fill it")
end)

for _, group in ipairs{ "all", "any" } do
    test("busy, group = " .. group .. ": with a busy member it comes again as a whole", function(t)
        local s = begin_busy(t, { ["quota.group"] = group })
        s:rcpt("free@example.com"):is("defer", 452, "4.2.2", BUSY_WORDS)
        s:rcpt("both@example.com"):is("defer", 452, "4.2.2", BUSY_WORDS)
        s:rcpt("alice@example.com"):is("continue")
        finish(s):is("continue"):plan{}
    end)
end

test("busy, group = any: full wins", function(t)
    local s = begin_busy(t, { ["quota.group"] = "any" })
    s:rcpt("free@example.com"):is("defer", 452, "4.2.2")
    s:rcpt("mixed@example.com"):is("reject", 552, "5.2.2")
    s:rcpt("tight@example.com"):is("reject", 552, "5.2.2")
end)

test("busy, group = all: nobody is left out while somebody is busy", function(t)
    local s = begin_busy(t)
    local v = s:rcpt("mixed@example.com"):is("defer", 452, "4.2.2", BUSY_WORDS)
    equal(v.detail.busy, "busy@example.com")
    s:rcpt("tight@example.com"):is("defer", 452, "4.2.2")
    s:rcpt("alice@example.com"):is("continue")
    finish(s):is("continue"):plan{}
end)

test("busy, group = all: so it is where the full one could not be left out", function(t)
    begin_busy(t):rcpt("own@example.com"):is("defer", 452, "4.2.2", BUSY_WORDS)
end)

-- Mail of sendmail(1) is not refused at RCPT, so busy is met at end of message.
local function begin_sendmail(t, options)
    begin_busy(t, options)
    local s = t.session{ ip = "127.0.0.1", name = "localhost", port = 0 }
    s:mail("a@sender.example")
    return s
end

test("busy at end of message: the whole message comes again", function(t)
    local s = begin_sendmail(t)
    s:rcpt("alice@example.com"):is("continue")
    s:rcpt("busy@example.com"):is("continue")
    local v = finish(s, 10):is("defer", 452, "4.2.2", BUSY_WORDS):plan{}
    equal(v.detail.recipient, "busy@example.com")
end)

test("busy at end of message: a full recipient behind it wins", function(t)
    local s = begin_sendmail(t)
    s:rcpt("busy@example.com"):is("continue")
    s:rcpt("alice@example.com"):is("continue")
    t.quota["alice@example.com"] = 100
    finish(s, 1000):is("reject", 552, "5.2.2"):plan{}
end)

test("busy at end of message: late = deliver does not take it", function(t)
    local s = begin_sendmail(t, { ["quota.late"] = "deliver" })
    s:rcpt("alice@example.com"):is("continue")
    s:rcpt("busy@example.com"):is("continue")
    t.quota["alice@example.com"] = 100
    finish(s, 1000):is("defer", 452, "4.2.2", BUSY_WORDS)
end)

-- Two recipients, for one of which the message turns out too big.
local function late(t, options)
    local s = begin(t, options)
    s:rcpt("alice@example.com"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    t.quota["bob@example.com"] = 100
    return finish(s, 1000)
end

test("late = defer: the message comes again", function(t)
    local v = late(t, { ["quota.late"] = "defer" })
    v:is("defer", 452, "4.2.2", "Mailbox has no room for this message, try again later"):plan{}
    equal(v.detail.recipient, "bob@example.com")
    equal(v.detail.mailbox, "bob@example.com")
end)

test("late = deliver: it is taken", function(t)
    late(t, { ["quota.late"] = "deliver" }):is("continue"):plan{}
end)

for _, way in ipairs{ "defer", "deliver" } do
    test("late = " .. way .. " changes nothing at RCPT", function(t)
        begin(t, { ["quota.late"] = way }):rcpt("full@example.com"):is("reject", 552, "5.2.2")
    end)
end

test("late = reject with a temporary quota.reply", function(t)
    late(t, { ["quota.reply"] = "452 4.2.2 Later" }):is("defer", 452, "4.2.2", "Later")
end)

test("late = deliver: who can be left out still is, and all full ones of a group are delivered to", function(t)
    local s = begin(t, { ["quota.late"] = "deliver" })
    s:rcpt("team@example.com"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    t.quota["bob@example.com"] = 100
    finish(s, 1000):is("continue"):plan{
        "delete_recipient <team@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;team@example.com",
    }
end)

for way, want in pairs{ reject = { "reject", 552 }, defer = { "defer", 452 }, deliver = { "continue" } } do
    test("late = " .. way .. ": a full one that cannot be left out", function(t)
        local volume = { accounts = VOLUME.accounts, virtual = "own@example.com own@example.com, bob@example.com\n" }
        local s = begin(t, { ["quota.late"] = way }, nil, volume)
        s:rcpt("own@example.com"):is("continue")
        t.quota["bob@example.com"] = 100
        local v = finish(s, 1000):is(table.unpack(want)):plan{}
        if v.detail then
            matches(v.detail.cannot_leave_out, "expands it again")
        end
    end)
end

test("at end of message a mailbox of several recipients is asked once", function(t)
    local s = begin(t)
    s:rcpt("twice@example.com"):is("continue")
    s:rcpt("alice+y@example.com"):is("continue")
    s:rcpt("bob@example.com"):is("continue")
    finish(s, 1000):is("continue")
    local size = 1000 + HEADER_BYTES
    -- Two deliveries to alice: the second is asked about together with the first, and
    -- both with the grace.
    t.asked{ "alice@example.com 1", "alice@example.com 1002", "bob@example.com 1",
        "alice@example.com " .. 2 * size + 1000, "bob@example.com " .. size }
end)

-- quota.notice. Everybody of these has a mailbox but carol@gmail.example.
local NOTICE_VOLUME = {
    accounts = { "alice@example.com", "bob@example.com", "boss@example.com", "full@example.com", "full2@example.com",
        "own@example.com" },
    virtual = table.concat({
        "team@example.com alice@example.com, full@example.com",
        "crew@example.com alice@example.com, full2@example.com",
        "packed@example.com full@example.com, full2@example.com",
        "tagged@example.com boss+crew@example.com, full@example.com",
        "office@example.com boss@example.com, bob@example.com",
        "partly@example.com boss@example.com, alice@example.com",
        "to_full@example.com full@example.com",
        "with_full@example.com boss@example.com, full2@example.com",
        "dangling@example.com boss@example.com, nobody@example.com",
        "circle@example.com circle2@example.com",
        "circle2@example.com circle@example.com",
        "own@example.com own@example.com, full@example.com",
    }, "\n") .. "\n",
}

local TEAM = {
    "delete_recipient <team@example.com>",
    "add_recipient <alice@example.com> ORCPT=rfc822;team@example.com",
}

local function team_and(...)
    local list = { TEAM[1], TEAM[2] }
    for _, address in ipairs{ ... } do
        list[#list + 1] = "add_recipient <" .. address .. "> ORCPT=rfc822;team@example.com"
    end
    return list
end

local function begin_notice(t, notice, options, params)
    options = options or {}
    options["quota.notice"] = notice
    return begin(t, options, params, NOTICE_VOLUME)
end

local function team_with_notice(t, notice, options)
    local s = begin_notice(t, notice, options)
    s:rcpt("team@example.com"):is("continue")
    return finish(s, 1000):is("continue")
end

test("notice: it gets the mail in place of the full member", function(t)
    team_with_notice(t, "boss@example.com"):plan(team_and("boss@example.com"))
    local size = 1000 + HEADER_BYTES
    t.asked{ "alice@example.com 1", "full@example.com 1", "alice@example.com " .. size, "boss@example.com " .. size }
end)

test("notice: with the parameters of the alias", function(t)
    local s = begin_notice(t, "boss@example.com")
    s:rcpt("team@example.com", { NOTIFY = "SUCCESS,FAILURE", ORCPT = "rfc822;old@x.example" }):is("continue")
    finish(s):is("continue"):plan{
        "delete_recipient <team@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;old@x.example NOTIFY=SUCCESS,FAILURE",
        "add_recipient <boss@example.com> ORCPT=rfc822;old@x.example NOTIFY=FAILURE",
    }
end)

test("notice: an alias, with more than one member, and an address elsewhere", function(t)
    team_with_notice(t, "office@example.com"):plan{
        "delete_recipient <team@example.com>",
        "add_recipient <office@example.com> ORCPT=rfc822;team@example.com",
        "add_recipient <alice@example.com> ORCPT=rfc822;team@example.com",
    }
end)

test("notice: an address elsewhere", function(t)
    team_with_notice(t, "carol@gmail.example"):plan(team_and("carol@gmail.example"))
end)

test("notice: a user of the host itself, whom only its own server knows", function(t)
    team_with_notice(t, "operator1@mail.example.test"):plan(team_and("operator1@mail.example.test"))
end)

test("notice: nobody was left out, nobody is told", function(t)
    local s = begin_notice(t, "boss@example.com")
    s:rcpt("alice@example.com"):is("continue")
    s:rcpt("full@example.com"):is("reject", 552)
    s:rcpt("packed@example.com"):is("reject", 552)
    finish(s):is("continue"):plan{}
end)

test("notice: once for two aliases", function(t)
    local s = begin_notice(t, "boss@example.com")
    s:rcpt("team@example.com"):is("continue")
    s:rcpt("crew@example.com"):is("continue")
    finish(s):is("continue"):plan{
        "delete_recipient <team@example.com>",
        "delete_recipient <crew@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;crew@example.com",
        "add_recipient <boss@example.com> ORCPT=rfc822;team@example.com",
    }
end)

test("notice: once for two spellings of an alias", function(t)
    local s = begin_notice(t, "boss@example.com")
    s:rcpt("team@example.com"):is("continue")
    s:rcpt("Team@Example.com"):is("continue")
    finish(s):is("continue"):plan{
        "delete_recipient <team@example.com>",
        "delete_recipient <Team@Example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;team@example.com",
        "add_recipient <boss@example.com> ORCPT=rfc822;team@example.com",
    }
end)

for name, notice in pairs{
    ["a member"] = "Alice@Example.com",
    ["a member's mailbox by a tag"] = "alice+notice@example.com",
    ["the alias itself"] = "team@example.com",
    ["an alias that leads to a member and another"] = "partly@example.com",
} do
    test("notice: " .. name .. " gets no second copy", function(t)
        team_with_notice(t, notice):plan(TEAM)
    end)
end

for _, other in ipairs{ "boss@example.com", "BOSS+x@example.com", "office@example.com" } do
    for _, order in ipairs{ "before", "behind" } do
        test("notice: no second copy when " .. other .. " is a recipient " .. order .. " the alias", function(t)
            local s = begin_notice(t, "boss@example.com")
            if order == "before" then
                s:rcpt(other):is("continue")
            end
            s:rcpt("team@example.com"):is("continue")
            if order == "behind" then
                s:rcpt(other):is("continue")
            end
            finish(s):is("continue"):plan(TEAM)
        end)
    end
end

test("notice: no second copy behind the tag of a member", function(t)
    local s = begin_notice(t, "boss@example.com")
    s:rcpt("tagged@example.com"):is("continue")
    finish(s):is("continue"):plan{
        "delete_recipient <tagged@example.com>",
        "add_recipient <boss+crew@example.com> ORCPT=rfc822;tagged@example.com",
    }
end)

test("notice: a refused recipient of that name is no copy", function(t)
    local s = begin_notice(t, "boss@example.com")
    t.quota["boss@example.com"] = "over"
    s:rcpt("boss@example.com"):is("reject")
    t.quota["boss@example.com"] = "fits"
    s:rcpt("team@example.com"):is("continue")
    finish(s):is("continue"):plan(team_and("boss@example.com"))
end)

for name, notice in pairs{
    ["the one left out"] = "full@example.com",
    ["an alias of the one left out"] = "to_full@example.com",
    ["an account that forwards to the one left out"] = "own@example.com",
    ["an alias that leads to a full one, too"] = "with_full@example.com",
    ["an alias that leads to nobody, too"] = "dangling@example.com",
    ["an address that nobody has"] = "nobody@example.com",
    ["an alias that leads in a circle"] = "circle@example.com",
} do
    test("notice: " .. name .. " is told nothing, and the mail goes its way", function(t)
        team_with_notice(t, notice):plan(TEAM)
    end)
end

test("notice: its own mailbox has no room for the true size", function(t)
    local s = begin_notice(t, "boss@example.com")
    s:rcpt("team@example.com"):is("continue")
    t.quota["boss@example.com"] = 999
    finish(s, 1000):is("continue"):plan(TEAM)
end)

test("notice: the one left out has room again", function(t)
    local s = begin_notice(t, "full@example.com")
    s:rcpt("team@example.com"):is("continue")
    t.quota["full@example.com"] = "fits"
    finish(s):is("continue"):plan(team_and("full@example.com"))
end)

test("notice: whether it has room cannot be told: as on_failure says", function(t)
    local s = begin_notice(t, "boss@example.com")
    t.quota["boss@example.com"] = "fails: no"
    s:rcpt("team@example.com"):is("continue")
    finish(s):is("continue"):plan(team_and("boss@example.com"))
end)

test("notice: with on_failure = defer it is left, and the mail still goes", function(t)
    local s = begin_notice(t, "boss@example.com", { ["quota.on_failure"] = "defer" })
    t.quota["boss@example.com"] = "fails: no"
    s:rcpt("team@example.com"):is("continue")
    finish(s):is("continue"):plan(TEAM)
end)

test("notice: also when the size was declared truly", function(t)
    local s = begin_notice(t, "boss@example.com", nil, { SIZE = 5000 })
    s:rcpt("team@example.com"):is("continue")
    finish(s, 100):is("continue"):plan(team_and("boss@example.com"))
    t.asked{ "alice@example.com 5000", "full@example.com 5000", "boss@example.com " .. 100 + HEADER_BYTES }
end)

test("notice: for a member left out at end of message", function(t)
    local volume = { accounts = NOTICE_VOLUME.accounts, virtual = "pair@example.com alice@example.com, bob@example.com\n" }
    local s = begin(t, { ["quota.notice"] = "boss@example.com" }, nil, volume)
    s:rcpt("pair@example.com"):is("continue")
    t.quota["bob@example.com"] = 100
    finish(s, 1000):is("continue"):plan{
        "delete_recipient <pair@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;pair@example.com",
        "add_recipient <boss@example.com> ORCPT=rfc822;pair@example.com",
    }
end)

test("notice: none for a message that is refused late", function(t)
    local s = begin_notice(t, "boss@example.com")
    s:rcpt("team@example.com"):is("continue")
    t.quota["alice@example.com"] = 100
    finish(s, 1000):is("reject", 552):plan{}
end)

test("notice: not in shadow mode", function(t)
    team_with_notice(t, "boss@example.com", { ["quota.mode"] = "shadow" }):plan{}
end)

test("notice: busy is not room", function(t)
    local volume = { accounts = BUSY_VOLUME.accounts, virtual = "team@example.com alice@example.com, full@example.com\n" }
    local s = begin(t, { ["quota.notice"] = "busy@example.com" }, nil, volume)
    occupy(t, "busy@example.com")
    s:rcpt("team@example.com"):is("continue")
    finish(s):is("continue"):plan(TEAM)
end)

test("notice: empty is none", function(t)
    team_with_notice(t, ""):plan(TEAM)
end)

test("notice: what is no address is told at start", function(t)
    local ok, why = pcall(begin_notice, t, "boss")
    equal(ok, false)
    matches(why, "quota.notice = boss: this is no address of the form local-part@domain")
end)

-- Who is not judged.
for name, case in pairs{
    ["a network"] = { { ["quota.exempt_networks"] = "10.0.0.0/8, 192.0.2.0/24" }, {}, true },
    ["a listener"] = { { ["quota.exempt_listeners"] = "smtps, ORIGINATING" }, { listener = "ORIGINATING" }, true },
    ["another network"] = { { ["quota.exempt_networks"] = "10.0.0.0/8 [::1]/128" }, {}, false },
    ["another listener"] = { { ["quota.exempt_listeners"] = "ORIGINATING" }, { listener = "smtpd" }, false },
    ["a listener without a name"] = { { ["quota.exempt_listeners"] = "ORIGINATING" }, {}, false },
} do
    test("exempt: " .. name, function(t)
        t.volume(VOLUME)
        t.options(case[1])
        t.quota["full@example.com"] = "over"
        local s = t.session(case[2])
        s:mail("a@sender.example")
        if case[3] then
            s:rcpt("full@example.com"):is("continue")
            s:rcpt("team@example.com"):is("continue")
            finish(s, 1000):is("continue"):plan{}
            t.asked{}
        else
            s:rcpt("full@example.com"):is("reject", 552)
        end
    end)
end

test("exempt: what is no network is told at start", function(t)
    local ok, why = pcall(begin, t, { ["quota.exempt_networks"] = "10.0.0.1/8" })
    equal(ok, false)
    matches(why, "write 10.0.0.0/8")
end)
