-- SPDX-License-Identifier: MIT
-- Findings, and comments that silence them: `-- lint: ignore CODE ... -- reason` behind a line or alone
-- above it.

-- Their severities; lua/README.md says what each means. Error: it fails for certain, or does nothing.
local CODES = {
    ["bad-operand"] = "error",
    ["bad-verdict"] = "error",
    ["cannot-wait"] = "error",
    ["costly-pattern"] = "warning",
    ["global-assignment"] = "error",
    ["handler-parameters"] = "error, warning",
    ["kept-state"] = "warning",
    ["lost-change"] = "error",
    ["method-call"] = "error",
    ["never-equal"] = "error",
    ["no-verdict"] = "error",
    ["not-examined"] = "warning",
    ["read-only"] = "error",
    ["unchecked-nil"] = "warning",
    ["undeclared-setting"] = "error",
    ["unknown-field"] = "error",
    ["unknown-global"] = "error",
    ["unknown-ignore"] = "warning",
    ["unknown-member"] = "error, warning",
    ["unused-local"] = "warning",
    ["unused-setting"] = "warning",
    ["unused-verdict"] = "error",
    ["wrong-stage"] = "error",
}
-- Of check itself.
local OTHERS = { ["replaced-rule"] = true, ["rule-not-run"] = true }

-- severity: where a code has two, the second one.
local function add(file, code, line, message, remedy, severity)
    file.findings[#file.findings + 1] = { code = code, line = line, message = message, remedy = remedy,
        severity = severity or CODES[code]:match("%a+") }
end

-- { [line] = { [code] = true } }
local function ignored(file, comments)
    local lines = {}
    for _, comment in ipairs(comments) do
        local codes = comment.text:match("^%s*lint: ignore%s+(.*)$")
        for code in (codes or ""):gsub("%-%-.*", ""):gmatch("%S+") do
            local line = comment.line + (comment.is_alone and 1 or 0)
            lines[line] = lines[line] or {}
            lines[line][code] = true
            if not CODES[code] and not OTHERS[code] then
                add(file, "unknown-ignore", comment.line, "there is no finding " .. code ..
                    ": the comment silences nothing", "take the code from what check says")
            end
        end
    end
    return lines
end

-- The findings that no comment silences, by line.
local function finish(file, comments)
    local lines = ignored(file, comments)
    local kept = {}
    for place, finding in ipairs(file.findings) do
        if not (lines[finding.line] and lines[finding.line][finding.code]) then
            finding.place = place
            kept[#kept + 1] = finding
        end
    end
    table.sort(kept, function(left, right)
        if left.line ~= right.line then
            return left.line < right.line
        end
        return left.place < right.place
    end)
    return kept
end

return { add = add, finish = finish }
