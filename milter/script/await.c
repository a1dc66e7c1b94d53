/* SPDX-License-Identifier: MIT */
#include "script/await.h"

#include "base/clock.h"
#include "script/observe.h"

#include <lauxlib.h>
#include <string.h>

enum { ALL_FUNCTIONS = 1000 };

/* A yield carries exactly this, as a light userdata: rules have no coroutine table, so that
 * every yield is ours. It lives in the frame or userdata of the function that yielded. */
struct await {
    struct request **requests;
    size_t count;

    struct await_job {
        struct await_job *next;
        void (*work)(void *argument);
        void *argument;
    } * jobs; /* first of all; NULL: none */
};

/* In the userdata that await_request and await_work make. */
struct single_await {
    struct await await;
    struct request *request;
    struct await_job job;
    lua_KContext context;
    lua_KFunction continuation;
    struct observation *observation; /* of the function that waits */
};

/* State of one all{}: a userdata. Children are anchored in its user value. */
struct all {
    struct await await;
    size_t count;

    struct child {
        lua_State *thread;
        bool done;
        bool started;
    } * children;
};

int await_timeout_ms(const struct call *call, int limit_ms)
{
    int64_t left = call->deadline_ms - clock_monotonic_ms();
    if (left < 1) {
        return 1;
    }
    return left < limit_ms ? (int)left : limit_ms;
}

static int on_wake(lua_State *L, int status, lua_KContext context)
{
    const struct single_await *single = lua_touserdata(L, (int)context);
    call_of(L)->observation = single->observation;
    return observe_results(L, single->continuation(L, status, single->context));
}

static struct single_await *single_new(lua_State *L, lua_KContext context,
                                       lua_KFunction continuation)
{
    struct single_await *single = lua_newuserdatauv(L, sizeof *single, 0);
    *single = (struct single_await){
        .context = context,
        .continuation = continuation,
        .observation = call_of(L)->observation,
    };
    return single;
}

/* The userdata stays on the stack below the yielded value, which anchors it. */
static int single_yield(lua_State *L, struct single_await *single)
{
    int place = lua_gettop(L);
    call_of(L)->observation = NULL; /* others run meanwhile */
    lua_pushlightuserdata(L, &single->await);
    return lua_yieldk(L, 1, place, on_wake);
}

int await_request(lua_State *L, struct request *request, lua_KContext context,
                  lua_KFunction continuation)
{
    if (!lua_isyieldable(L)) {
        return luaL_error(
            L, "cannot wait here (inside table.sort, string.gsub or while a rule "
               "file is loaded)");
    }
    struct single_await *single = single_new(L, context, continuation);
    single->request = request;
    single->await = (struct await){.requests = &single->request, .count = 1};
    return single_yield(L, single);
}

int await_work(lua_State *L, void (*work)(void *argument), void *argument,
               lua_KContext context, lua_KFunction continuation)
{
    if (!lua_isyieldable(L)) {
        work(argument);
        return continuation(L, LUA_OK, context);
    }
    struct single_await *single = single_new(L, context, continuation);
    single->job = (struct await_job){.work = work, .argument = argument};
    single->await = (struct await){.jobs = &single->job};
    return single_yield(L, single);
}

/* One step of a child: runs it to its end or to its next wait. True: it waits. */
static bool child_resume(lua_State *L, struct child *child, struct await **waiting)
{
    int results = 0;
    int arguments = child->started ? 0 : lua_gettop(child->thread) - 1;
    child->started = true;
    struct call *call = call_of(L);
    call->running = child->thread;
    int status = lua_resume(child->thread, L, arguments, &results);
    limit_return(call, L);
    if (status == LUA_YIELD) {
        *waiting = lua_touserdata(child->thread, -1);
        lua_pop(child->thread, results);
        return true;
    }
    if (status != LUA_OK) {
        lua_xmove(child->thread, L, 1);
        lua_error(L);
    }
    child->done = true;
    return false;
}

/* A job belongs to its own child until it has run. */
static void jobs_prepend(struct all *all, const struct await *more)
{
    struct await_job *last = more->jobs;
    while (last != NULL && last->next != NULL) {
        last = last->next;
    }
    if (last != NULL) {
        last->next = all->await.jobs;
        all->await.jobs = more->jobs;
    }
}

static void requests_append(lua_State *L, struct all *all, const struct await *more,
                            int anchor)
{
    if (more->count == 0) {
        return;
    }
    size_t total = all->await.count + more->count;
    struct request **requests = lua_newuserdatauv(L, total * sizeof(struct request *), 0);
    if (all->await.count > 0) {
        memcpy(requests, all->await.requests, all->await.count * sizeof(struct request *));
    }
    memcpy(requests + all->await.count, more->requests,
           more->count * sizeof(struct request *));
    all->await.requests = requests;
    all->await.count = total;
    lua_setiuservalue(L, anchor, 2);
}

static int all_results(lua_State *L, struct all *all)
{
    lua_createtable(L, (int)all->count, 0);
    for (size_t i = 0; i < all->count; i++) {
        lua_State *thread = all->children[i].thread;
        int results = lua_gettop(thread);
        luaL_checkstack(L, results + 2, "too many results");
        lua_createtable(L, results, 1);
        lua_pushinteger(L, results);
        lua_setfield(L, -2, "n");
        lua_xmove(thread, L, results);
        for (int j = results; j >= 1; j--) {
            lua_rawseti(L, -1 - j, j);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* Runs every child that can run; yields once for all that wait; ends when none does. */
static int all_step(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    int anchor = (int)context;
    struct all *all = lua_touserdata(L, anchor);
    all->await.count = 0;
    all->await.jobs = NULL;
    for (size_t i = 0; i < all->count; i++) {
        struct await *waiting = NULL;
        if (!all->children[i].done && child_resume(L, &all->children[i], &waiting)) {
            jobs_prepend(all, waiting);
            requests_append(L, all, waiting, anchor);
        }
    }
    if (all->await.count == 0 && all->await.jobs == NULL) {
        return all_results(L, all);
    }
    lua_pushlightuserdata(L, &all->await);
    return lua_yieldk(L, 1, context, all_step);
}

int await_all(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    size_t count = (size_t)lua_rawlen(L, 1);
    luaL_argcheck(L, count <= ALL_FUNCTIONS, 1, "too many functions");
    if (!lua_isyieldable(L)) {
        return luaL_error(
            L, "cannot wait here (inside table.sort, string.gsub or while a rule "
               "file is loaded)");
    }
    struct all *all =
        lua_newuserdatauv(L, sizeof *all + (count + 1) * sizeof(struct child), 2);
    *all = (struct all){.count = count, .children = (struct child *)(void *)(all + 1)};
    memset(all->children, 0, (count + 1) * sizeof(struct child));
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_State *thread = lua_newthread(L);
        limit_begin_child(call_of(L), thread);
        all->children[i].thread = thread;
        lua_rawseti(L, -2, (lua_Integer)i + 1);
        if (lua_rawgeti(L, 1, (lua_Integer)i + 1) != LUA_TFUNCTION) {
            return luaL_error(L, "all { ... } takes functions, not a %s",
                              luaL_typename(L, -1));
        }
        lua_xmove(L, thread, 1);
    }
    lua_setiuservalue(L, 2, 1);
    return all_step(L, LUA_OK, 2);
}

/* What worked before took of the time that these were made for. */
static void wait_in_time(const struct call *call, const struct await *await)
{
    for (size_t i = 0; i < await->count; i++) {
        struct request *request = await->requests[i];
        request->timeout_ms = await_timeout_ms(call, request->timeout_ms);
    }
    request_wait(call->services->loop, await->requests, await->count);
}

int await_run(struct call *call, lua_State *thread, int argument_count, int *result_count)
{
    struct state *state = call->state;
    for (;;) {
        state->running = call;
        call->running = thread;
        int status = lua_resume(thread, NULL, argument_count, result_count);
        state->running = NULL;
        if (status != LUA_YIELD) {
            return status;
        }
        const struct await *await = lua_touserdata(thread, -1);
        lua_pop(thread, *result_count);
        if (!call->keeps_lock) {
            pthread_mutex_unlock(&state->lock);
        }
        for (const struct await_job *job = await->jobs; job != NULL; job = job->next) {
            job->work(job->argument);
        }
        if (await->count > 0) {
            wait_in_time(call, await);
        }
        if (!call->keeps_lock) {
            pthread_mutex_lock(&state->lock);
        }
        argument_count = 0;
    }
}
