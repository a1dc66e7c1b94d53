-- Base64 in plain Lua, as scripts bring it along.
local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local M = {}

function M.encode(text)
    local bits = text:gsub(".", function(c)
        local byte, out = c:byte(), ""
        for i = 7, 0, -1 do out = out .. (byte >> i & 1) end
        return out
    end)
    local encoded = (bits .. "0000"):gsub("%d%d%d?%d?%d?%d?", function(group)
        if #group < 6 then return "" end
        local place = tonumber(group, 2) + 1
        return letters:sub(place, place)
    end)
    return encoded .. ({ "", "==", "=" })[#text % 3 + 1]
end

return M
