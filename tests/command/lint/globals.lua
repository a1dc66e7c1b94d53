-- Globals and members that are not there, those of Lua that rules lack, and assignments to them.
local limits = { most = 5 }

local function total(list)
    local sum = 0
    for i = 1, #list do
        sum = sum + i
    end
    return summ --! unknown-global: did you mean sum?
end

return {
    name = "globals",
    rcpt = function(session, message, recipient)
        local count = 0
        conut = count + 1 --! global-assignment: did you mean count?
        function helper() return 1 end --! global-assignment: write `local function helper`
        other = 1 --! global-assignment: write `local other`
        if dirctory.resolve(recipient.address) then --! unknown-global: did you mean directory?
            print("x") --! unknown-global: log.info
        end
        log.info(mesage.sender.text) --! unknown-global: did you mean message?
        local t = os.time() --! unknown-global: settings
        local f = io.open("x", t) --! unknown-global: a setting
        local x = require("x") --! unknown-global: a rule is one file
        log.info("x", { f = f, x = x, sum = sum }) --! unknown-global: the local of line 5 is not in scope
        string.gmach("x", "y") --! unknown-member: did you mean string.gmatch?
        dns.soa("x.test") --! unknown-member
        log.warn("x") --! unknown-member: did you mean log.warning?
        local pack = string.pack --! unknown-member warning: it is nil
        if dns.srv then --! unknown-member warning
            log.info("x", { pack = pack })
        end
        string.upper = nil --! read-only: string is frozen
        directory:resolve("x@y.test") --! method-call: directory.resolve(...)
        log.info(("x"):uper()) --! unknown-member: did you mean upper?
        -- What looks like it and is none:
        local os, print = {}, log.info
        print("x", { time = os.time, count = total(limits) })
        local string = { gmach = 1 }
        log.info("x", { n = string.gmach, huge = math.huge, text = ("x"):upper(), pi = math.pi }) --! unknown-member warning
        do
            local _ENV = { free = 1 }
            free = 2
        end
    end,
}
