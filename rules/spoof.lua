-- SPDX-License-Identifier: MIT
-- Senders: a login may only send as addresses it owns, in the envelope and in From: and Sender:.
-- What it owns is decided by the resolver that delivers: an address belongs to the logins whose
-- mailbox it leads to.

local MARK = "X-Foregate-Spoof"

local function extent(settings)
    return { nested = settings.nested, catch_all = settings.catch_all,
        subaddress = settings.subaddress, account_alias = settings.account_alias }
end

local function cannot_tell(reason)
    return defer(451, "4.3.0", "Temporary lookup failure", { reason = reason })
end

local function not_owned(what, address, login, detail)
    -- The login comes from the wire: keep what may stand in a reply.
    local name = login:sub(1, 100):gsub("[^\x20-\x7e]", "?")
    return reject(553, "5.7.1", tostring(address) .. ": " .. what ..
        " address rejected: not owned by user " .. name, detail)
end

local function envelope(session, message, settings)
    local sender = message.sender
    if sender.is_null then
        return nil
    end
    local owned, why = directory.owns(session.login, sender, extent(settings))
    if owned == nil then
        return cannot_tell(why)
    elseif not owned then
        return not_owned("Sender", sender, session.login, { login = session.login, why = why })
    end
end

-- A stranger who uses one of our domains.
local function own_domain(session, message, settings)
    local sender = message.sender
    if settings.own_domain == "off" or session.trusted or sender.is_null then
        return nil
    end
    local ours, why = directory.is_local(sender.domain)
    if ours == nil then
        return cannot_tell(why)
    elseif not ours then
        return nil
    elseif settings.own_domain == "mark" then
        message.notes.spoof = "envelope sender " .. tostring(sender) .. " at our domain, no login"
        return nil
    end
    return reject(550, "5.7.1", tostring(sender) ..
        ": Sender address rejected: log in to send from this domain")
end

-- The first address of a header that the login does not own, or why the header cannot be judged.
local function header_problem(session, message, name, settings)
    local listed, unreadable = message:header_addresses(name)
    if not listed then
        return { text = name .. " header cannot be read", detail = { why = unreadable } }
    end
    for _, entry in ipairs(listed) do
        local owned, why = directory.owns(session.login, entry.address, extent(settings))
        if owned == nil then
            return { verdict = cannot_tell(why) }
        elseif not owned then
            return { address = entry.address, name = name, detail = { login = session.login,
                why = why } }
        end
    end
    return nil, #listed
end

local function headers_problem(session, message, settings)
    local count = #message:header("From")
    if count ~= 1 then
        return { text = count == 0 and "there is no From header" or "there are " .. count ..
            " From headers" }
    end
    local problem, addresses = header_problem(session, message, "From", settings)
    if problem then
        return problem
    elseif addresses == 0 then
        return { text = "the From header names nobody" }
    end
    return (header_problem(session, message, "Sender", settings))
end

-- Much foreign mail has a From: that cannot be read for certain (`MAILER-DAEMON`, `root (Cron)`).
-- It matters when one of our domains stands in it.
local function unreadable_from(message, settings, why)
    for _, text in ipairs(message:header("From")) do
        for domain in text:sub(1, 4000):gmatch("@([%w.-]+)") do
            if directory.is_local(domain) ~= false then
                if settings.own_domain == "mark" then
                    message.notes.spoof = "From with our domain cannot be read, no login"
                    return nil
                end
                return reject(550, "5.7.1", "Message rejected: From header with our domain " ..
                    "cannot be read; log in to send from this domain", { why = why })
            end
        end
    end
end

-- A stranger who writes one of our domains into From:.
local function stranger_from(session, message, settings)
    if settings.own_domain == "off" or session.trusted then
        return nil
    end
    local listed, unreadable = message:header_addresses("From")
    if not listed then
        return unreadable_from(message, settings, unreadable)
    end
    for _, entry in ipairs(listed) do
        local ours, why = directory.is_local(entry.address.domain)
        if ours == nil then
            return cannot_tell(why)
        elseif ours and settings.own_domain == "mark" then
            message.notes.spoof = "From " .. tostring(entry.address) .. " at our domain, no login"
            return nil
        elseif ours then
            return reject(550, "5.7.1", tostring(entry.address) ..
                ": From address rejected: log in to send from this domain")
        end
    end
end

-- A mark that the client brought itself would be believed.
local function remove_marks(message)
    for n = #message:header(MARK), 1, -1 do
        message:delete_header(MARK, n)
    end
end

local function header_from(session, message, settings)
    if not session.login then
        return stranger_from(session, message, settings)
    elseif not settings.enabled or settings.header_from == "off" then
        return nil
    end
    local problem = headers_problem(session, message, settings)
    if not problem then
        return nil
    elseif problem.verdict then
        return problem.verdict
    elseif settings.header_from == "mark" then
        local what = problem.text or problem.name .. " " .. tostring(problem.address) .. " not owned"
        message.notes.spoof = what
        return nil
    elseif problem.address then
        return not_owned(problem.name, problem.address, session.login, problem.detail)
    end
    return reject(550, "5.7.1", "Message rejected: " .. problem.text, problem.detail)
end

return {
    name = "spoof",
    switch = "enabled own_domain",
    settings = {
        enabled = { "bool", "no", dms = "SPOOF_PROTECTION",
            "a login may only send as addresses it owns" },
        nested = { "bool", "yes", "ownership goes through aliases of aliases" },
        catch_all = { "bool", "yes", "ownership goes through @domain aliases" },
        subaddress = { "bool", "no", "alice+x@ belongs to alice as a sender" },
        account_alias = { "bool", "no",
            "an address that is another account belongs to whom an alias on it leads to" },
        header_from = { "choice", "reject", choices = "reject mark off",
            "From: or Sender: of authenticated mail that the login does not own" },
        own_domain = { "choice", "off", choices = "reject mark off",
            "strangers with one of our domains in the envelope sender or in From:" },
    },
    mail = function(session, message, settings)
        if not session.login then
            return own_domain(session, message, settings)
        elseif settings.enabled then
            return envelope(session, message, settings)
        end
    end,
    headers = function(session, message, settings)
        remove_marks(message)
        local verdict = header_from(session, message, settings)
        if not verdict and message.notes.spoof then
            message:add_header(MARK, message.notes.spoof)
        end
        return verdict
    end,
}
