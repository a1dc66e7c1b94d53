-- Verdicts where their stage cannot take them, in the handler and in what it calls.
local function swallow()
    return discard("spam") --! wrong-stage: not possible at stage mail
end

local function either()
    return discard("spam")
end

local function never_called()
    return discard("spam")
end

return {
    name = "stages",
    mail = function()
        return swallow()
    end,
    rcpt = function(session)
        if session.trusted then
            return quarantine("x") --! wrong-stage: decide in the handler finish
        end
        return either()
    end,
    data = function(session)
        if session.trusted then
            return quarantine("x") --! wrong-stage
        end
        return either() or never_called
    end,
    finish = function(session)
        return session.trusted and quarantine("x") or discard("y")
    end,
}
