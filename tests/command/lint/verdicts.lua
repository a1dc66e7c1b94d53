-- What constructors take; that verdicts are returned; what handlers return.
local TOO_LONG = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" ..
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" ..
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" ..
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" ..
    "0123456789012345678901234567890123456789012345678901"

local function pick(code, session, values)
    if code == 1 then
        return reject(250, "2.0.0", "x") --! bad-verdict: takes a code from 500 to 599, not 250
    elseif code == 2 then
        return defer(550, "5.7.1", "x") --! bad-verdict: from 400 to 499
    elseif code == 3 then
        return reject(521, "5.7.1", "x") --! bad-verdict: use disconnect
    elseif code == 4 then
        return reject(550, "4.7.1", "x") --! bad-verdict: no enhanced code of class 5
    elseif code == 5 then
        return reject(550, "5.7", "x") --! bad-verdict: no enhanced code
    elseif code == 6 then
        return reject(550, "5.7.1") --! bad-verdict: #3 to reject
    elseif code == 7 then
        return reject(550, "5.7.1", "") --! bad-verdict: needs a text
    elseif code == 8 then
        return reject(550, "5.7.1", "two\r\nlines") --! bad-verdict: printable ASCII
    elseif code == 9 then
        return reject(550, "5.7.1", "Gr\u{fc}n " .. session) --! bad-verdict: printable ASCII
    elseif code == 10 then
        return reject(550, "5.7.1", TOO_LONG) --! bad-verdict: at most
    elseif code == 11 then
        return reject("550", "5.7.1", "x") --! bad-verdict: number expected
    elseif code == 12 then
        return discard() --! bad-verdict: discard
    elseif code == 13 then
        return disconnect(550, "5.7.1", "x") --! bad-verdict: 421 or 521
    elseif code == 14 then
        return defer(values.code, "5.7.1", "x") --! bad-verdict: class 4
    end
    -- And those that are fine, or cannot be known:
    return reject(550, "5.7.1", "100 % " .. session) or reject(values.code, "5.7.1", values.text) or
        defer(table.unpack(values)) or reject(550, table.unpack(values)) or reject(550, values.xcode, values[1]) or
        disconnect(521, "5.7.1", "x") or disconnect(values.code, "4.7.0", "x") or skip() or
        reject(550, "5.7.1", "x", { why = 1 }) or discard(values.reason)
end

local verdict_of = { reject = reject, defer = defer }

return {
    name = "verdicts",
    connect = function(session)
        reject(550, "5.7.1", "x") --! unused-verdict: write `return reject(...)`
        local verdict = defer(450, "4.7.1", "x") --! unused-verdict: never returned
        return false --! no-verdict: returns a boolean
    end,
    helo = function(session)
        if session.trusted then
            return skip --! no-verdict: write `return skip(...)`
        elseif session.helo then
            return "reject" --! no-verdict
        elseif session.login == "x" then
            return session.login
        end
        return verdict_of.reject(550, "5.7.1", "x")
    end,
    mail = function(session, message)
        return reject(550, "5.7.1", message.sender) --! bad-verdict: string expected
    end,
    rcpt = function(session)
        local verdict = pick(1, session.id, { "x" })
        if verdict then
            return verdict
        end
        return nil, "no verdict"
    end,
    headers = function()
        return
    end,
    finish = function(session)
        return session.trusted and skip() or pick(2, session.id, {})
    end,
}
