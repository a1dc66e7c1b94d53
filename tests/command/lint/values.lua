-- Comparisons that are never true, operators that fail, changes that are lost.
return {
    name = "values",
    rcpt = function(session, message, recipient)
        local address = recipient.address
        if recipient.address == "a@x.test" then --! never-equal: compare the field key
            return nil
        elseif address ~= "a@x.test" then --! never-equal: always true
            return nil
        elseif session.trusted == "yes" or message.size_bytes == "10" then --! never-equal --! never-equal
            return nil
        elseif recipient.address == message.sender or address.key == "a@x.test" or session.login == nil then
            return nil
        end
        log.info("to " .. address) --! bad-operand: tostring(address)
        log.info("to " .. tostring(address) .. message.sender.text .. 1)
        log.info("trusted: " .. session.trusted) --! bad-operand: tostring(...)
        log.info("no", { n = message.sender.domain + 1 }) --! bad-operand: tonumber(text)
        if message.declared_bytes and message.declared_bytes > "1000" then --! bad-operand: comparing
            return nil
        end
        if #message.recipients > 10 and session.name < "b" then
            return nil
        end
        message.notes.list[1] = "x" --! lost-change: assign it again
        message.notes.list.deep.er = "x" --! lost-change
        table.insert(session.notes.seen, "x") --! lost-change
        recipient.expansion.recipients = {} --! lost-change
        table.sort(message.recipients, function(a, b) return a.state < b.state end) --! lost-change
        message.params.SIZE = "1" --! lost-change
        local list = message.notes.list or {}
        list[1] = "x"
        message.notes.list = list
        local expansion = recipient.expansion
        expansion.recipients = {}
        recipient.expansion = expansion
        local seen = {}
        seen[recipient.address] = true --! never-equal: use its field key
        seen[recipient.address.key] = true
        seen[address] = true
        return nil
    end,
}
