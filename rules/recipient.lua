-- SPDX-License-Identifier: MIT
-- Recipients that nobody has: refused while the client still waits, also behind aliases, so
-- that no bounce goes to a forged sender.

-- What a reply can hold.
local REPLY_BYTES = 450

local function refuse(recipient, settings, detail)
    local reply = settings.reply
    local make = reply.code < 500 and defer or reject
    local text = tostring(recipient.address) .. ": " .. reply.text
    return make(reply.code, reply.xcode, text:sub(1, REPLY_BYTES), detail)
end

local function expansion_failed(expansion)
    if expansion.error == "syntax" then
        return reject(501, "5.1.3", "Bad recipient address syntax",
            { address = expansion.fault_address })
    end
    log.warning("recipient cannot be expanded", {
        alias = expansion.fault_address,
        error = expansion.error,
        reason = expansion.fault_reason,
    })
    local detail = { alias = expansion.fault_address, error = expansion.error,
        reason = expansion.fault_reason }
    if expansion.error == "table" then
        return defer(451, "4.3.0", "Temporary lookup failure", detail)
    end
    return defer(451, "4.6.0", "Alias expansion error", detail)
end

local function addresses(recipients)
    local list = {}
    for i, member in ipairs(recipients) do
        list[i] = member.address
    end
    return list
end

local function has_unknown(recipients)
    for _, member in ipairs(recipients) do
        if member.class == "unknown" then
            return true
        end
    end
    return false
end

local function dangling_members(recipient, expansion, settings)
    if not has_unknown(expansion.recipients) then
        return nil
    end
    local known, unknown = {}, {}
    for _, member in ipairs(expansion.recipients) do
        local list = member.class == "unknown" and unknown or known
        list[#list + 1] = member
    end
    local names = table.concat(addresses(unknown), " ")
    if #known == 0 or settings.group == "any" then
        return refuse(recipient, settings, { unknown = names })
    end
    local possible, reason = recipient:replace(addresses(known))
    if not possible then
        return refuse(recipient, settings, { unknown = names, cannot_leave_out = reason })
    end
    log.warning("members that nobody has are left out", {
        alias = recipient.address.text, left_out = names })
    expansion.recipients = known
    recipient.expansion = expansion
end

return {
    name = "recipient",
    settings = {
        reply = { "reply", "550 5.1.1 Recipient address rejected: User unknown",
            "what the sender to an address that nobody has is told, behind the address" },
        group = { "choice", "all", choices = "all any",
            "an alias is refused when all of its members are unknown, or when any is" },
    },
    rcpt = function(_, _, recipient, settings)
        local expansion = recipient.expansion
        if not expansion then
            return nil
        elseif expansion.status == "error" then
            return expansion_failed(expansion)
        elseif expansion.status ~= "unknown" then
            -- A foreign address too: whoever may relay (the server has judged that) may have
            -- named one that aliases of ours take.
            return dangling_members(recipient, expansion, settings)
        end
        -- Who is a local user of the host itself, only its own Postfix knows, and it has judged.
        if expansion.domain_class == "local" then
            return nil
        end
        return refuse(recipient, settings)
    end,
}
