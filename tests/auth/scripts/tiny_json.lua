-- An object of texts, as JSON, its names in order; what a script would bring a library for.
local M = {}

function M.encode(object)
    local names, parts = {}, {}
    for name in pairs(object) do names[#names + 1] = name end
    table.sort(names)
    for i, name in ipairs(names) do
        parts[i] = string.format('"%s":"%s"', name, object[name]:gsub('["\\]', "\\%0"))
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

return M
