-- nil that nobody looks for.
local function checked(name)
    local list, reason = dns.txt(name)
    if reason then
        return {}
    end
    return list[1]
end

return {
    name = "unchecked",
    mail = function(session, message)
        log.info(directory.resolve(message.sender).status) --! unchecked-nil warning: directory.resolve gives nil
        local count = #dns.a("x.test") --! unchecked-nil warning: dns.a
        for _, name in ipairs(dns.ptr(session.ip)) do --! unchecked-nil warning: dns.ptr
            count = count + #name
        end
        for _, entry in ipairs(message:header_addresses("From")) do --! unchecked-nil warning
            log.info(entry.name)
        end
        local list = dns.mx("x.test")
        for _, entry in ipairs(list) do --! unchecked-nil warning: dns.mx
            log.info(entry.host, { preference = entry.preference, count = count })
        end
        log.info(session.login:lower()) --! unchecked-nil warning: without a login
        if message.sender.detail then
            log.info(message.sender.detail:lower())
        end
        for _, entry in ipairs(message:header_addresses("From") or {}) do
            log.info(entry.name)
        end
        local answer = dns.mx("x.test")
        if answer then
            log.info(answer[1].host)
        end
        local expansion = assert(directory.resolve("x@y.test"))
        if quota.check("a@x.test", 1) == "over" and checked("x.test") then
            log.info(expansion.status)
        end
    end,
}
