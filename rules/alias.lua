-- SPDX-License-Identifier: MIT
-- Aliases: attaches to each recipient what Postfix will deliver to, so that the rules behind this
-- one judge mailboxes, not names.

return {
    name = "alias",
    settings = {
        srs = { "bool", "no", dms = "ENABLE_SRS",
            "addresses SRS0=... and SRS1=... are not expanded, so that no rule judges them" },
    },
    rcpt = function(_, _, recipient, settings)
        -- Valid without being accounts, whatever a catch-all says: Postfix turns them back into the
        -- sender they stand for, before it looks at aliases.
        if settings.srs and recipient.address.is_srs then
            return nil
        end
        local expansion, reason = directory.resolve(recipient.address)
        if not expansion then
            return defer(451, "4.3.0", "Temporary lookup failure", { reason = reason })
        end
        recipient.expansion = expansion
    end,
}
