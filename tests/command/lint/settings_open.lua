-- Settings whose names cannot be followed: nothing is said of them.
local function each(options)
    for name, value in pairs(options) do
        log.info(name, { value = tostring(value) })
    end
end

return {
    name = "settings_open",
    settings = { one = { "text", "", "reached by pairs" }, two = { "text", "", "reached by pairs" } },
    mail = function(_, _, settings)
        each(settings)
    end,
}
