-- SPDX-License-Identifier: MIT
-- Aliases: attaches to each recipient what Postfix will deliver to, so that the rules behind this
-- one judge mailboxes, not names.

return {
    name = "alias",
    rcpt = function(_, _, recipient)
        local expansion, reason = directory.resolve(recipient.address)
        if not expansion then
            return defer(451, "4.3.0", "Temporary lookup failure", { reason = reason })
        end
        recipient.expansion = expansion
    end,
}
