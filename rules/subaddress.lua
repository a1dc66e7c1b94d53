-- SPDX-License-Identifier: MIT
-- Subaddresses: user+tag@ belongs to user@. Which part is the tag is decided by Postfix's own
-- rules (recipient_delimiter, its exceptions); this rule keeps both parts for the rules behind it
-- and for the log. The envelope keeps the tag, so Sieve's :detail goes on working.

return {
    name = "subaddress",
    rcpt = function(_, _, recipient)
        local address = recipient.address
        if address.detail then
            recipient.notes.base = address.base
            recipient.notes.detail = address.detail
        end
    end,
}
