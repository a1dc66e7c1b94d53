-- What does not last; patterns that cost; what nothing reads.
local count = 0
local seen = {}
local known = { "a", "b" }
local total = 0
local COSTLY <const> = ".-.-b"

for i in ipairs(known) do
    total = total + i
end

local function add(list, value)
    list[#list + 1] = value
end

local function fill()
    known[#known + 1] = "c"
end
fill()

local function remember(session)
    seen[session.ip] = true --! kept-state warning: seen is kept
end

return {
    name = "state",
    mail = function(session, message)
        local own = {}
        count = count + 1 --! kept-state warning: notes
        remember(session)
        add(own, known[1])
        own[2] = total
        local dead = session.ip --! unused-local warning: nothing reads dead
        local _unused, first, _ = 1, 2, 3
        local found, place = session.name:find(COSTLY) --! costly-pattern warning: anchor it
        local far = session.name:match("(.-)@(.-)%.(.-)x") --! costly-pattern warning
        local user, domain = message.sender.text:match("^(.-)@(.+)$")
        local third = string.find("a.b", "^(.-)%.(.-)%.(.-)$")
        local last = string.find("a.-.-.-b", ".-.-.-", 1, true)
        return nil, own, first, place, far, user, domain, third, last
    end,
}
