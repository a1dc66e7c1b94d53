-- SPDX-License-Identifier: MIT
-- Full mailboxes: asks Dovecot about every mailbox behind a recipient while the client still
-- waits; at RCPT with the declared size, at end of message with the true one.

local function full_reply(settings, detail)
    local reply = settings.reply
    local make = reply.code < 500 and defer or reject
    return make(reply.code, reply.xcode, reply.text, detail)
end

-- { [mailbox] = { room =, text = } } of all mailboxes, asked side by side. The second result is the
-- reason when at least one could not be told.
local function ask(mailboxes, bytes)
    local questions = {}
    for i, mailbox in ipairs(mailboxes) do
        questions[i] = function() return quota.check(mailbox, bytes) end
    end
    local answers, failure = {}, nil
    for i, answer in ipairs(all(questions)) do
        local room, text = answer[1], answer[2]
        if not room then
            failure = failure or mailboxes[i] .. ": " .. text
        end
        answers[mailboxes[i]] = { room = room, text = text }
    end
    return answers, failure
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

local function split(expansion, answers)
    local full, others = {}, {}
    for _, member in ipairs(expansion.recipients) do
        local answer = member.mailbox and answers[member.mailbox]
        local list = answer and answer.room == "over" and full or others
        if member.class ~= "unknown" then -- nobody there to deliver to instead
            list[#list + 1] = member
        end
    end
    return full, others
end

local function addresses(members)
    local list = {}
    for i, member in ipairs(members) do
        list[i] = member.address
    end
    return list
end

-- "room": nobody is full. "left out": the full members are left out of the delivery. "full": to be
-- refused, with a table for the record.
local function judge(recipient, answers, settings)
    local expansion = recipient.expansion
    local full, others = split(expansion, answers)
    if #full == 0 then
        return "room"
    end
    local detail = { full = table.concat(addresses(full), " "),
        answer = answers[full[1].mailbox].text }
    if #others == 0 or settings.group == "any" then
        return "full", detail
    end
    local possible, reason = recipient:replace(addresses(others))
    if not possible then
        detail.cannot_leave_out = reason
        return "full", detail
    end
    expansion.recipients = others
    recipient.expansion = expansion
    return "left out", detail
end

local function log_left_out(message, recipient, detail)
    log.warning("full members are left out", { alias = recipient.address.text,
        left_out = detail.full, sender = message.sender.text, answer = detail.answer })
end

local function rcpt(_, message, recipient, settings)
    local mailboxes = mailboxes_of(recipient.expansion, {}, {})
    if #mailboxes == 0 then
        return nil
    end
    local answers, failure = ask(mailboxes, message.declared_bytes or 1)
    if failure then
        local verdict = service_away(failure, settings)
        if verdict then
            return verdict
        end
    end
    local outcome, detail = judge(recipient, answers, settings)
    if outcome == "full" then
        return full_reply(settings, detail)
    elseif outcome == "left out" then
        log_left_out(message, recipient, detail)
    end
end

-- One mailbox of several recipients cannot be refused alone any more: the message is refused as
-- a whole, nothing is delivered, and the client's own server tells its user.
local function finish(_, message, settings)
    local size = message.size_bytes
    if message.declared_bytes and size <= message.declared_bytes then
        return nil
    end
    local mailboxes, seen = {}, {}
    for _, recipient in ipairs(message.recipients) do
        mailboxes_of(recipient.expansion, mailboxes, seen)
    end
    if #mailboxes == 0 then
        return nil
    end
    local answers, failure = ask(mailboxes, size)
    if failure then
        local verdict = service_away(failure, settings)
        if verdict then
            return verdict
        end
    end
    for _, recipient in ipairs(message.recipients) do
        if recipient.expansion then
            local outcome, detail = judge(recipient, answers, settings)
            if outcome == "full" then
                log.warning("refused at end of message", { recipient = recipient.address.text,
                    full = detail.full, size = size })
                detail.recipient = recipient.address.text
                return full_reply(settings, detail)
            elseif outcome == "left out" then
                log_left_out(message, recipient, detail)
            end
        end
    end
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
        reply = { "reply", "552 5.2.2 Mailbox is full", "what a full mailbox's sender is told" },
    },
    rcpt = rcpt,
    finish = finish,
}
