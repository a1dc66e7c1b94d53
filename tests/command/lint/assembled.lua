-- A rule that is put together: its handlers are known all the same.
local rule = { name = "assembled" }

rule.settings = { limit = { "count", 5, "used" } }

function rule.rcpt(session, message, settings) --! handler-parameters: settings would be the recipient
    return nil
end

rule.mail = function(session, message, settings)
    if session.longin or settings.limit or settings.lmit then --! unknown-field --! undeclared-setting
        return nil
    end
end

return rule
