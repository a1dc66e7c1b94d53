-- Handlers are called with what their stage has.
return {
    name = "parameters",
    connect = function(session, message) --! handler-parameters: message would be the settings: connect is called as connect(session, settings)
        return nil
    end,
    helo = function(session, settings, extra) --! handler-parameters warning: extra is always nil
        return nil
    end,
    mail = function(message, session) --! handler-parameters: message would be the session
        return nil
    end,
    rcpt = function(session, message, settings) --! handler-parameters: settings would be the recipient
        return nil
    end,
    data = function(_, _, settings)
        return nil
    end,
    headers = function(...)
        return nil
    end,
    finish = function(client, mail)
        return nil
    end,
}
