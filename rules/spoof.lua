-- SPDX-License-Identifier: MIT
-- Senders. A login may only send as addresses it owns, in the envelope and in the headers that name
-- an author; what it owns is decided by the resolver that delivers: an address belongs to the logins
-- whose mailbox it leads to. Strangers may not use our domains.

local MARK = "X-Foregate-Spoof"
local MARK_BYTES = 900   -- of its value; libmilter and RFC 5322 end a line at 998
local QUESTIONS = 100    -- to the directory for one message: no honest From names more
local MARKS = 100        -- that a client may bring: the MTA looks for each from the top

-- Reasons and replies

local function printable(text)
    return (text:sub(1, 100):gsub("[^\x20-\x7e]", "?"))
end

-- For the reader of the mail, and for Sieve.
local function mark(message, reason)
    local before = message.notes.spoof
    local text = before and before .. "; " .. reason or reason
    message.notes.spoof = #text <= MARK_BYTES and text or before
end

-- A mark that the client brought itself would be believed.
local function remove_marks(message)
    local count = #message:header(MARK)
    if count > MARKS then
        return reject(550, "5.7.1", "Message rejected: there are " .. count .. " " .. MARK .. " headers")
    end
    for n = count, 1, -1 do
        message:delete_header(MARK, n)
    end
end

local function cannot_tell(reason)
    return defer(451, "4.3.0", "Temporary lookup failure", { reason = reason })
end

local function not_owned(what, address, login, why)
    return reject(553, "5.7.1", tostring(address) .. ": " .. what ..
        " rejected: not owned by user " .. printable(login), { login = login, why = why })
end

-- What is wrong with a header: a reason for the mark, and a verdict for whoever refuses.
local function problem(reason, verdict)
    return { reason = reason, verdict = verdict }
end

local function unfit(reason, why)
    return problem(reason, reject(550, "5.7.1", "Message rejected: " .. reason, { why = why }))
end

-- Logins

local function extent(settings)
    return { nested = settings.nested, catch_all = settings.catch_all, regexp = settings.regexp,
        group = settings.group, subaddress = settings.subaddress,
        account_alias = settings.account_alias, login_domain = settings.login_domain }
end

local function login_envelope(session, message, settings)
    local sender = message.sender
    if sender.is_null then
        if settings.null_sender == "reject" then
            return not_owned("Sender address", sender, session.login, "spoof.null_sender = reject")
        end
        return nil
    end
    local owned, why = directory.owns(session.login, sender, extent(settings))
    if owned == nil then
        return cannot_tell(why)
    elseif not owned then
        return not_owned("Sender address", sender, session.login, why)
    end
end

-- What the headers of one message ask of the directory: each address once.
local function new_owner(login, settings)
    local options, known, count = extent(settings), {}, 0
    -- A problem, or nothing when the login owns the address: marked as `From <a@b> not owned`,
    -- refused as `<a@b>: From address rejected`.
    return function(marked, refused, address)
        local found = known[address.key]
        if not found then
            count = count + 1
            if count > QUESTIONS then
                return unfit("headers name more than " .. QUESTIONS .. " addresses")
            end
            local owned, why = directory.owns(login, address, options)
            found = { owned = owned, why = why }
            known[address.key] = found
        end
        if found.owned then
            return nil
        elseif found.owned == nil then
            return problem(marked .. " " .. tostring(address) .. " cannot be looked up",
                cannot_tell(found.why))
        end
        return problem(marked .. " " .. tostring(address) .. " not owned",
            not_owned(refused, address, login, found.why))
    end
end

-- All addresses of a header, or of its nth; the problem if they cannot be read.
local function read(message, name, n)
    local listed, why = message:header_addresses(name, n)
    if not listed then
        return nil, unfit(name .. " header cannot be read", why)
    end
    return listed
end

-- The first problem among the addresses of a list, none of which need be there.
local function foreign_in(owner, name, listed)
    for _, entry in ipairs(listed) do
        local found = owner(name, name .. " address", entry.address)
        if found then
            return found
        end
    end
end

-- Who resends a message stands in the topmost Resent- headers; those below are of others before
-- (RFC 5322 3.6.6). Gives whether the login does, or a problem.
local function resends(message, owner)
    local count = 0
    for _, name in ipairs{ "Resent-From", "Resent-Sender" } do
        local listed, unreadable = read(message, name, 1)
        local found = unreadable or foreign_in(owner, name, listed)
        if found then
            return nil, found
        end
        count = count + #listed
    end
    return count > 0
end

-- Whether the login is the one who sends it, by Sender; or a problem.
local function is_sender(message, owner)
    local count = #message:header("Sender")
    if count == 0 then
        return false
    elseif count > 1 then
        return nil, unfit("there are " .. count .. " Sender headers")
    end
    local listed, unreadable = read(message, "Sender")
    local found = unreadable or foreign_in(owner, "Sender", listed)
    if found then
        return nil, found
    end
    return #listed == 1
end

local function read_from(message)
    local count = #message:header("From")
    if count ~= 1 then
        return nil, unfit(count == 0 and "there is no From header" or
            "there are " .. count .. " From headers")
    end
    local listed, unreadable = read(message, "From")
    if listed and #listed == 0 then
        return nil, unfit("the From header names nobody")
    end
    return listed, unreadable
end

local function authors_problem(message, owner, settings)
    local from, unreadable = read_from(message)
    if not from then
        return unreadable
    end
    local resent, found = resends(message, owner)
    if found or resent and settings.sender_header then
        return found
    end
    local sent
    sent, found = is_sender(message, owner)
    if found or sent and settings.sender_header then
        return found
    end
    return foreign_in(owner, "From", from)
end

-- A name beside the address of an author, with another address in it: many mail programs show only
-- the name. Calls what with each that may be at our domains, and true when it is; gives the first problem.
local function each_named(listed, what)
    local count = 0
    for _, entry in ipairs(listed) do
        for _, address in ipairs(entry.named) do
            count = count + 1
            if count > QUESTIONS then
                return unfit("names in From hold more than " .. QUESTIONS .. " addresses")
            end
            local ours = directory.is_local(address.domain)
            if ours ~= false then
                local found = what(address, ours)
                if found then
                    return found
                end
            end
        end
    end
end

local function names_problem(message, owner)
    return each_named(message:header_addresses("From") or {}, function(address)
        return owner("display name with", "Display name in From", address)
    end)
end

-- What a problem leads to.
local function judge(message, found, mode)
    if not found then
        return nil
    elseif mode == "mark" then
        mark(message, found.reason)
        return nil
    end
    return found.verdict
end

local function login_headers(session, message, settings)
    local owner = new_owner(session.login, settings)
    local verdict
    if settings.header_from ~= "off" then
        verdict = judge(message, authors_problem(message, owner, settings), settings.header_from)
    end
    if not verdict and settings.display_name ~= "off" then
        verdict = judge(message, names_problem(message, owner), settings.display_name)
    end
    return verdict
end

-- Strangers

-- What whoever watches before he refuses wants to know.
local function who(session, message, more)
    return { client = session.ip, client_name = printable(session.name),
        sender = tostring(message.sender), why = more }
end

local function client_is_listed(session, names)
    local name = session.name:lower()
    for _, listed in ipairs(names) do
        listed = listed:lower()
        if name == listed or listed:sub(1, 1) == "." and name:sub(-#listed) == listed then
            return true
        end
    end
    return false
end

local function sender_is_listed(sender, listed)
    for _, text in ipairs(listed) do
        text = text:lower()
        if sender.key == text or text:sub(1, 1) == "@" and sender.domain:lower() == text:sub(2) then
            return true
        end
    end
    return false
end

-- Whether the rule for strangers does not hold for this message. sendmail(1) cannot be told no.
local function is_exempt(session, message, settings)
    return settings.own_domain == "off" or session.trusted or session.local_submission or
        session:in_networks(settings.exempt_networks) or
        client_is_listed(session, settings.exempt_clients) or
        sender_is_listed(message.sender, settings.exempt_senders)
end

local function stranger_envelope(session, message, settings)
    local sender = message.sender
    if sender.is_null or sender.is_srs or is_exempt(session, message, settings) then
        return nil
    end
    local ours, why = directory.is_local(sender.domain)
    if ours == nil then
        return cannot_tell(why)
    elseif not ours then
        return nil
    elseif settings.own_domain == "mark" then
        mark(message, "envelope sender " .. tostring(sender) .. " at our domain, no login")
        return nil
    end
    return reject(550, "5.7.1", tostring(sender) ..
        ": Sender address rejected: log in to send from this domain", who(session, message))
end

-- Mail of our own people comes back to us in some ways that nobody can tell from a forgery: it is
-- marked there, never refused.
local function way_home(message)
    local sender = message.sender
    if sender.is_null then
        return "by a null sender"
    elseif sender.is_srs then
        return "through a forwarder"
    elseif #message:header("List-Id") > 0 and directory.is_local(sender.domain) == false then
        return "through a mailing list"
    end
end

-- The first of these addresses at one of our domains, as text; nil, reason when that cannot be told.
local function first_of_ours(addresses)
    for _, address in ipairs(addresses) do
        local ours, why = directory.is_local(address.domain)
        if ours == nil then
            return nil, why
        elseif ours then
            return tostring(address)
        end
    end
end

-- Much foreign mail has a From that cannot be read for certain (`MAILER-DAEMON`, `root (Cron)`). It
-- counts with one of our domains in it, or with so many addresses that ours may be among them.
local function unreadable_from(session, message, why, found, more)
    local address, reason = first_of_ours(found)
    if reason then
        return problem(nil, cannot_tell(reason))
    elseif not address and not more then
        return nil
    end
    return problem("From " .. (address or "one of many addresses") ..
            " at our domain, no login, in a header that cannot be read",
        reject(550, "5.7.1", "Message rejected: From header with our domain cannot be read; " ..
            "log in to send from this domain", who(session, message, why)))
end

local function from_of_ours(session, message, listed)
    local addresses = {}
    for i, entry in ipairs(listed) do
        addresses[i] = entry.address
    end
    local address, reason = first_of_ours(addresses)
    if reason then
        return problem(nil, cannot_tell(reason))
    elseif address then
        return problem("From " .. address .. " at our domain, no login",
            reject(550, "5.7.1", address .. ": From address rejected: log in to send from this domain",
                who(session, message)))
    end
end

local function stranger_headers(session, message, settings)
    if is_exempt(session, message, settings) then
        return nil
    end
    local listed, why, found, more = message:header_addresses("From")
    local wrong
    if listed and #listed > QUESTIONS then
        listed, why, found, more = nil, "more than " .. QUESTIONS .. " addresses", {}, true
    end
    if listed then
        wrong = from_of_ours(session, message, listed)
    else
        wrong = unreadable_from(session, message, why, found, more)
    end
    local way = way_home(message)
    if wrong and wrong.reason and way then
        mark(message, wrong.reason .. ", " .. way)
    elseif wrong then
        return judge(message, wrong, wrong.reason and settings.own_domain)
    elseif listed and settings.display_name ~= "off" then
        judge(message, each_named(listed, function(address, ours)
            return problem("display name with " .. tostring(address) ..
                (ours and " at our domain, no login" or " cannot be looked up"))
        end), "mark")
    end
end

return {
    name = "spoof",
    switch = "enabled own_domain",
    settings = {
        enabled = { "bool", "no", dms = "SPOOF_PROTECTION",
            "a login may only send as addresses it owns" },
        nested = { "bool", "yes", "ownership goes through aliases of aliases" },
        catch_all = { "bool", "yes", "ownership goes through @domain aliases" },
        regexp = { "bool", "yes", "ownership goes through patterns" },
        group = { "bool", "yes", "each member of an alias with several targets owns it" },
        subaddress = { "bool", "no", "alice+x@ belongs to alice as a sender" },
        account_alias = { "bool", "no",
            "an address that is another account belongs to whom an alias on it leads to" },
        login_domain = { "domain", "", "of logins without one; empty: looked up among the accounts" },
        null_sender = { "choice", "allow", choices = "allow reject",
            "the envelope sender <> of a login" },
        header_from = { "choice", "reject", choices = "reject mark off",
            "From:, Sender: or Resent-From: of a login's mail that it does not own" },
        sender_header = { "bool", "no",
            "who owns Sender: (or Resent-From:) may write any From:" },
        display_name = { "choice", "mark", choices = "reject mark off",
            "names in From: that contain an address of ours; of strangers only marked" },
        own_domain = { "choice", "off", choices = "reject mark off",
            "strangers with one of our domains in the envelope sender or in From:" },
        exempt_networks = { "networks", "", "clients that may use our domains without a login" },
        exempt_clients = { "list", "", "the same by name: host.example.net or .example.net" },
        exempt_senders = { "senders", "", "the same by envelope sender: addresses, or @domain" },
    },
    mail = function(session, message, settings)
        if not session.login then
            return stranger_envelope(session, message, settings)
        elseif settings.enabled then
            return login_envelope(session, message, settings)
        end
    end,
    headers = function(session, message, settings)
        local verdict = remove_marks(message)
        if verdict then
            return verdict
        elseif not session.login then
            verdict = stranger_headers(session, message, settings)
        elseif settings.enabled then
            verdict = login_headers(session, message, settings)
        end
        if not verdict and message.notes.spoof then
            message:add_header(MARK, message.notes.spoof)
            log.info("marked", { reason = message.notes.spoof, client = session.ip,
                sender = tostring(message.sender) })
        end
        return verdict
    end,
}
