-- Settings: used and not declared, declared and not used, written to, compared with what they never are.
local function reply_of(options)
    return options.reply.code, options.reply.test --! unknown-field: did you mean text?
end

return {
    name = "settings",
    switch = "enabled",
    settings = {
        enabled = { "bool", "yes", "a switch is used" },
        limit = { "size", "1MiB", "used" },
        group = { "choice", "all", choices = "all any", "used" },
        unused = { "text", "", "used by nothing" }, --! unused-setting warning: nothing in the rule uses
        words = { "list", "", "used" },
        reply = { "reply", "550 5.7.1 No", "used in a function of the file" },
    },
    mail = function(_, message, settings)
        if settings.lmit then --! undeclared-setting: did you mean limit?
            return nil
        end
        if settings.group == "al" then --! never-equal: did you mean all?
            return nil
        elseif settings.group == "any" and settings.limit == "10" then --! never-equal: without quotes
            return nil
        elseif settings.enabled == "yes" then --! never-equal: use it as it is
            return nil
        end
        settings.limit = 5 --! read-only
        settings.words[1] = "x" --! read-only
        table.insert(settings.words, "x") --! read-only
        reply_of(settings)
        if message.declared_bytes and message.declared_bytes > settings.limit then
            return nil
        end
    end,
}
