/* SPDX-License-Identifier: MIT */
#include "script/limits.h"

#include "base/clock.h"
#include "script/state.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    HOOK_INSTRUCTIONS = 1000, /* between two looks at the clock and the budget */
    CHILD_INSTRUCTIONS = 100, /* before the first look in a thread of all {} */
    MEMORY_FAILURES = 4,      /* each costs a full collection */
};

static lua_Hook watch; /* NULL: nobody */

static const char no_memory[] = "not enough memory"; /* Lua's own words */

const char *limit_name(enum limit limit)
{
    static const char *const names[LIMIT_COUNT] = {
        [LIMIT_NONE] = "none",
        [LIMIT_TIME] = "time",
        [LIMIT_INSTRUCTIONS] = "instructions",
        [LIMIT_MEMORY] = "memory",
        [LIMIT_SIZE] = "size",
    };
    return names[limit];
}

static bool is_of_rule(const struct call *call, const lua_Debug *record)
{
    return call->rule == NULL ||
           (record->source[0] == '@' && strcmp(record->source + 1, call->rule->file) == 0);
}

/* Where rule code was: the innermost function of its file. */
static void note_place(struct call *call, lua_State *L)
{
    lua_Debug record;
    for (int level = 0; lua_getstack(L, level, &record) != 0; level++) {
        lua_getinfo(L, "Sl", &record);
        if (record.currentline > 0 && is_of_rule(call, &record)) {
            snprintf(call->place, sizeof call->place, "%s:%d", record.short_src,
                     record.currentline);
            return;
        }
    }
}

static void look(lua_State *L, struct call *call);
static void limit_hook(lua_State *L, lua_Debug *record);

static void set_hook(lua_State *thread, int count)
{
    int mask = LUA_MASKCOUNT | (watch != NULL ? LUA_MASKLINE | LUA_MASKRET : 0);
    lua_sethook(thread, limit_hook, mask, count);
}

void limit_watch_lines(lua_Hook function)
{
    watch = function;
}

static void limit_hook(lua_State *L, lua_Debug *record)
{
    if (record->event != LUA_HOOKCOUNT) {
        watch(L, record);
        return;
    }
    struct call *call = call_of(L);
    if (call == NULL) {
        return; /* a thread that a script made inherits the hook before it has a call */
    }
    int interval = lua_gethookcount(L);
    call->instructions_left -= interval;
    if (interval == CHILD_INSTRUCTIONS) {
        set_hook(L, HOOK_INSTRUCTIONS);
    }
    look(L, call);
}

/* Once over a limit the hook fires at every instruction: a rule's own pcall catches the
 * error, but gets no further. */
static void look(lua_State *L, struct call *call)
{
    if (call->limit == LIMIT_NONE) {
        if (clock_monotonic_ms() > call->deadline_ms) {
            call->limit = LIMIT_TIME;
        } else if (call->instructions_left <= 0) {
            call->limit = LIMIT_INSTRUCTIONS;
        } else {
            return;
        }
    }
    if (call->place[0] == '\0') {
        note_place(call, L);
    }
    set_hook(L, 1);
    const char *text = call->limit == LIMIT_TIME           ? "out of time"
                       : call->limit == LIMIT_INSTRUCTIONS ? "too many instructions"
                                                           : no_memory;
    lua_pushfstring(L, "%s: %s", call->place[0] != '\0' ? call->place : "?", text);
    lua_error(L);
}

void limit_begin(struct call *call, lua_State *thread)
{
    call_set(thread, call);
    call->running = thread;
    set_hook(thread, HOOK_INSTRUCTIONS);
}

void limit_begin_child(struct call *call, lua_State *thread)
{
    call_set(thread, call);
    call->instructions_left -= CHILD_INSTRUCTIONS;
    set_hook(thread, CHILD_INSTRUCTIONS);
}

void limit_return(struct call *call, lua_State *thread)
{
    call->running = thread;
    if (call->limit != LIMIT_NONE) {
        set_hook(thread, 1);
    }
}

void limit_charge(lua_State *L, int64_t amount)
{
    struct call *call = call_of(L);
    if (call == NULL) {
        return;
    }
    call->instructions_left -= amount;
    call->charged += amount;
    if (call->charged >= HOOK_INSTRUCTIONS) {
        call->charged = 0;
        look(L, call);
    }
}

int limit_size(lua_State *L, const char *format, ...)
{
    struct call *call = call_of(L);
    if (call != NULL) {
        call->too_large = true;
    }
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return luaL_error(L, "%s", text);
}

/* Lua asks twice, with a full collection between: only the second time is a failure. A rule
 * may catch some; the collections take time that no hook sees, so the clock is looked at
 * here. lua_sethook may be called at any moment. */
void limit_refused(struct call *call, size_t bytes)
{
    if (call->limit != LIMIT_NONE) {
        return;
    }
    bool again = call->refused_bytes == bytes;
    call->refused_bytes = again ? 0 : bytes;
    if (again && ++call->memory_failures >= MEMORY_FAILURES) {
        call->limit = LIMIT_MEMORY;
        set_hook(call->running, 1);
    } else if (clock_monotonic_ms() > call->deadline_ms) {
        set_hook(call->running, 1);
    }
}

void limit_settle(struct call *call, lua_State *thread, int status)
{
    if (call->limit == LIMIT_NONE) {
        const char *message =
            lua_type(thread, -1) == LUA_TSTRING ? lua_tostring(thread, -1) : "";
        /* The text alone: out of a thread of all {}, or of a buffer. */
        if (status == LUA_ERRMEM || strcmp(message, no_memory) == 0) {
            call->limit = LIMIT_MEMORY;
        } else if (call->too_large) {
            call->limit = LIMIT_SIZE;
        }
    }
    if (call->place[0] == '\0') {
        note_place(call, thread);
    }
}
