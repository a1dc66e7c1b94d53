-- SPDX-License-Identifier: MIT
-- Lua 5.4 source as tokens, one at a time. A token is a kind and a value: a keyword or operator is its
-- own kind; "name", "string" (decoded), "number", "end of file". Raises { line =, message = }.

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat " ..
    "return then true until while"):gmatch("%S+") do
    KEYWORDS[word] = true
end

local LONG_OPERATORS = { ["..."] = true, [".."] = true, ["=="] = true, ["~="] = true, ["<="] = true,
    [">="] = true, ["//"] = true, ["::"] = true, ["<<"] = true, [">>"] = true }
local OPERATORS = "[-+*/%%^#&~|<>=(){}%[%];:,.]"

local ESCAPES = { a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v",
    ["\\"] = "\\", ['"'] = '"', ["'"] = "'" }

local UTF8_MOST = 0x7fffffff

local function new(source)
    -- comments: { line =, text =, is_alone = } of the short ones.
    return { source = source, at = 1, line = 1, token_line = 0, comments = {} }
end

local function fail(lexer, message)
    error({ line = lexer.line, message = message }, 0)
end

-- At a line end: \n, \r, or two different ones, which count as one.
local function pass_line(lexer)
    local first, second = lexer.source:byte(lexer.at, lexer.at + 1)
    local pair = (second == 10 or second == 13) and second ~= first
    lexer.at = lexer.at + (pair and 2 or 1)
    lexer.line = lexer.line + 1
end

local function count_lines(lexer, last)
    while true do
        local found = lexer.source:find("[\r\n]", lexer.at)
        if not found or found > last then
            lexer.at = last + 1
            return
        end
        lexer.at = found
        pass_line(lexer)
    end
end

-- At [[ or [=[: the content, and goes behind the end. Nothing when there is no such bracket.
local function long_text(lexer, what)
    local _, opened, level = lexer.source:find("^%[(=*)%[", lexer.at)
    if not opened then
        return nil
    end
    local first, last = lexer.source:find("]" .. level .. "]", opened + 1, true)
    if not first then
        fail(lexer, "unfinished long " .. what)
    end
    count_lines(lexer, last)
    return (lexer.source:sub(opened + 1, first - 1):gsub("\r\n?", "\n"):gsub("^\n", ""))
end

local function code_point(lexer)
    local _, last, digits = lexer.source:find("^u{(%x+)}", lexer.at)
    local code = digits and tonumber(digits:gsub("^0+(%x)", "%1"), 16)
    if not last or #digits:gsub("^0+", "") > 8 or code > UTF8_MOST then
        fail(lexer, "bad \\u{XXX} escape")
    end
    lexer.at = last + 1
    return utf8.char(code)
end

local function numeric(lexer, pattern, base)
    local _, last, digits = lexer.source:find(pattern, lexer.at)
    if not last or tonumber(digits, base) > 255 then
        fail(lexer, "bad numeric escape")
    end
    lexer.at = last + 1
    return string.char(tonumber(digits, base))
end

-- Behind a backslash.
local function escape(lexer)
    local letter = lexer.source:sub(lexer.at, lexer.at)
    if letter == "x" then
        return numeric(lexer, "^x(%x%x)", 16)
    elseif letter == "u" then
        return code_point(lexer)
    elseif letter:find("%d") then
        return numeric(lexer, "^(%d%d?%d?)", 10)
    elseif letter == "\n" or letter == "\r" then
        pass_line(lexer)
        return "\n"
    elseif letter == "z" then
        local _, last = lexer.source:find("^%s*", lexer.at + 1)
        lexer.at = lexer.at + 1
        count_lines(lexer, last)
        return ""
    elseif not ESCAPES[letter] then
        fail(lexer, "invalid escape sequence")
    end
    lexer.at = lexer.at + 1
    return ESCAPES[letter]
end

local function short_text(lexer, quote)
    local parts = {}
    lexer.at = lexer.at + 1
    while true do
        local stop = lexer.source:find("[\\\r\n" .. quote .. "]", lexer.at)
        local found = stop and lexer.source:sub(stop, stop)
        if found ~= quote and found ~= "\\" then
            fail(lexer, "unfinished string")
        end
        parts[#parts + 1] = lexer.source:sub(lexer.at, stop - 1)
        lexer.at = stop + 1
        if found == quote then
            return table.concat(parts)
        end
        parts[#parts + 1] = escape(lexer)
    end
end

-- All that looks like a part of it, as Lua does: then it is one, or an error.
local function number(lexer)
    local source, at = lexer.source, lexer.at
    local exponent = "^[eE][-+]?"
    if source:find("^0[xX]", at) then
        exponent = "^[pP][-+]?"
        at = at + 2
    end
    while true do
        local _, last = source:find(exponent, at)
        if not last then
            _, last = source:find("^[%x.]", at)
        end
        if not last then
            break
        end
        at = last + 1
    end
    local _, last = source:find("^[%w_]*", at)
    local value = tonumber(source:sub(lexer.at, last))
    if not value then
        fail(lexer, "malformed number near '" .. source:sub(lexer.at, last) .. "'")
    end
    lexer.at = last + 1
    return value
end

local function comment(lexer)
    lexer.at = lexer.at + 2
    if not long_text(lexer, "comment") then
        local last = (lexer.source:find("[\r\n]", lexer.at) or #lexer.source + 1) - 1
        local text = lexer.source:sub(lexer.at, last)
        lexer.comments[#lexer.comments + 1] = { line = lexer.line, text = text,
            is_alone = lexer.token_line ~= lexer.line }
        lexer.at = last + 1
    end
end

local function pass_blanks(lexer)
    while true do
        local _, last = lexer.source:find("^[ \t\v\f]+", lexer.at)
        lexer.at = (last or lexer.at - 1) + 1
        local byte = lexer.source:byte(lexer.at)
        if byte == 10 or byte == 13 then
            pass_line(lexer)
        elseif byte == 45 and lexer.source:byte(lexer.at + 1) == 45 then
            comment(lexer)
        else
            return
        end
    end
end

local function operator(lexer)
    local source = lexer.source
    for length = 3, 2, -1 do
        local text = source:sub(lexer.at, lexer.at + length - 1)
        if LONG_OPERATORS[text] then
            lexer.at = lexer.at + length
            return text
        end
    end
    local text = source:match("^" .. OPERATORS, lexer.at)
    if not text then
        fail(lexer, "unexpected symbol near '" .. source:sub(lexer.at, lexer.at) .. "'")
    end
    lexer.at = lexer.at + 1
    return text
end

local function read_token(lexer)
    local source = lexer.source
    if lexer.at > #source then
        return "end of file"
    end
    local _, last = source:find("^[%a_][%w_]*", lexer.at)
    if last then
        local word = source:sub(lexer.at, last)
        lexer.at = last + 1
        return KEYWORDS[word] and word or "name", word
    elseif source:find("^%.?%d", lexer.at) then
        return "number", number(lexer)
    end
    local quote = source:match("^[\"']", lexer.at)
    if quote then
        return "string", short_text(lexer, quote)
    elseif source:find("^%[=*%[", lexer.at) then
        return "string", long_text(lexer, "string")
    elseif source:find("^%[=", lexer.at) then
        fail(lexer, "invalid long string delimiter")
    end
    return operator(lexer)
end

-- Kind and value of the next token; lexer.line is its line, the last one of a long string.
local function next_token(lexer)
    pass_blanks(lexer)
    local kind, value = read_token(lexer)
    lexer.token_line = lexer.line
    return kind, value
end

return { new = new, next_token = next_token, fail = fail }
