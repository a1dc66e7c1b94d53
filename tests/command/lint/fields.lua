-- Fields of handles, through handlers, functions of the file and loops.
local function who(login, session)
    return login, session.nmae --! unknown-field: did you mean name?
end

local function of(address)
    return address.locl_part or address.domain --! unknown-field: did you mean local_part?
end

local function any(thing)
    return thing.whatever
end

local function mail(client, mail_message)
    who(client.longin, client) --! unknown-field: did you mean login?
    of(mail_message.sender)
    any(client)
    any(mail_message)
end

return {
    name = "fields",
    mail = mail,
    rcpt = function(session, message, recipient)
        local address = recipient.address
        log.info(address.is_nul and address.text) --! unknown-field: did you mean is_null?
        local subjects = message:header("Subject")
        log.info(subjects:find("x")) --! unknown-member: take a text out of it: table[1]:find(...)
        log.info(message.recipients:first()) --! unknown-member: a table has no method first
        local own = { find = function() end }
        own:find("x")
        message.header("Subject") --! method-call: message:header(...)
        message:sender() --! method-call: .sender
        message:add_heder("X", "y") --! unknown-field: did you mean add_header?
        session.login = "x" --! read-only: keep the value in notes
        message.notes = {} --! read-only: a field of notes
        message.sender.key = "x" --! read-only
        recipient.expansion = { recipients = {} }
        message.notes.anything = session.notes.whatever
        any(recipient)
    end,
    finish = function(_, message)
        for _, recipient in ipairs(message.recipients) do
            log.info(recipient.adress.key) --! unknown-field: did you mean address?
            log.info(recipient.address.key)
        end
        for _, entry in ipairs({ 1 }) do
            log.info(entry.adress)
        end
        for _, value in pairs(message.params) do
            log.info(value)
        end
        log.info(message.params.SIZE)
    end,
}
