-- The parser of lua/lint against Lua itself: whatever one takes, the other takes; and the checks over
-- whatever loads: they never fail. Called by test_lint_parser.c with the folder of the library and a list
-- of files.
local folder, files = ...

local lint = { nearest = assert(loadfile(folder .. "/nearest.lua"))() }

local function open(name)
    lint[name] = assert(loadfile(folder .. "/lint/" .. name .. ".lua"))(lint)
end

for _, name in ipairs{ "lexer", "scope", "tokens", "expressions", "parser", "tree" } do
    open(name)
end

-- Lua also refuses what its own tables do not hold (upvalues, registers): not part of the syntax.
local function is_size(message)
    return message:find("too many upvalues") or message:find("needs too many registers") or
        message:find("control structure too long")
end

local function compare(source, place)
    local loaded, message = load(source, "=x", "t")
    local root, fault = lint.parser.parse(source)
    if not loaded and is_size(message) then
        return
    elseif (loaded ~= nil) ~= (root ~= nil) then
        error(("%s: Lua says %s, the parser %s\n%s"):format(place, message or "fine",
            fault and fault.line .. ": " .. fault.message or "fine", source:sub(1, 2000)))
    elseif root then
        lint.tree.index(root)
    end
    return root
end

local TAKEN = {
    "", ";", ";;;", "return", "return;", "return 1, 2;", "do return end", "local x", "local x, y = 1",
    "local a <const>, b <close> = 1, nil", "local a<const> = 1 return function() return a end",
    "a.b.c = 1", "a.b['c'].d, e = 1, 2", "f()", "f{}", "f''", "f[[x]]", "a:b()", "a:b{}", "a:b'x'", "a.b:c'x':d{}(1)",
    "('x'):rep(2)", "(f)()", "(f)().x = 1", "f().x = 1", "f'x'.y = 1", "return (f())", "local function f(...) return ... end",
    "function a.b.c:d(x, y, ...) return self end", "return function() end", "goto x ::x::", "::a:: ::b:: goto a",
    "do goto x local y ::x:: end", "while 1 do goto continue; local x; ::continue:: end", "::a:: do ::b:: end ::c::",
    "do ::a:: end ::a::", "local function f() ::a:: end ::a::", "do goto x end ::x:: local y", "repeat local x until x",
    "for i = 1, 2 do end", "for i = 1, 2, 3 do break end",
    "for k, v in next, {} do break end", "for k in pairs(t) do local function g() return k end end",
    "if a then elseif b then else end", "if a then return end", "while true do if x then break end end",
    "return 0x.8p3, 0xA.8, 0xffffffffffffffffff, 1e10, 1E+5, .5, 3., 0x.1, 1//2, 7 % 3, 2^3^4, 0x1p-2",
    "return '\\a\\b\\f\\n\\r\\t\\v\\\\\\'\\\"\\z   \n  x\\x41\\065\\65\\u{48}\\u{7fffffff}\\\n'", "return 'a\\\r\nb'",
    "return [[\n]], [==[ ]] ]=] ]==], [=[]=]", "--[[ x\n ]] return 1", "--[==[ ]] ]==] return 1", "-- x", "--", "--[==x",
    "return a and b or not c == d ~= e < f > g <= h >= i .. j + k - l * m / n // o % p ^ -q & r | s ~ t << u >> v",
    "return -x^2, not not x, ~~x, - - x, #x.y, -#x", "return { 1, 2; x = 1, [f()] = 2, f(), ... }", "return {}, {1;} ~= 1",
    "return {a}, {a = 1}, {(a)}, {a.b}, {a, b = c,}", "x = y; (f)()", "local _ENV = {} x = 1", "f(...)",
    "return a\n(b)", "return 1 --[[x]] + --[[y]] 2", "local goto_ = 1", "return\t\v\f\r1", "a = b c = d", "return 1 ..2 ~= nil",
    "local t <const> = {} t.x = 1", "local x <const> = 1 do local x x = 2 end", "a.end_ = 1", "return 'é'", "return 3 .. 2",
}

local REFUSED = {
    "x", "x.y", "1", "return return", "return 1 x", "local", "local 1", "local x = ", "local function", "local function f",
    "local function a.b() end", "function f", "function f(a,) end", "function f(..., a) end", "function f(a b) end",
    "if x", "if x then", "if x then else elseif y then end", "while x", "for", "for i", "for i = 1 do end", "for i = 1, 2",
    "for a.b in x do end", "repeat", "until x", "end", "do", "f(", "f(1,)", "f(1", "f = ", "f, = 1", "f() = 1", "(f) = 1",
    "a:b = 1", "a:b", "f().x", "a, f() = 1, 2", "goto", "goto x", "do ::x:: end goto x", "goto x local y ::x:: y = 1",
    "repeat goto c; local x = 1; ::c:: until x", "repeat goto c; local x = 1; ::c:: ; until true", "::a:: ::a::", "::a:: do ::a:: end", "::", "::a", "break",
    "while 1 do local function f() break end end", "function f() goto x end ::x::", "local x <const> = 1 x = 2",
    "local x <close> = nil x = 2", "local x <foo> = 1", "local x <const", "local a <close>, b <close> = 1, 2",
    "local x <const> = 1 return function() x = 2 end", "function f() return ... end", "return '", "return 'a\nb'", "return '\\q'",
    "return '\\x4'", "return '\\300'", "return '\\u{}'", "return '\\u{80000000}'", "return '\\u7'", "return '\\", "return [[",
    "return [==[ ]]", "return [=x", "--[[", "return 0x", "return 1e", "return 1x", "return 0x1p", "return 1..2", "return 3.4.5",
    "return 0b1", "return 1_000", "return a ! b", "return a != b", "return @", "return $x", "return a ? b", "#!/usr/bin/lua",
    "\xef\xbb\xbfreturn 1", "return é", "return {", "return { 1 2 }", "return { a.b = 1 }", "return { (a) = 1 }", "return { [1] }",
    "return { = 1 }", "return {;}", "return a..", "return not", "return (", "return ()", "return a b", "local x = 1 = 2", "a = b = c",
    "and = 1", "a.and = 1", "return a.1", "return a:1()", "return function", "x = }", "local x, = 1", "local x.y = 1",
    "for i = 1, 2, 3, 4 do end", "return a `b`", "a += 1", "a++", "return 'x' 'y'", "goto continue", "return;;",
}

for _, source in ipairs(TAKEN) do
    assert(compare(source, "taken"), source)
end
for _, source in ipairs(REFUSED) do
    assert(not compare(source, "refused"), source)
end

-- Depth and number, at Lua's limits: a little below both take it, far above neither does.
for _, count in ipairs{ 100, 180, 250, 5000 } do
    compare("return " .. ("("):rep(count) .. "1" .. (")"):rep(count), "parentheses")
    compare("return " .. ("{"):rep(count) .. ("}"):rep(count), "tables")
    compare(("do "):rep(count) .. ("end "):rep(count), "blocks")
    compare("return " .. ("x .. "):rep(count) .. "x", "concatenations")
    compare("return " .. ("x + "):rep(count) .. "x", "sums")
    compare("return " .. ("not "):rep(count) .. "x", "operators")
    compare("return a" .. (".b"):rep(count), "fields")
    compare(("local x = 1\n"):rep(count), "locals")
    compare("local function f() " .. ("local x = 1 "):rep(count) .. "end", "locals of a function")
    compare("if x then " .. ("elseif x then "):rep(count) .. "end", "branches")
end

-- Mutations, the same in every run.
local PIECES = { "end", "then", "local", "x", "=", "==", "(", ")", "{", "}", "[", "]", "[[", "]]", "[=[", "--", "--[[", "\n",
    "\"", "'", "\\", "0x", "1e", "1", "..", "...", "goto", "::a::", "break", "<const>", "<close>", "function", "return", "if",
    "do", "while", "repeat", "until", ";", ",", ":", ".", "#", "~", "//", "<<", "and", "not", "nil", "in", "for", "\r",
    "\\z", "\\u{7f}", "\\300", "é", "_ENV", "goto a" }
local MUTATIONS, PART = 25, 2000

local state = 1
local function random(most)
    state = (state * 1103515245 + 12345) % 0x80000000
    return state // 65536 % most + 1
end

local function mutate(source)
    local at = random(#source)
    local piece = PIECES[random(#PIECES)]
    local how = random(3)
    if how == 1 then
        return source:sub(1, at - 1) .. source:sub(at + random(8))
    elseif how == 2 then
        return source:sub(1, at - 1) .. piece .. source:sub(at)
    end
    return source:sub(1, at - 1) .. " " .. piece .. " " .. source:sub(at)
end

-- The checks, with stand-ins for what the sandbox has.
local function stub() end
local globals = { assert = assert, error = error, ipairs = ipairs, pairs = pairs, pcall = pcall, tostring = tostring,
    string = string, table = table, math = math, dns = { a = stub, mx = stub }, log = { info = stub },
    quota = { check = stub }, directory = { resolve = stub }, all = stub, reject = error, defer = error,
    disconnect = error, discard = error, quarantine = error, skip = stub }
lint.ruleset = assert(loadfile(folder .. "/ruleset.lua"))({}, lint.nearest)
lint.ruleset.globals = globals
for _, name in ipairs{ "api", "report", "rule", "flow", "names", "kinds", "handles", "values", "verdicts", "waiting",
    "handlers", "main" } do
    open(name)
end

local function words_of(source)
    local words = {}
    for word, other in source:gmatch("([%w_]*)([^%w_]?)") do
        words[#words + 1] = word
        words[#words + 1] = other
    end
    return words
end

local function examine(source)
    if not load(source, "=x", "t") then
        return 0
    end
    local ok, result = pcall(lint.main.run, source, nil)
    assert(ok, tostring(result) .. "\n" .. source)
    for _, finding in ipairs(result) do
        assert(finding.code ~= "not-examined" and type(finding.message) == "string" and type(finding.line) == "number" and
            type(finding.remedy) == "string" and finding.severity, finding.code)
    end
    return 1
end

-- Words of a rule changed for others of it.
local function examine_mutated(source)
    local words = words_of(source)
    local examined = examine(source)
    for _ = 1, MUTATIONS do
        local changed = table.move(words, 1, #words, 1, {})
        for _ = 1, random(3) do
            changed[random(#words)] = words[random(#words)]
        end
        examined = examined + examine(table.concat(changed))
    end
    return examined
end

local count, examined = 0, 0
for _, path in ipairs(files) do
    local file = assert(io.open(path))
    local source = file:read("a")
    file:close()
    compare(source, path)
    if path:find("/rules/%w+%.lua$") or path:find("/command/lint/") then
        examined = examined + examine_mutated(source)
    end
    local start = random(math.max(1, #source - PART))
    local part = source:sub(start, start + PART)
    for _ = 1, #part > 0 and MUTATIONS or 0 do
        local mutated = mutate(part)
        if random(2) == 1 then
            mutated = mutate(mutated)
        end
        compare(mutated, path)
        count = count + 1
    end
end
return count, examined
