-- Comments that silence.
return {
    name = "silenced",
    mail = function(session)
        local a = 1 -- lint: ignore unused-local
        -- lint: ignore unused-local unchecked-nil
        local b = session.login:lower()
        local c = 1 --! unused-local warning
        -- lint: ignore unused-local
        -- Only directly above.
        local d = 1 --! unused-local warning
        local e = 1 -- lint: ignore no-such-code --! unknown-ignore warning: there is no finding no-such-code --! unused-local warning
        local f = 1 -- lint: ignore read-only --! unused-local warning
    end,
}
