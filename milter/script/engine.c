/* SPDX-License-Identifier: MIT */
#include "script/engine.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "mail/decision_id.h"
#include "script/api.h"
#include "script/await.h"
#include "script/decision_log.h"
#include "script/generation.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *stage_name(enum stage stage)
{
    switch (stage) {
    case STAGE_CONNECT:
        return "connect";
    case STAGE_HELO:
        return "helo";
    case STAGE_MAIL:
        return "mail";
    case STAGE_RCPT:
        return "rcpt";
    case STAGE_DATA:
        return "data";
    case STAGE_HEADERS:
        return "headers";
    case STAGE_FINISH:
        return "finish";
    case STAGE_COUNT:
        break;
    }
    return "invalid";
}

/* A spent state is only better than none. */
static int burden(struct state *state)
{
    enum { SPENT = 1 << 20 };

    return atomic_load(&state->users) + (atomic_load(&state->spent) ? SPENT : 0);
}

static struct state *state_enter(struct generation *generation)
{
    struct state *best = generation->states[0];
    for (int i = 1; i < generation->state_count; i++) {
        if (burden(generation->states[i]) < burden(best)) {
            best = generation->states[i];
        }
    }
    atomic_fetch_add(&best->users, 1);
    pthread_mutex_lock(&best->lock);
    return best;
}

static void state_leave(struct state *state)
{
    pthread_mutex_unlock(&state->lock);
    atomic_fetch_sub(&state->users, 1);
}

/* Handler and arguments on the thread: session, message, recipient as the stage has them,
 * settings last. Returns the number of arguments. */
static int push_call(lua_State *thread, const struct call *call, size_t rule)
{
    const struct stage_call *stage = call->stage_call;
    lua_rawgeti(thread, LUA_REGISTRYINDEX, call->state->handler_refs[rule][stage->stage]);
    session_push(thread, stage->session);
    if (stage->message != NULL) {
        message_push(thread, stage->message);
    }
    if (stage->recipient != NULL) {
        recipient_push(thread, stage->recipient);
    }
    lua_rawgeti(thread, LUA_REGISTRYINDEX, call->state->settings_refs[rule]);
    return lua_gettop(thread) - 1;
}

static bool fits_stage(const struct verdict *verdict, enum stage stage)
{
    if (verdict->kind == VERDICT_DISCARD) {
        return stage == STAGE_DATA || stage == STAGE_FINISH;
    }
    return verdict->kind != VERDICT_QUARANTINE || stage == STAGE_FINISH;
}

/* A failure behind the end of a handler is told where that begins. */
static void add_place(struct call *call, size_t rule, struct error *error)
{
    lua_State *L = call->state->L;
    lua_Debug about;
    lua_rawgeti(L, LUA_REGISTRYINDEX,
                call->state->handler_refs[rule][call->stage_call->stage]);
    lua_getinfo(L, ">S", &about);
    snprintf(call->place, sizeof call->place, "%s:%d", about.short_src, about.linedefined);
    error_wrap(error, "%s", call->place);
}

/* What the handler returned, distrusted. False: error has a text for the log. */
static bool take_result(lua_State *thread, int results, struct stage_call *stage,
                        struct verdict *verdict, struct error *error)
{
    *verdict = (struct verdict){.kind = VERDICT_CONTINUE};
    if (results == 0 || lua_isnil(thread, -results)) {
        return true;
    }
    if (!verdict_get(thread, -results, stage->arena, verdict)) {
        return error_set(error, ERROR_RULE,
                         "%s returned a %s: return a verdict, or nothing for no objection",
                         stage_name(stage->stage), luaL_typename(thread, -results));
    }
    if (!fits_stage(verdict, stage->stage)) {
        return error_set(error, ERROR_RULE, "%s is not possible at stage %s",
                         verdict_kind_name(verdict->kind), stage_name(stage->stage));
    }
    return true;
}

/* Message and traceback on one line each, for the log. Runs without the memory cap. */
static void describe_error(lua_State *L, lua_State *thread, struct error *error)
{
    const char *message = lua_tostring(thread, -1);
    luaL_traceback(L, thread, message != NULL ? message : "(an error that is no text)", 0);
    error_set(error, ERROR_RULE, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
    for (char *at = error->text; *at != '\0'; at++) {
        if (*at == '\n') {
            *at = '|';
        } else if (*at == '\t') {
            *at = ' ';
        }
    }
}

static bool run_rule(struct call *call, size_t rule, struct verdict *verdict,
                     struct error *error)
{
    lua_State *L = call->state->L;
    lua_State *thread = lua_newthread(L); /* on L's stack until the end: not collected */
    int anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    limit_begin(call, thread);
    int results = 0;
    int status = await_run(call, thread, push_call(thread, call, rule), &results);
    bool ok =
        status == LUA_OK && take_result(thread, results, call->stage_call, verdict, error);
    if (status != LUA_OK) {
        limit_settle(call, thread, status);
        describe_error(L, thread, error);
        lua_resetthread(thread);
    } else if (call->limit != LIMIT_NONE) {
        /* Caught by a pcall that was the last thing it did. */
        ok = error_set(error, ERROR_RULE, "over a limit");
    } else if (!ok) {
        add_place(call, rule, error);
    }
    luaL_unref(L, LUA_REGISTRYINDEX, anchor);
    if (call->limit != LIMIT_NONE || call->memory_failures > 0) {
        /* Back to normal before the next call needs it, or never: then a local of a rule
         * file holds it. */
        lua_gc(L, LUA_GCCOLLECT);
        size_t used = call->state->memory_bytes;
        atomic_store(&call->state->spent, used > call->state->memory_limit / 4 * 3);
    }
    return ok;
}

static void log_place(struct log_line *line, const struct stage_call *stage)
{
    log_text(line, "stage", stage_name(stage->stage));
    log_text(line, "session", stage->session->id);
    if (stage->message != NULL && stage->message->queue_id[0] != '\0') {
        log_text(line, "qid", stage->message->queue_id);
    }
    if (stage->recipient != NULL) {
        log_text(line, "recipient", stage->recipient->address.external);
    }
}

static void count_limit(enum limit limit)
{
    static const enum counter counters[LIMIT_COUNT] = {
        [LIMIT_TIME] = COUNTER_RULE_LIMIT_TIME,
        [LIMIT_INSTRUCTIONS] = COUNTER_RULE_LIMIT_INSTRUCTIONS,
        [LIMIT_MEMORY] = COUNTER_RULE_LIMIT_MEMORY,
        [LIMIT_SIZE] = COUNTER_RULE_LIMIT_SIZE,
    };

    if (limit != LIMIT_NONE) {
        counter_add(COUNTER_RULE_LIMITS, 1);
        counter_add(counters[limit], 1);
    }
}

/* The operator's declared choice for a rule that failed. */
static struct verdict choose(const struct call *call)
{
    if (!call->rule->defer_on_error) {
        return (struct verdict){.kind = VERDICT_CONTINUE};
    }
    return (struct verdict){
        .kind = VERDICT_DEFER,
        .code = 451,
        .xcode = "4.3.0",
        .text = "Temporary failure in message policy, try again later",
        .id = decision_id_new(call->stage_call->decisions->arena),
    };
}

static struct verdict error_verdict(const struct call *call, const struct error *error)
{
    const struct rule *rule = call->rule;
    struct verdict verdict = choose(call);
    counter_add(COUNTER_RULE_ERRORS, 1);
    count_limit(call->limit);
    struct log_line line;
    log_begin(&line, LOG_ERROR, "rule_error");
    log_text(&line, "rule", rule->name);
    log_place(&line, call->stage_call);
    log_text(&line, "on_error", rule->defer_on_error ? "defer" : "continue");
    if (call->limit != LIMIT_NONE) {
        log_text(&line, "limit", limit_name(call->limit));
    }
    if (call->place[0] != '\0') {
        log_text(&line, "at", call->place);
    }
    log_text(&line, "id", verdict.id);
    log_number(&line, "generation", (int64_t)call->generation);
    log_text(&line, "error", error->text);
    log_end(&line);
    return verdict;
}

/* CONTINUE and SKIP tell nobody anything. */
static bool is_told(const struct verdict *verdict)
{
    return verdict->kind != VERDICT_CONTINUE && verdict->kind != VERDICT_SKIP;
}

static struct decision *decision_begin(const struct stage_call *stage,
                                       const struct verdict *verdict)
{
    struct decision *decision = decision_add(stage->decisions);
    decision->stage = stage_name(stage->stage);
    decision->recipient =
        stage->recipient != NULL ? stage->recipient->address.external : NULL;
    decision->verdict = *verdict;
    decision->snapshot =
        stage->directory != NULL ? snapshot_generation(stage->directory->snapshot) : 0;
    return decision;
}

void engine_record(const struct generation *generation, const struct stage_call *stage,
                   struct verdict *verdict)
{
    verdict->id = decision_id_new(stage->decisions->arena);
    struct decision *decision = decision_begin(stage, verdict);
    decision->generation = generation != NULL ? generation->number : 0;
    decision_log(decision, stage->session, stage->message);
}

static void record(const struct call *call, const struct verdict *verdict,
                   const struct error *error, double ms)
{
    const struct stage_call *stage = call->stage_call;
    bool decided = verdict->kind != VERDICT_CONTINUE || error->kind != ERROR_NONE;
    if (!decided && !stage->decisions->complete) {
        return;
    }
    struct arena *arena = stage->decisions->arena;
    struct decision *decision = decision_begin(stage, verdict);
    decision->rule = arena_copy(arena, call->rule->name);
    decision->shadow = call->rule->shadow;
    decision->error = error->kind != ERROR_NONE ? arena_copy(arena, error->text) : NULL;
    decision->elapsed_ms = ms;
    decision->generation = call->generation;
    decision->verdict.rule = decision->rule;
    if (is_told(verdict)) {
        decision_log(decision, stage->session, stage->message);
    }
    if (stage->decisions->complete) {
        decision_log_call(decision, stage->session, stage->message);
    }
}

/* True: the stage is decided. */
static bool decide(struct call *call, size_t rule)
{
    struct stage_call *stage = call->stage_call;
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    call->id = call->state->next_call_id++;
    call->limit = LIMIT_NONE;
    call->place[0] = '\0';
    call->too_large = false;
    call->refused_bytes = 0;
    call->memory_failures = 0;
    call->log_lines = 0;
    call->observation = NULL;
    struct verdict verdict;
    struct error error = {0};
    if (!run_rule(call, rule, &verdict, &error)) {
        verdict = error_verdict(call, &error);
    }
    if (is_told(&verdict) && verdict.id == NULL) {
        verdict.id = decision_id_new(stage->decisions->arena);
    }
    record(call, &verdict, &error, clock_elapsed_ms(&begin));
    if (verdict.kind == VERDICT_CONTINUE) {
        return false;
    }
    if (call->rule->shadow) {
        counter_add(COUNTER_SHADOWED, 1);
        return false;
    }
    if (verdict.kind == VERDICT_SKIP) {
        return true;
    }
    stage->verdict = verdict;
    stage->verdict.rule = arena_copy(stage->arena, call->rule->name);
    return true;
}

int64_t generation_deadline_ms(const struct generation *generation, enum stage stage)
{
    bool is_long = stage == STAGE_HEADERS || stage == STAGE_FINISH;
    return clock_monotonic_ms() +
           (is_long ? generation->message_ms : generation->command_ms);
}

void engine_call(struct generation *generation, struct stage_call *stage)
{
    stage->verdict = (struct verdict){.kind = VERDICT_CONTINUE};
    if (!generation_has_stage(generation, stage->stage)) {
        return;
    }
    struct call call = {
        .stage_call = stage,
        .services = generation->services,
        .state = state_enter(generation),
        .generation = generation->number,
        .scratch = arena_new(),
        .began_seconds = clock_seconds(),
        .deadline_ms = generation_deadline_ms(generation, stage->stage),
    };
    for (size_t i = 0; i < generation->ruleset.count; i++) {
        call.rule = &generation->ruleset.rules[i];
        call.instructions_left = generation->instructions; /* each rule's own */
        if (call.rule->handles[stage->stage] && decide(&call, i)) {
            break;
        }
    }
    state_leave(call.state);
    arena_free(&call.scratch);
}
