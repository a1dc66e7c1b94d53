/* SPDX-License-Identifier: MIT */
/* Auth scripts that do what they had better not do: each ends in time with an answer that
 * tells why, and the state serves the next call. */
#include "auth_fixture.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>

enum { MOST_MS = 4000, MOST_KIB = 600 << 10 };

static sem_t is_asked, may_answer;

static const char *server_answer(size_t number, bool *goes_on)
{
    *goes_on = true;
    if (number == 1) { /* when the test says so */
        sem_post(&is_asked);
        sem_wait(&may_answer);
    }
    return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
}

static struct auth_reply ask(struct auth_script *script, struct arena *arena,
                             const char *user)
{
    struct auth_request request = request_of(arena, user);
    struct auth_reply reply;
    auth_script_userdb(script, &request, arena, &reply);
    return reply;
}

static void expect(const struct auth_reply *reply, enum auth_answer answer,
                   const char *reason)
{
    const char *told = reply->reason != NULL ? reply->reason : "";
    print_message("  %s\n", told);
    assert_string_equal(auth_answer_name(reply->answer), auth_answer_name(answer));
    if (reason != NULL) {
        assert_non_null(strstr(told, reason));
    }
}

#define REQUEST "dovecot.http.client{}:request{url='http://127.0.0.1:1/'}"
#define MIB "('x'):rep(1 << 20)"

/* Bodies of auth_userdb_lookup(req). */
static const struct {
    const char *body;
    enum auth_answer answer;
    const char *reason;
} bodies[] = {
    {"coroutine.yield()", AUTH_FAILED, ":1: attempt to yield from outside a coroutine"},
    {"pcall(coroutine.yield, 1) return 1, {}", AUTH_FOUND, NULL},
    {"local function f() return req end local id = debug.upvalueid(f, 1) "
     "coroutine.wrap(function() coroutine.yield(id) end)()",
     AUTH_FAILED, "this value cannot be yielded"},
    {"local c = coroutine.wrap(function(...) return coroutine.yield(...) end) "
     "assert(select('#', c(1, nil, 3)) == 3) assert(c(4) == 4) return 1, {}",
     AUTH_FOUND, NULL},
    {"local r = " REQUEST " r.headers = { 'Authorization: x' } r:submit()", AUTH_FAILED,
     "attempt to index a foregate.http_request value"},
    {REQUEST ".submit({ headers = 'abc', url = 'http://127.0.0.1:1/' })", AUTH_FAILED,
     "foregate.http_request expected"},
    {"dovecot.http.client{}.request({ timeout_ms = -1 }, { url = 'http://127.0.0.1:1/' })",
     AUTH_FAILED, "foregate.http_client expected"},
    {"dovecot.http.client { request_timeout = '9223372036854775807m' } "
     "dovecot.http.client { request_timeout_msecs = 1e300 } "
     "dovecot.http.client { request_timeout_msecs = 0/0 } return 1, {}",
     AUTH_FOUND, NULL},
    {"local t = { __gc = function() while true do end end } setmetatable({}, t) "
     "debug.setmetatable({}, t) collectgarbage() return 1, { t = t.__gc and 'y' }",
     AUTH_FOUND, NULL},
    {"local t = { __gc = print, __metatable = 1 } local x = setmetatable({}, t) "
     "assert(not pcall(setmetatable, x, t)) assert(t.__gc == print) return 1, {}",
     AUTH_FOUND, NULL},
    {"local x <close> = setmetatable({}, { __close = function() while true do end end }) "
     "error('broken')",
     AUTH_FAILED, "broken"},
    {"local x <close> = setmetatable({}, { __close = function() local t = {} "
     "for i = 1, 1e9 do t[i] = " MIB " .. i end end }) error('broken')",
     AUTH_FAILED, "broken"},
    {"local x <close> = setmetatable({}, { __close = function() " REQUEST ":submit() end })"
     " error('broken')",
     AUTH_FAILED, "broken"},
    {"local c = coroutine.create(function() local x <close> = setmetatable({}, { __close = "
     "function() " REQUEST ":submit() end }) coroutine.yield() end) coroutine.resume(c) "
     "coroutine.close(c) return 1, {}",
     AUTH_FOUND, NULL},
    {"local keep = {} for i = 1, 20000 do keep[i] = {} end while true do collectgarbage() "
     "end",
     AUTH_FAILED, "over the limit of"},
    {"while true do req:password_verify('{SHA512-CRYPT}$6$rounds=200000$abc$x', 'y') end",
     AUTH_FAILED, "over the limit of time"},
    {"for i = 1, 1e9 do pcall(req.var_expand, req, '%{user | default(\"' .. "
     "('x'):rep(100000) .. '\")' .. (' | lower'):rep(10000) .. '}') end",
     AUTH_FAILED, "over the limit of"},
    {"local s = " MIB " for i = 1, 1e9 do pcall(req.var_expand, req, '%{' .. s .. '}') end",
     AUTH_FAILED, "over the limit of"},
    {"local s = " MIB " for i = 1, 1e9 do dovecot.tabescape(s) end", AUTH_FAILED,
     "over the limit of"},
    {"local s, t = " MIB ", {} for i = 1, 900 do t['f' .. i] = s end return 1, t",
     AUTH_FAILED, "returned more than 4 MiB of fields"},
    {"local t = {} for i = 1, 1001 do t['f' .. i] = 1 end return 1, t", AUTH_FAILED,
     "returned more than 1000 fields"},
    {"local s = {} for i = 1, 1001 do s[i] = 'f' .. i end return 1, table.concat(s, ' ')",
     AUTH_FAILED, "returned more than 1000 fields"},
    {"return 1, { home = '/a\\0b' }", AUTH_FAILED, "returned a text with a NUL in it"},
    {"return 1, 'home=/a\\0b'", AUTH_FAILED, "returned a text with a NUL in it"},
    {"req:password_verify('{PLAIN}a\\0b', 'a')", AUTH_FAILED, "holds a NUL"},
    {"return table.unpack({ 1 }, 1, 50000)", AUTH_FOUND, NULL},
    {"local function f() return f() + 1 end f()", AUTH_FAILED, "over the limit of memory"},
    {"local function f() local ok, why = coroutine.resume(coroutine.create(f)) error(why, "
     "0) end f()",
     AUTH_FAILED, "C stack overflow"},
    {"debug.debug()", AUTH_FAILED, "debug.debug is not available"},
    {"return 1, { uid = '4294967296' }", AUTH_FAILED, "field uid is neither"},
};

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct error error;
        struct arena *arena = arena_new();
        print_message("%s\n", bodies[i].body);
        struct auth_script *script =
            load(arena_format(arena,
                              "function auth_userdb_lookup(req) if req.user == 'good' then "
                              "return 1, {} end %s end",
                              bodies[i].body),
                 1, &error);
        assert_non_null(script);
        int64_t begin = clock_monotonic_ms();
        struct auth_reply reply = ask(script, arena, "bad");
        expect(&reply, bodies[i].answer, bodies[i].reason);
        assert_true(clock_monotonic_ms() - begin < MOST_MS);
        reply = ask(script, arena, "good");
        expect(&reply, AUTH_FOUND, NULL);
        auth_script_free(&script);
        arena_free(&arena);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    assert_true(usage.ru_maxrss < MOST_KIB);
}

struct caller {
    pthread_t thread;
    struct auth_script *script;
    const char *user;
    struct arena *arena;
    struct auth_reply reply;
    atomic_bool is_done;
};

static void *call(void *argument)
{
    struct caller *caller = argument;
    caller->reply = ask(caller->script, caller->arena, caller->user);
    atomic_store(&caller->is_done, true);
    return NULL;
}

static void begin(struct caller *caller, struct auth_script *script, const char *user)
{
    *caller = (struct caller){.script = script, .user = user, .arena = arena_new()};
    assert_int_equal(pthread_create(&caller->thread, NULL, call, caller), 0);
}

static void end(struct caller *caller, enum auth_answer answer, const char *reason)
{
    pthread_join(caller->thread, NULL);
    expect(&caller->reply, answer, reason);
    arena_free(&caller->arena);
}

static const char prelude[] = "local client = dovecot.http.client {}\n"
                              "local function fetch(path) return client:request { url = "
                              "'http://127.0.0.1:%d/' .. path }:submit():status() end\n%s";

static struct auth_script *load_with(struct arena *arena, const char *text)
{
    struct error error;
    struct auth_script *script =
        load(arena_format(arena, prelude, server.port, text), 1, &error);
    assert_non_null(script);
    return script;
}

/* A coroutine in a global waits for one call: no other can resume or close it meanwhile. */
static void test_shared_coroutine(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct auth_script *script = load_with(
        arena, "local co = coroutine.create(function() while true do "
               "coroutine.yield(fetch('1')) end end)\n"
               "function auth_userdb_lookup(req)\n"
               "  if req.user == 'close' then coroutine.close(co) return 1, {} end\n"
               "  local ok, status = coroutine.resume(co)\n"
               "  if not ok then return -1, status end\n"
               "  return status == 200 and 1 or -1, tostring(status)\n"
               "end\n");
    struct caller first;
    begin(&first, script, "first");
    sem_wait(&is_asked);
    struct auth_reply reply = ask(script, arena, "second");
    expect(&reply, AUTH_FAILED, "cannot resume non-suspended coroutine");
    reply = ask(script, arena, "close");
    expect(&reply, AUTH_FAILED, "cannot close a running coroutine");
    sem_post(&may_answer);
    end(&first, AUTH_FOUND, NULL);
    sem_post(&may_answer);
    reply = ask(script, arena, "third");
    expect(&reply, AUTH_FOUND, NULL);
    sem_wait(&is_asked);
    auth_script_free(&script);
    arena_free(&arena);
}

/* Nobody sees a state that begins anew before its script_init has ended. */
static void test_renewal(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    sem_post(&may_answer);
    struct auth_script *script =
        load_with(arena, "local hoard, ready = {}, nil\n"
                         "function script_init() fetch('1') ready = true return 0 end\n"
                         "function auth_userdb_lookup(req)\n"
                         "  if req.user == 'fill' then for i = 1, 1e9 do hoard[i] = "
                         "('x'):rep(1000) .. i end end\n"
                         "  return ready and 1 or -1, ''\n"
                         "end\n");
    sem_wait(&is_asked);
    struct auth_reply reply = ask(script, arena, "fill");
    expect(&reply, AUTH_FAILED, "over the limit of memory");
    struct caller first;
    struct caller second;
    begin(&first, script, "first");
    sem_wait(&is_asked);
    begin(&second, script, "second");
    for (int i = 0; i < 20 && !atomic_load(&second.is_done); i++) {
        poll(NULL, 0, 5);
    }
    assert_false(atomic_load(&second.is_done));
    sem_post(&may_answer);
    end(&first, AUTH_FOUND, NULL);
    end(&second, AUTH_FOUND, NULL);
    auth_script_free(&script);
    arena_free(&arena);
}

/* A function of the host that does not end keeps its state; others are told so in time. */
static void test_blocked_state(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char pipe_path[] = "/tmp/foregate-pipe-XXXXXX";
    int file = mkstemp(pipe_path);
    assert_true(file >= 0);
    close(file);
    unlink(pipe_path);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    call_ms = 300;
    struct auth_script *script = load_with(
        arena, arena_format(arena,
                            "function auth_userdb_lookup(req)\n"
                            "  if req.user == 'block' then fetch('1') io.open('%s') end\n"
                            "  return 1, {}\n"
                            "end\n",
                            pipe_path));
    struct caller blocked;
    begin(&blocked, script, "block");
    sem_wait(&is_asked);
    sem_post(&may_answer);
    struct auth_reply reply;
    int64_t began = clock_monotonic_ms();
    do { /* until the state is blocked */
        reply = ask(script, arena, "other");
    } while (reply.answer == AUTH_FOUND && clock_monotonic_ms() - began < MOST_MS);
    expect(&reply, AUTH_FAILED, "no Lua state was free within 300 ms");
    assert_string_equal(reply.code, "limit");
    FILE *other_end = fopen(pipe_path, "w");
    assert_non_null(other_end);
    end(&blocked, AUTH_FOUND, NULL);
    fclose(other_end);
    unlink(pipe_path);
    auth_script_free(&script);
    arena_free(&arena);
}

static int begin_all(void **state)
{
    sem_init(&is_asked, 0, 0);
    sem_init(&may_answer, 0, 0);
    return set_up(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_shared_coroutine),
        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_blocked_state),
    };
    return cmocka_run_group_tests(tests, begin_all, tear_down);
}
