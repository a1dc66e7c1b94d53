-- Waiting in callbacks, directly and through functions of the file.
local function ask(name)
    return dns.a(name)
end

local function deeper(name)
    return ask(name)
end

local function by_size(a, b)
    return quota.check(a, 1) == quota.check(b, 1)
end

local function by_name(a, b)
    return a < b
end

return {
    name = "waiting",
    finish = function(session)
        local names = { "b.test", "a.test" }
        table.sort(names, function(a) return dns.a(a) == nil end) --! cannot-wait: dns.a waits
        table.sort(names, function(a) return deeper(a) == nil end) --! cannot-wait: dns.a waits
        table.sort(names, by_size) --! cannot-wait: quota.check waits
        table.sort(names, by_name)
        local text = string.gsub("x", "x", function() return all {} end) --! cannot-wait: string.gsub
        text = text:gsub("x", function(x) return ask(x) end) --! cannot-wait
        text = text:gsub("x", function(x) return x:upper() end):gsub("y", "z"):gsub("z", {})
        local ok = pcall(ask, text)
        local answers = all { function() return ask("x.test") end }
        log.info(text, { ok = ok, answers = #answers })
        for _, name in ipairs(names) do
            ask(name)
        end
    end,
}
