-- SPDX-License-Identifier: MIT
-- The name that somebody may have meant, for messages.

local NAME_BYTES = 48 -- a longer one is near to nothing

-- How many letters are to be changed, added, left out or swapped with the next.
local function distance(left, right)
    local before, row = nil, {}
    for j = 0, #right do
        row[j] = j
    end
    for i = 1, #left do
        local next_row = { [0] = i }
        for j = 1, #right do
            local change = left:byte(i) ~= right:byte(j) and 1 or 0
            next_row[j] = math.min(row[j] + 1, next_row[j - 1] + 1, row[j - 1] + change)
            if i > 1 and j > 1 and left:byte(i) == right:byte(j - 1) and left:byte(i - 1) == right:byte(j) then
                next_row[j] = math.min(next_row[j], before[j - 2] + 1)
            end
        end
        before, row = row, next_row
    end
    return row[#right]
end

-- The nearest of a list of names, the first by the alphabet of several; nil when none is near.
return function(name, names)
    local found
    local best = math.min(#name // 3 + 1, #name - 1)
    for _, known in ipairs(#name <= NAME_BYTES and names or {}) do
        local away = #known <= NAME_BYTES and distance(name, known) or best + 1
        if #name >= 3 and known:sub(1, #name) == name then
            away = 1 -- cut short
        end
        if away < best or away == best and (not found or known < found) then
            best, found = away, known
        end
    end
    return found
end
