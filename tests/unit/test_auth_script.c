/* SPDX-License-Identifier: MIT */
/* Auth scripts: what they return, see and may use up, and many that wait at once. */
#include "auth_fixture.h"

#include "authscript/lint.h"

enum { CALLERS = 40, STATES = 2, SLOW_MS = 100 };

static const char *server_answer(size_t number, bool *goes_on)
{
    *goes_on = true;
    if (number == 1) { /* slowly */
        poll(NULL, 0, SLOW_MS);
    }
    return number == 2
               ? NULL
               : "HTTP/1.1 207 Multi-Status\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi";
}

static const struct expectation {
    const char *body; /* of auth_userdb_lookup(req) */
    enum auth_answer answer;
    const char *text; /* `name=value ` of all fields in order of the alphabet; or a part of
                         the reason */
} userdb[] = {
    {"return 1, {}", AUTH_FOUND, ""},
    {"return 1", AUTH_FOUND, ""},
    {"return 1, nil", AUTH_FOUND, ""},
    {"return 1.0, 'uid=5 home=/h flag'", AUTH_FOUND, "flag= home=/h uid=5 "},
    {"return dovecot.auth.USERDB_RESULT_OK, { uid = 5, b = true, c = 1.5, d = 2^40 }",
     AUTH_FOUND, "b=yes c=0 d=1099511627776 uid=5 "},
    {"return 1, { [''] = 1, ['a\\tb'] = 1, [1] = 'x', [true] = 'x', ok = 'y' }", AUTH_FOUND,
     "ok=y "},
    {"return 1, 'a=1 a:protected=2 b:protected=3 c=1 c:remove=1'", AUTH_FOUND, "a=1 b=3 "},
    {"return 1, { user = 'Other', uid = 'root' }", AUTH_FOUND, "uid=0 "},
    {"return -2, ''", AUTH_NOT_FOUND, ""},
    {"return -2", AUTH_NOT_FOUND, ""},
    {"return -2, {}", AUTH_NOT_FOUND, ""},
    {"return -1, 'down\\27[31m'", AUTH_FAILED, "down?[31m"},
    {"return 1, { tempfail = 'y', reason = 'later' }", AUTH_FAILED, "later"},
    {"return 1, { gid = 'nobody-has-this' }", AUTH_FAILED, "field gid is neither"},
    {"return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN, ''", AUTH_FAILED,
     ":1: auth_userdb_lookup returned -3, which is none of dovecot.auth.USERDB_RESULT_*"},
    {"return 0, ''", AUTH_FAILED, "returned 0"},
    {"return 1.5, ''", AUTH_FAILED, "returned 1.5"},
    {"return", AUTH_FAILED, ":1: auth_userdb_lookup returned a nil first"},
    {"return '1', {}", AUTH_FOUND, ""},
    {"return 'one', {}", AUTH_FAILED, "returned a string first"},
    {"return 1, true", AUTH_FAILED, "returned a boolean second"},
    {"return -2, print", AUTH_FAILED, "returned a function second"},
    {"local x = nil return x.y", AUTH_FAILED, ":1: attempt to index a nil value"},
    {"error({})", AUTH_FAILED, "an error that is no text"},
    {"while true do end", AUTH_FAILED, ":1: over the limit of instructions"},
    {"while true do pcall(function() while true do end end) end", AUTH_FAILED,
     "over the limit of instructions"},
    {"pcall(function() while true do end end) return 1", AUTH_FAILED,
     "over the limit of instructions"},
    {"coroutine.wrap(function() while true do end end)()", AUTH_FAILED,
     "over the limit of instructions"},
    {"local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", AUTH_FAILED,
     "over the limit of memory"},
    {"('x'):rep(1 << 21)", AUTH_FAILED, "over the limit of size"},
    {"string.find(('a'):rep(1000), '.-.-.-.-b')", AUTH_FAILED,
     "over the limit of instructions"},
    {"os.exit(0)", AUTH_FAILED, "os.exit is not available"},
    {"debug.sethook()", AUTH_FAILED, "debug.sethook is not available"},
    {"return 1, { a = ('x'):rep('3'), b = '1' + 1, c = string.format('%d', '7') }",
     AUTH_FOUND, "a=xxx b=2 c=7 "},
    {"return 1, { a = tostring(next(setmetatable({}, { __index = { x = 1 } }))) }",
     AUTH_FOUND, "a=nil "},
    {"local c = coroutine.create(function(a) error('x', 0) end) local ok, e = "
     "coroutine.resume(c) local again = coroutine.resume(c) "
     "return 1, { a = tostring(ok) .. e .. tostring(again) .. coroutine.status(c) }",
     AUTH_FOUND, "a=falsexfalsedead "},
    {"return 1, req:response_from_template('a=%u b=%Un c=%d d=%{user|upper} flag')",
     AUTH_FOUND, "a=alice@example.com b=ALICE c=example.com d=ALICE@EXAMPLE.COM "},
    {"return 1, req:var_expand('a=%2.3u b=%{nothing | default(\\'x\\')} ')", AUTH_FAILED,
     "there is no variable nothing"},
    {"return 1, { a = req:var_expand('%{home | default(\\'x "
     "y\\')}%%%{user|username|length}') "
     "}",
     AUTH_FOUND, "a=x y%5 "},
    {"return 1, { a = req:var_expand('%{user') }", AUTH_FAILED, "a %{ has no }"},
    {"return 1, { a = req:var_expand('%{user | nothing}') }", AUTH_FAILED,
     "there is no filter nothing"},
    {"return 1, { a = dovecot.base64.encode('hi?') .. dovecot.base64.decode('aGk/') .. "
     "dovecot.base64.encode('h') .. dovecot.base64.decode('aA==') }",
     AUTH_FOUND, "a=aGk/hi?aA==h "},
    {"return 1, { a = tostring(pcall(dovecot.base64.decode, 'a')) }", AUTH_FOUND,
     "a=false "},
    {"return 1, { a = dovecot.tabunescape(dovecot.tabescape('a\\tb\\0')) == 'a\\tb\\0', b "
     "= "
     "#dovecot.split_tabescaped('a\\tb\\t'), c = dovecot.net_ip_family('::1') }",
     AUTH_FOUND, "a=yes b=3 c=6 "},
    {"return 1, { a = dovecot.var_expand('%{env:NO_SUCH | default(\"x\")}%%') }",
     AUTH_FOUND, "a=x% "},
    {"return 1, { a = dovecot.var_expand('%{user}') }", AUTH_FAILED,
     "there is no variable user"},
    {"return 1, { a = req:var_expand('%3.2u|%-3.2u|%-9223372036854775808.2u|%99.2u|%0u') }",
     AUTH_FOUND, "a=ce|co|al|| "},
    {"return 1, { a = type(dovecot.gettimeofday().tv_sec), b = dovecot.microseconds() > 0 "
     "}",
     AUTH_FOUND, "a=number b=yes "},
    {"return 1, { a = tostring(req.user) .. tostring(req.nothing) .. req.protocol .. "
     "req.service .. tostring(req.password) }",
     AUTH_FOUND, "a=alice@example.comnilsmtpsmtpnil "},
    {"setmetatable({}, { __gc = function() req:log_info('x') "
     "dovecot.http.client{}:request{url='http://x/'}:submit() end }) "
     "setmetatable({}, { __gc = function() coroutine.wrap(print)() end }) "
     "setmetatable({}, { __gc = function() dovecot.i_info('x') string.rep('x', 3) end }) "
     "return 1, {}",
     AUTH_FOUND, ""},
    {"kept = kept or req return 1, { a = kept.user }", AUTH_FOUND, "a=alice@example.com "},
    {"return 1, { a = tostring(select(2, req:password_verify('{SHA256}x', 'y'))):sub(1, "
     "22), "
     "b = math.type((req:password_verify('x', 'x'))) }",
     AUTH_FOUND, "a=Password data is not v b=float "},
};

static int compare_fields(const void *left, const void *right)
{
    return strcmp(((const struct auth_field *)left)->name,
                  ((const struct auth_field *)right)->name);
}

static const char *fields_text(struct arena *arena, const struct auth_reply *reply)
{
    struct auth_field *fields = arena_array(arena, reply->count, sizeof *fields);
    const char *text = "";
    if (reply->count > 0) {
        memcpy(fields, reply->fields, reply->count * sizeof *fields);
        qsort(fields, reply->count, sizeof *fields, compare_fields);
    }
    for (size_t i = 0; i < reply->count; i++) {
        text = arena_format(arena, "%s%s=%s ", text, fields[i].name, fields[i].value);
    }
    return text;
}

static void test_userdb(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof userdb / sizeof userdb[0]; i++) {
        struct arena *arena = arena_new();
        struct error error = {0};
        print_message("%s\n", userdb[i].body);
        struct auth_script *script = load(
            arena_format(arena, "function auth_userdb_lookup(req) %s end", userdb[i].body),
            1, &error);
        assert_non_null(script);
        struct auth_request request = request_of(arena, "Alice@Example.com");
        struct auth_reply reply;
        auth_script_userdb(script, &request, arena, &reply);
        assert_string_equal(auth_answer_name(reply.answer),
                            auth_answer_name(userdb[i].answer));
        if (reply.answer == AUTH_FOUND) {
            assert_string_equal(fields_text(arena, &reply), userdb[i].text);
        } else if (*userdb[i].text != '\0') {
            assert_non_null(reply.reason);
            print_message("  %s\n", reply.reason);
            assert_non_null(strstr(reply.reason, userdb[i].text));
        }
        auth_script_free(&script);
        arena_free(&arena);
    }
}

/* On a relay host the names may be unknown; nobody needs them. */
static void test_names_of_another_host(void **state)
{
    (void)state;
    struct error error;
    struct arena *arena = arena_new();
    needs_ids = false;
    struct auth_script *script = load("function auth_userdb_lookup(req) return 1, { uid = "
                                      "'nobody-has-this', gid = '5' } end",
                                      1, &error);
    needs_ids = true;
    assert_non_null(script);
    struct auth_request request = request_of(arena, "alice");
    struct auth_reply reply;
    auth_script_userdb(script, &request, arena, &reply);
    assert_int_equal(reply.answer, AUTH_FOUND);
    assert_string_equal(fields_text(arena, &reply), "gid=5 uid=nobody-has-this ");
    auth_script_free(&script);
    arena_free(&arena);
}

/* Globals that keep all memory end with the state that they are in. */
static void test_hoard(void **state)
{
    (void)state;
    struct error error;
    struct arena *arena = arena_new();
    struct auth_script *script = load("hoard = {}\n"
                                      "function auth_userdb_lookup(req)\n"
                                      "  if req.user == 'fill' then for i = 1, 1e9 do "
                                      "hoard[i] = ('x'):rep(1000) .. i end end\n"
                                      "  return 1, { n = #hoard }\n"
                                      "end",
                                      1, &error);
    assert_non_null(script);
    for (int i = 0; i < 3; i++) {
        struct auth_reply reply;
        struct auth_request request = request_of(arena, "fill");
        auth_script_userdb(script, &request, arena, &reply);
        assert_int_equal(reply.answer, AUTH_FAILED);
        assert_string_equal(reply.code, "limit");
        request = request_of(arena, "alice");
        auth_script_userdb(script, &request, arena, &reply);
        assert_int_equal(reply.answer, AUTH_FOUND);
        assert_string_equal(fields_text(arena, &reply), "n=0 ");
    }
    auth_script_free(&script);
    arena_free(&arena);
}

/* After a call over a limit, or with an old request, the state goes on. */
static void test_afterwards(void **state)
{
    (void)state;
    struct error error;
    struct arena *arena = arena_new();
    struct auth_script *script =
        load("function auth_userdb_lookup(req)\n"
             "  if req.user == 'loop' then while true do end end\n"
             "  if req.user == 'fill' then local t = {} for i = 1, "
             "1e9 do t[i] = i .. 'x' end end\n"
             "  local before = kept kept = req\n"
             "  co = co or coroutine.wrap(function() while true do "
             "coroutine.yield(1) end end) co()\n"
             "  return 1, { a = before and before.user } end",
             1, &error);
    assert_non_null(script);

    static const struct {
        const char *user;
        enum auth_answer answer;
    } calls[] = {{"loop", AUTH_FAILED},
                 {"fill", AUTH_FAILED},
                 {"a", AUTH_FOUND},
                 {"loop", AUTH_FAILED},
                 {"b", AUTH_FAILED}};
    struct auth_reply reply;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct auth_request request = request_of(arena, calls[i].user);
        auth_script_userdb(script, &request, arena, &reply);
        assert_int_equal(reply.answer, calls[i].answer);
    }
    assert_non_null(strstr(reply.reason, "this request is over"));
    auth_script_free(&script);
    arena_free(&arena);
}

static const struct {
    const char *text;
    const char *fault; /* NULL: it loads */
} files[] = {
    {"function auth_userdb_lookup() end", NULL},
    {"function script_init() return 0 end function auth_passdb_lookup() end", NULL},
    {"function script_init() end function auth_passdb_lookup() end", NULL},
    {"function script_init(args) assert(args.domain == 'example.com' and args.key == 'a=b' "
     "and "
     "args.flag == '') return 0 end function auth_passdb_lookup() end",
     NULL},
    {"dovecot.restrict_global_variables(true) function auth_passdb_lookup() end", NULL},
    {"dovecot.restrict_global_variables(true) local x = y function auth_passdb_lookup() "
     "end",
     "undeclared global variable y"},
    {"function script_init() return 1 end function auth_passdb_lookup() end",
     "script_init returned 1"},
    {"function script_init() error('no') end", ":1: no"},
    {"function x(", ":1: "},
    {"x = 1", "defines none of the functions"},
    {"\n\nerror('top')", ":3: top"},
    {"while true do end", "over the limit of instructions"},
    {"local r = dovecot.http.client{}:request{} ", "url not specified"},
    {"dovecot.http.client{request_timeout_msecs = {}}",
     "request_timeout_msecs: number expected"},
};

static void test_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct error error = {0};
        print_message("%s\n", files[i].text);
        struct auth_script *script = load(files[i].text, 2, &error);
        if (files[i].fault == NULL) {
            assert_non_null(script);
            auth_script_free(&script);
            continue;
        }
        assert_null(script);
        assert_int_equal(error.kind, ERROR_CONFIG);
        print_message("  %s\n", error.text);
        assert_non_null(strstr(error.text, files[i].fault));
    }
}

static const struct {
    const char *line;
    bool warns;
} truths[] = {
    {"if req:password_verify(a, b) then end", true},
    {"if not req:password_verify(a, b) then end", true},
    {"if x and (req:password_verify(a, (b))) then end", true},
    {"local ok = req:password_verify(a, b)\nif ok then end", true},
    {"local ok, why = req:password_verify(a, b)\nif not ok then end", true},
    {"while req:password_verify(a, b) do end", true},
    {"return req:password_verify(a, b) and 1 or 0", true},
    {"if req:password_verify(a, b) == 1 then end", false},
    {"if (req:password_verify(a, b)) == 1 then end", false},
    {"if (req:password_verify(a, b)) > 0 then end", false},
    {"if req:password_verify(a, b) ~= 0 then end", true},
    {"if (req:password_verify(a, b)) >= 0 then end", true},
    {"if req:password_verify(a, b) > -1 then end", true},
    {"if req:password_verify(a, b) ~= 1 then end", false},
    {"function auth_userdb_lookup(r) return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN, '' "
     "end",
     true},
    {"function auth_password_verify(r) return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, '' "
     "end",
     true},
    {"function auth_userdb_lookup(r) return dovecot.auth.PASSDB_RESULT_OK, {} end", false},
    {"function auth_userdb_lookup(r) x(function() end) return "
     "dovecot.auth.USERDB_RESULT_USER_UNKNOWN, '' end",
     false},
    {"function helper() return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN, '' end", false},
    {"function auth_userdb_lookup(r) return dovecot.auth.USERDB_RESULT_OK end", true},
    {"return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN", true},
    {"return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN;", true},
    {"return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN --, ''\n, ''", false},
    {"return dovecot.auth.PASSDB_RESULT_OK == x and 1 or 2, {}", false},
    {"local ok = req:password_verify(a, b)\nif ok == 1 then end", false},
    {"local ok = req:password_verify(a, b) == 1\nif ok then end", false},
    {"-- if req:password_verify(a, b) then end", false},
    {"--[[ if req:password_verify(a, b) then ]]", false},
    {"local s = 'if req:password_verify(a, b) then end'", false},
    {"local s = [[if req:password_verify(a, b) then end]]", false},
};

static void test_lint(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof truths / sizeof truths[0]; i++) {
        struct finding_list findings = {.arena = arena_new()};
        print_message("%s\n", truths[i].line);
        write_file(arena_format(findings.arena, "\n%s\n", truths[i].line));
        auth_script_lint(path, &findings);
        assert_int_equal(findings.count, truths[i].warns ? 1 : 0);
        if (truths[i].warns) {
            assert_int_equal(findings.entries[0].line,
                             strchr(truths[i].line, '\n') != NULL ? 3 : 2);
        }
        arena_free(&findings.arena);
    }
}

/* A client of the test's server; requests wait, in a coroutine as well. */
static const char web[] =
    "local c = dovecot.http.client { request_timeout_msecs = 200 }\n"
    "local slow = dovecot.http.client {}\n"
    "function auth_userdb_lookup(req)\n"
    "  local which = req.domain == 'slow.test' and slow or c\n"
    "  local r = which:request { url = 'http://127.0.0.1:%d/' .. req.username, method = "
    "'PROPFIND' }\n"
    "  r:add_header('X-One', '1')\n"
    "  local s = coroutine.wrap(function() return r:submit() end)()\n"
    "  return 1, { s = s:status(), p = s:payload(), r = s:reason():sub(1, 12), h = "
    "s:header('x-A') .. s:header('y') }\n"
    "end\n";

static struct auth_script *shared;

static void *ask_slowly(void *argument)
{
    struct arena *arena = arena_new();
    struct auth_request request = request_of(arena, "1@slow.test");
    struct auth_reply reply;
    auth_script_userdb(shared, &request, arena, &reply);
    *(bool *)argument =
        reply.answer == AUTH_FOUND &&
        strcmp(fields_text(arena, &reply), "h=b p=hi r=Multi-Status s=207 ") == 0;
    arena_free(&arena);
    return NULL;
}

static void test_waiting(void **state)
{
    (void)state;
    struct error error;
    struct arena *arena = arena_new();
    shared = load(arena_format(arena, web, server.port), STATES, &error);
    assert_non_null(shared);
    struct auth_reply reply;
    struct auth_request request = request_of(arena, "2");
    auth_script_userdb(shared, &request, arena, &reply);
    assert_string_equal(fields_text(arena, &reply), "h= p= r=http PROPFIN s=9008 ");
    pthread_t threads[CALLERS];
    bool fine[CALLERS];
    int64_t begin = clock_monotonic_ms();
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_slowly, &fine[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(fine[i]);
    }
    /* One behind the other they would take CALLERS / STATES * SLOW_MS. */
    assert_true(clock_monotonic_ms() - begin < CALLERS / STATES * SLOW_MS / 2);
    auth_script_free(&shared);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_userdb),  cmocka_unit_test(test_names_of_another_host),
        cmocka_unit_test(test_hoard),   cmocka_unit_test(test_afterwards),
        cmocka_unit_test(test_files),   cmocka_unit_test(test_lint),
        cmocka_unit_test(test_waiting),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
