-- SPDX-License-Identifier: MIT
-- Full mailboxes: asks Dovecot about every mailbox behind a recipient while the client still
-- waits; at RCPT with the declared size, at end of message with the true one.

local SIDE_BY_SIDE <const> = 500 -- `all` takes twice as many

local function full_reply(settings, detail)
    local reply = settings.reply
    local make = reply.code < 500 and defer or reject
    return make(reply.code, reply.xcode, reply.text, detail)
end

-- What stands against the message was accepted a moment ago and may yet be counted as less.
local function busy_reply(detail)
    return defer(452, "4.2.2", "Mailbox is busy with other mail, try again later", detail)
end

-- What is told at end of message. Nothing when it is to be taken anyway.
local function late_reply(settings, detail)
    if settings.late == "reject" then
        return full_reply(settings, detail)
    elseif settings.late == "defer" then
        return defer(452, "4.2.2", "Mailbox has no room for this message, try again later", detail)
    end
end

local function is_exempt(session, settings)
    for _, listener in ipairs(settings.exempt_listeners) do
        if session.listener == listener then
            return true
        end
    end
    return session:in_networks(settings.exempt_networks)
end

-- { [mailbox] = { room =, text = } } of all mailboxes, asked side by side; nothing when all have room,
-- as nearly always. The second result is the reason when at least one could not be told.
local function ask(mailboxes, bytes)
    if #mailboxes == 1 then -- most; spares a coroutine
        local room, text = quota.check(mailboxes[1], bytes)
        if room == "fits" then
            return nil
        end
        return { [mailboxes[1]] = { room = room, text = text } },
            not room and mailboxes[1] .. ": " .. text or nil
    end
    local answers, failure, all_fit = {}, nil, true
    for first = 1, #mailboxes, SIDE_BY_SIDE do
        local questions = {}
        for i = first, math.min(first + SIDE_BY_SIDE - 1, #mailboxes) do
            questions[#questions + 1] = function() return quota.check(mailboxes[i], bytes) end
        end
        for i, answer in ipairs(all(questions)) do
            local mailbox, room, text = mailboxes[first + i - 1], answer[1], answer[2]
            if not room then
                failure = failure or mailbox .. ": " .. text
            end
            answers[mailbox] = { room = room, text = text }
            all_fit = all_fit and room == "fits"
        end
    end
    return not all_fit and answers or nil, failure
end

local function mailboxes_of(expansion, list, seen)
    for _, member in ipairs(expansion and expansion.recipients or {}) do
        if member.mailbox and not seen[member.mailbox] then
            seen[member.mailbox] = true
            list[#list + 1] = member.mailbox
        end
    end
    return list
end

local function service_away(reason, settings)
    log.warning("quota cannot be told", { reason = reason, on_failure = settings.on_failure })
    if settings.on_failure == "defer" then
        return defer(451, "4.3.0", "Mailbox quota cannot be checked now, try again later",
            { reason = reason })
    end
end

-- Who is over, who is busy, and all who are not over: with room, busy, elsewhere or not to be told.
local function split(expansion, answers)
    local full, busy, others = {}, {}, {}
    for _, member in ipairs(expansion.recipients) do
        local answer = member.mailbox and answers[member.mailbox] or {}
        local told = { address = member.address, mailbox = member.mailbox, answer = answer.text }
        if answer.room == "over" then
            full[#full + 1] = told
        elseif member.class ~= "unknown" then -- nobody there to deliver to instead
            others[#others + 1] = member
        end
        if answer.room == "busy" then
            busy[#busy + 1] = told
        end
    end
    return full, busy, others
end

local function fields(members, name)
    local list = {}
    for i, member in ipairs(members) do
        list[i] = member[name]
    end
    return list
end

-- For the record.
local function detail_of(kind, members, reason)
    return { [kind] = table.concat(fields(members, "address"), " "), answer = members[1].answer,
        mailbox = table.concat(fields(members, "mailbox"), " "), cannot_leave_out = reason }
end

local function leave_out(message, recipient, full, others)
    local expansion = recipient.expansion
    expansion.recipients = others
    recipient.expansion = expansion
    recipient.notes.quota_left_out = true
    for _, member in ipairs(full) do
        log.warning("full member is left out", { alias = recipient.address.text,
            member = member.address, sender = message.sender.text, answer = member.answer })
    end
end

-- What becomes of a recipient: "room", maybe without its full members; "full" or "busy", to be
-- refused for good or for now, with a table for the record. Of a group with a busy member nobody is
-- left out: the client comes again, and nothing is lost.
local function judge(message, recipient, answers, settings)
    local full, busy, others = split(recipient.expansion, answers)
    if #full > 0 and (#others == 0 or settings.group == "any") then
        return "full", detail_of("full", full)
    elseif #busy > 0 then
        return "busy", detail_of("busy", busy)
    elseif #full > 0 then
        local possible, reason = recipient:replace(fields(others, "address"))
        if not possible then
            return "full", detail_of("full", full, reason)
        end
        leave_out(message, recipient, full, others)
    end
    return "room"
end

local function rcpt(session, message, recipient, settings)
    local mailboxes = mailboxes_of(recipient.expansion, {}, {})
    if #mailboxes == 0 or is_exempt(session, settings) then
        return nil
    end
    local answers, failure = ask(mailboxes, message.declared_bytes or 1)
    if not answers then
        return nil
    elseif failure then
        local verdict = service_away(failure, settings)
        if verdict then
            return verdict
        end
    end
    local outcome, detail = judge(message, recipient, answers, settings)
    if outcome == "full" then
        return full_reply(settings, detail)
    elseif outcome == "busy" then
        return busy_reply(detail)
    end
end

-- One mailbox of several recipients cannot be refused alone any more. Refused as a whole, the message
-- is delivered to nobody, and the client's own server tells its user.
local function judge_all(message, answers, settings)
    local busy
    for _, recipient in ipairs(message.recipients) do
        local outcome, detail
        if recipient.expansion then
            outcome, detail = judge(message, recipient, answers, settings)
        end
        if outcome == "full" then
            log.warning("full at end of message", { late = settings.late,
                recipient = recipient.address.text, mailbox = detail.mailbox,
                size = message.size_bytes, answer = detail.answer })
            detail.recipient = recipient.address.text
            local verdict = late_reply(settings, detail)
            if verdict then
                return verdict
            end
        elseif outcome == "busy" then
            detail.recipient = recipient.address.text
            busy = busy or detail
        end
    end
    return busy and busy_reply(busy)
end

-- Asks again with the true size, unless room was judged with as much.
local function check_size(message, settings)
    if message.declared_bytes and message.size_bytes <= message.declared_bytes then
        return nil
    end
    local mailboxes, seen = {}, {}
    for _, recipient in ipairs(message.recipients) do
        mailboxes_of(recipient.expansion, mailboxes, seen)
    end
    if #mailboxes == 0 then
        return nil
    end
    local answers, failure = ask(mailboxes, message.size_bytes)
    if not answers then
        return nil
    elseif failure then
        local verdict = service_away(failure, settings)
        if verdict then
            return verdict
        end
    end
    return judge_all(message, answers, settings)
end

local function is_reached(message, expansion, address)
    local reached = {}
    for _, recipient in ipairs(message.recipients) do
        reached[recipient.address.key] = true
        for _, member in ipairs(recipient.expansion and recipient.expansion.recipients or {}) do
            reached[(member.mailbox or member.address):lower()] = true
        end
    end
    local found = reached[address:lower()]
    for _, member in ipairs(expansion.recipients) do
        found = found or reached[(member.mailbox or member.address):lower()]
    end
    return found
end

-- Why not all that an address leads to can take the message: a copy must not bounce.
local function obstacle(expansion, bytes, settings)
    if expansion.status == "unknown" and expansion.domain_class ~= "local" then
        return "nobody has this address"
    elseif expansion.status == "error" then
        return expansion.fault_reason
    end
    for _, member in ipairs(expansion.recipients) do
        if member.class == "unknown" then
            return "nobody has " .. member.address
        end
    end
    local answers, failure = ask(mailboxes_of(expansion, {}, {}), bytes)
    for mailbox, answer in pairs(answers or {}) do
        if answer.room and answer.room ~= "fits" then
            return mailbox .. " is " .. answer.room .. ": " .. answer.text
        end
    end
    return settings.on_failure == "defer" and failure or nil
end

-- Adds quota.notice to what stays of a group; the reason when that cannot be. Whoever of it gets the
-- message anyway has noticed.
local function notify(message, recipient, settings)
    local address = settings.notice
    local expansion, reason = directory.resolve(address)
    if not expansion then
        return reason
    elseif is_reached(message, expansion, address) then
        return nil
    end
    reason = obstacle(expansion, message.size_bytes, settings)
    if reason then
        return reason
    end
    local list = fields(recipient.expansion.recipients, "address")
    list[#list + 1] = address
    local _, impossible = recipient:replace(list)
    return impossible
end

-- Once a message, with the first recipient of which somebody was left out. It never stops the mail.
local function give_notice(message, settings)
    for _, recipient in ipairs(message.recipients) do
        if recipient.notes.quota_left_out then
            local reason = notify(message, recipient, settings)
            if reason then
                log.warning("nobody is given notice", { notice = settings.notice, reason = reason,
                    alias = recipient.address.text, sender = message.sender.text })
            end
            return nil
        end
    end
end

local function finish(session, message, settings)
    if is_exempt(session, settings) then
        return nil
    end
    local verdict = check_size(message, settings)
    if not verdict and settings.notice then
        give_notice(message, settings)
    end
    return verdict
end

return {
    name = "quota",
    switch = "enabled",
    settings = {
        enabled = { "bool", "yes", dms = "ENABLE_QUOTAS", "full mailboxes are refused" },
        on_failure = { "choice", "continue", choices = "continue defer",
            "what it means that the quota service is away" },
        group = { "choice", "all", choices = "all any",
            "an alias is refused when all of its mailboxes are full, or when any is; with all, the " ..
            "full ones are left out of the delivery" },
        notice = { "address", nil,
            "gets the mail in place of members that are left out, so that a human sees it" },
        reply = { "reply", "552 5.2.2 Mailbox is full", "what a full mailbox's sender is told" },
        late = { "choice", "reject", choices = "reject defer deliver",
            "a mailbox turns out to be too full at end of message: the whole message is refused with " ..
            "reply, told to come again, or taken and left to bounce" },
        exempt_networks = { "networks", "", "clients whose mail is not judged" },
        exempt_listeners = { "list", "", "listeners of Postfix (daemon_name) whose mail is not judged" },
    },
    rcpt = rcpt,
    finish = finish,
}
