-- SPDX-License-Identifier: MIT
-- Refuses what the relay would have to bounce: mail for a domain that Postfix still has in
-- relay_domains, and docker-mailserver no longer knows.

return {
    name = "domains",
    rcpt = function(_, _, recipient)
        local expansion = recipient.expansion
        if expansion and expansion.status == "relay" then
            return reject(554, "5.7.1", "Relay access denied")
        end
    end,
}
