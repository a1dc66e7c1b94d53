/* SPDX-License-Identifier: MIT */
#include "script/observe.h"

#include "base/clock.h"
#include "script/api.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { NAME_BYTES = 128 };

/* Of a function the third is its mask, of a method its kind. */
enum { UPVALUE_FUNCTION = 1, UPVALUE_NAME, UPVALUE_MASK, UPVALUE_KIND = UPVALUE_MASK };

static struct decision_list *decisions_of(const struct call *call)
{
    return call != NULL && call->stage_call != NULL ? call->stage_call->decisions : NULL;
}

static bool is_recorded(const struct call *call)
{
    const struct decision_list *decisions = decisions_of(call);
    return decisions != NULL && decisions->complete;
}

static const struct recipient *other_recipient(const struct call *call,
                                               const struct recipient *of)
{
    return of != NULL && of != call->stage_call->recipient ? of : NULL;
}

/* Borrowed from the recipient; NIL for none. */
static struct value recipient_value(const struct recipient *of)
{
    const char *text = of != NULL ? of->address.external : NULL;
    return text == NULL ? (struct value){.type = VALUE_NIL}
                        : (struct value){.type = VALUE_TEXT,
                                         .text = {.bytes = text, .length = strlen(text)}};
}

/* Of a field or method of another recipient than the one that is judged, the first argument
 * says which. */
static struct value_list prepend_recipient(const struct value_list *list,
                                           const struct recipient *of, struct arena *arena)
{
    struct value_list longer = {.count = list->count + 1};
    longer.values = arena_array(arena, longer.count, sizeof *longer.values);
    longer.values[0] = recipient_value(of);
    if (list->count > 0) {
        memcpy(longer.values + 1, list->values, list->count * sizeof *list->values);
    }
    return longer;
}

/* Counted against what observations of a message may take. */
static void account(struct decision_list *decisions, size_t used_before)
{
    decisions->observed_bytes += arena_used(decisions->observed) - used_before;
}

void observe_source(struct call *call, const char *source, const char *remark)
{
    if (call->observation != NULL) {
        struct arena *arena = decisions_of(call)->observed;
        call->observation->source = arena_copy(arena, source);
        call->observation->remark = arena_copy(arena, remark);
    }
}

int observe_results(lua_State *L, int count)
{
    struct call *call = call_of(L);
    struct observation *observation = call != NULL ? call->observation : NULL;
    if (observation == NULL) {
        return count;
    }
    call->observation = NULL;
    struct decision_list *decisions = decisions_of(call);
    size_t used = arena_used(decisions->observed);
    observation->returned = true;
    if (observation->kind == OBSERVATION_ANSWER) {
        observation->elapsed_ms = clock_elapsed_ms(&observation->begin);
    }
    if (decisions->observed_bytes >= OBSERVATION_BYTES) {
        observation->is_cut = true; /* many side by side */
        return count;
    }
    observation->results = values_describe(L, lua_gettop(L) - count + 1, count,
                                           decisions->observed, &observation->is_cut);
    account(decisions, used);
    return count;
}

static int replay_push(lua_State *L, const struct value_list *results)
{
    luaL_checkstack(L, (int)results->count, "too many results");
    for (size_t i = 0; i < results->count; i++) {
        value_push(L, &results->values[i]);
    }
    return (int)results->count;
}

static struct observation *begin(struct decision_list *decisions, const char *name,
                                 const struct value_list *arguments, bool is_cut)
{
    struct observation *observation =
        decision_observe(decisions, OBSERVATION_ANSWER, name, arguments);
    if (observation != NULL) {
        observation->is_cut = is_cut;
        clock_gettime(CLOCK_MONOTONIC, &observation->begin);
    }
    return observation;
}

static const luaL_Reg *upvalue_function(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(UPVALUE_FUNCTION));
}

static struct value_list arguments_get(lua_State *L, struct arena *arena, bool *is_cut)
{
    const struct observe_mask *mask = lua_touserdata(L, lua_upvalueindex(UPVALUE_MASK));
    struct value_list arguments = values_describe(L, 1, lua_gettop(L), arena, is_cut);
    if (mask != NULL) {
        mask->hide(arena, &arguments);
    }
    return arguments;
}

static int run_observed(lua_State *L, struct call *call, const luaL_Reg *function)
{
    struct decision_list *decisions = decisions_of(call);
    const struct replay *replay = call->services->replay;
    bool is_kept = decisions->complete && !decision_is_full(decisions);
    call->observation = NULL;
    if (!is_kept && replay == NULL) {
        decisions->observations.dropped_count++;
        return function->func(L);
    }
    const char *name = lua_tostring(L, lua_upvalueindex(UPVALUE_NAME));
    struct arena *arena = is_kept ? decisions->observed : call->scratch;
    size_t used = arena_used(decisions->observed);
    bool is_cut = false;
    struct value_list arguments = arguments_get(L, arena, &is_cut);
    call->observation = begin(decisions, name, &arguments, is_cut);
    account(decisions, used);
    struct value_list results;
    enum replay_result found = REPLAY_CALL;
    if (replay != NULL) {
        found = replay->find(replay->context, call->stage_call, name, &arguments, &results);
    }
    if (found == REPLAY_CALL) {
        return observe_results(L, function->func(L));
    }
    observe_source(call, "recorded", NULL);
    if (found == REPLAY_FAIL) {
        return luaL_error(L, "%s did not return when this was recorded", name);
    }
    return observe_results(L, replay_push(L, &results));
}

static int call_function(lua_State *L)
{
    const luaL_Reg *function = upvalue_function(L);
    struct call *call = call_of(L);
    bool is_watched =
        is_recorded(call) || (decisions_of(call) != NULL && call->services->replay != NULL);
    return is_watched ? run_observed(L, call, function) : function->func(L);
}

static void push_constant(lua_State *L, const void *constant)
{
    union {
        const void *borrowed;
        void *object;
    } pointer = {.borrowed = constant};

    lua_pushlightuserdata(L, pointer.object);
}

void observe_function(lua_State *L, const char *name, const luaL_Reg *function,
                      const struct observe_mask *mask)
{
    push_constant(L, function);
    lua_pushstring(L, name);
    push_constant(L, mask);
    lua_pushcclosure(L, call_function, UPVALUE_MASK);
}

void observe_library(lua_State *L, const char *name, const luaL_Reg *functions)
{
    lua_newtable(L);
    for (; functions->name != NULL; functions++) {
        observe_function(L, lua_pushfstring(L, "%s.%s", name, functions->name), functions,
                         NULL);
        lua_setfield(L, -3, functions->name);
        lua_pop(L, 1);
    }
    lua_setfield(L, -2, name);
}

/* Methods ask nothing: they are recorded when they have returned, what they read once. */
static int call_method(lua_State *L)
{
    const luaL_Reg *method = upvalue_function(L);
    const char *name = lua_tostring(L, lua_upvalueindex(UPVALUE_NAME));
    enum observation_kind kind =
        (enum observation_kind)lua_tointeger(L, lua_upvalueindex(UPVALUE_KIND));
    struct call *call = call_of(L);
    struct decision_list *decisions = decisions_of(call);
    if (decision_is_full(decisions)) {
        decisions->observations.dropped_count++;
        return method->func(L);
    }
    struct arena *arena = decisions->observed;
    size_t used = arena_used(arena);
    bool is_cut = false;
    int count = lua_gettop(L) > 1 ? lua_gettop(L) - 1 : 0;
    struct value_list arguments = values_describe(L, 2, count, arena, &is_cut);
    const struct recipient *of = other_recipient(call, handle_recipient(L, 1));
    if (of != NULL) {
        arguments = prepend_recipient(&arguments, of, arena);
    }
    bool is_known = kind == OBSERVATION_INPUT &&
                    decision_has_observed(decisions, kind, name, &arguments);
    struct observation *observation =
        is_known ? NULL : decision_observe(decisions, kind, name, &arguments);
    if (observation != NULL) {
        observation->is_cut = is_cut;
    }
    account(decisions, used);
    call->observation = observation;
    return observe_results(L, method->func(L));
}

void observe_method(lua_State *L, enum observation_kind kind, const char *owner,
                    const luaL_Reg *method)
{
    if (!is_recorded(call_of(L))) {
        lua_pushcfunction(L, method->func);
        return;
    }
    push_constant(L, method);
    lua_pushfstring(L, "%s.%s", owner, method->name);
    lua_pushinteger(L, kind);
    lua_pushcclosure(L, call_method, UPVALUE_KIND);
}

/* Nothing is taken from the arena for what is known already: a rule may read a field a
 * million times. */
void observe_field(lua_State *L, enum observation_kind kind, const char *owner,
                   const char *field, const struct recipient *of)
{
    struct call *call = call_of(L);
    bool is_value = !lua_isfunction(L, -1) && !lua_isuserdata(L, -1);
    if (!is_recorded(call) || !(is_value || handle_text(L, -1) != NULL)) {
        return;
    }
    struct decision_list *decisions = decisions_of(call);
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", owner, field);
    of = other_recipient(call, of);
    struct value recipient = recipient_value(of);
    struct value_list arguments = {.values = &recipient, .count = of != NULL ? 1 : 0};
    if (kind == OBSERVATION_INPUT &&
        decision_has_observed(decisions, kind, name, &arguments)) {
        return;
    }
    struct arena *arena = decisions->observed;
    size_t used = arena_used(arena);
    if (of != NULL && !decision_is_full(decisions)) {
        const struct value_list none = {0};
        arguments = prepend_recipient(&none, of, arena);
    }
    struct observation *observation = decision_observe(decisions, kind, name, &arguments);
    if (observation != NULL) {
        observation->results =
            values_describe(L, lua_gettop(L), 1, arena, &observation->is_cut);
        observation->returned = true;
    }
    account(decisions, used);
}
