/* SPDX-License-Identifier: MIT */
#include "reload/rules.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "reload/changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    POLL_MS = 500,     /* nothing tells of a change: files are looked at */
    SETTLE_MS = 200,   /* a file that is being written: wait until it stays the same */
    QUIET_MS = 1000,   /* for so long */
    SETTLE_ROUNDS = 8, /* but not for ever: then it is read as it is */
    RENEW_MS = 10000,  /* between two renewals of spent states */
    RETRY_MS = 10000,  /* between two tries of what failed for a reason beyond the files */
    DISTURBED_MAX = 5, /* tries in a row, since files changed during each */
};

void rules_init(struct rules *rules, const struct config *start,
                const struct services *services, struct current *current,
                struct watch *watch)
{
    *rules = (struct rules){
        .start = start,
        .services = services,
        .current = current,
        .generation = current_generation(current),
        .watch = watch,
    };
    /* What changed while they were loaded, if only for a moment, is loaded again. */
    rules->fingerprint = watch_look(watch);
    rules->retries = rules->is_loud = watch_is_disturbed(watch);
}

void rules_deinit(struct rules *rules)
{
    if (rules->candidate != NULL) {
        tests_child_end(&rules->tests);
        generation_free(&rules->candidate);
    }
    rules_tidy(rules);
    watch_free(&rules->watch);
}

void rules_tidy(struct rules *rules)
{
    for (int i = 0; i < RETIRED; i++) {
        if (rules->retired[i] != NULL && generation_is_unused(rules->retired[i])) {
            generation_free(&rules->retired[i]);
        }
    }
}

bool rules_are_busy(const struct rules *rules)
{
    return rules->candidate != NULL;
}

/* The place of a new retired generation, or -1. */
static int retired_place(const struct rules *rules)
{
    for (int i = 0; i < RETIRED; i++) {
        if (rules->retired[i] == NULL) {
            return i;
        }
    }
    return -1;
}

static void keep(struct rules *rules)
{
    const char *again = rules->retries ? "; it is tried again" : "";
    rules->report = (struct report){.kept = true};
    report_add(&rules->report, "rules: %s%s; generation %" PRIu64 " stays in use",
               rules->error.text, again, generation_number(rules->generation));
    if (rules->is_loud || strcmp(rules->error.text, rules->logged.text) != 0) {
        counter_add(COUNTER_RELOAD_ERRORS, 1);
        log_message(LOG_ERROR, "rules_kept", "%s%s; the rules that run stay in use",
                    rules->error.text, again);
    }
    rules->logged = rules->error;
    rules->is_loud = false;
}

static void replace(struct rules *rules, struct generation *generation)
{
    int place = retired_place(rules);
    rules->generation = generation;
    rules->retired[place] = current_set_generation(rules->current, generation);
    counter_add(COUNTER_RELOADS, 1);
}

static void log_restart(const struct changes *changes)
{
    if (changes->fixed_is_new) {
        log_message(LOG_WARNING, "restart_needed",
                    "%s: changed, takes effect with a restart",
                    changes->lists[CHANGE_FIXED].text);
    }
}

static void take_over(struct rules *rules)
{
    struct changes changes;
    struct log_line line;
    changes_find(&changes, rules->generation, rules->candidate, rules->start);
    replace(rules, rules->candidate);
    rules->candidate = NULL;
    log_begin(&line, LOG_INFO, "rules_loaded");
    log_number(&line, "generation", (int64_t)generation_number(rules->generation));
    changes_log(&changes, &line);
    if (rules->tests.rules > 0) {
        log_number(&line, "tested", (int64_t)rules->tests.rules);
    }
    log_end(&line);
    log_restart(&changes);
    rules->logged = (struct error){0};
    rules->report = (struct report){0};
    report_add(&rules->report, "generation %" PRIu64, generation_number(rules->generation));
    changes_report(&changes, &rules->report);
}

/* Files are marked before they are read: first those that were known before, then those
 * that the configuration names now. */
static void build(struct rules *rules)
{
    rules->error = (struct error){0};
    watch_look(rules->watch);
    watch_mark(rules->watch);
    struct config *config = config_again(rules->start, &rules->error);
    if (config == NULL) {
        return;
    }
    watch_follow(rules->watch, config);
    rules->candidate = generation_new(config, rules->services, &rules->error);
    if (rules->candidate != NULL) {
        generation_own_config(rules->candidate, &config);
        watch_add_tests(rules->watch, rules->candidate);
        tests_child_init(&rules->tests, rules->candidate);
    }
    config_free(&config);
}

/* The try has ended, by rules->error or well. False: files changed meanwhile, so it says
 * nothing, and is to be made again. */
static bool conclude(struct rules *rules)
{
    rules->fingerprint = watch_look(rules->watch);
    bool disturbed = watch_is_disturbed(rules->watch);
    bool again = disturbed && rules->disturbed < DISTURBED_MAX;
    rules->disturbed = again ? rules->disturbed + 1 : 0;
    if (disturbed && !again && rules->error.text[0] == '\0') {
        error_set(&rules->error, ERROR_SYSTEM, "their files change all the time");
    }
    bool failed = rules->error.text[0] != '\0';
    rules->retries = disturbed || (failed && rules->error.kind == ERROR_SYSTEM);
    rules->retry_ms = clock_monotonic_ms() + RETRY_MS;
    if (!again && failed) {
        keep(rules);
    } else if (!again) {
        take_over(rules);
    }
    generation_free(&rules->candidate);
    return !again;
}

/* As far as it goes without waiting; true: there is an outcome. */
static bool try_tests(struct rules *rules)
{
    bool runs = rules->candidate != NULL &&
                tests_child_advance(&rules->tests, &rules->error) == TESTS_RUNNING;
    return !runs;
}

static void load(struct rules *rules)
{
    rules->is_settling = false;
    if (retired_place(rules) < 0) {
        error_set(&rules->error, ERROR_SYSTEM,
                  "messages are open with %d older generations of rules", RETIRED);
        rules->retries = rules->waits = true;
        rules->retry_ms = 0;
        keep(rules);
        rules->is_loud = true; /* what comes of it in the end is news again */
        return;
    }
    rules->waits = false;
    do {
        build(rules);
    } while (try_tests(rules) && !conclude(rules));
}

void rules_request(struct rules *rules)
{
    rules->is_loud = true;
    if (!rules_are_busy(rules)) {
        load(rules);
    }
}

/* The rules that run are only given fresh states: what is on disk is taken over when it is
 * tried as a whole. */
static void renew_spent(struct rules *rules)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < rules->renew_ms || !generation_is_spent(rules->generation)) {
        return;
    }
    rules->renew_ms = now_ms + RENEW_MS;
    log_message(LOG_WARNING, "rules_spent",
                "rules keep all memory of a Lua state: it begins anew");
    struct error error = {0};
    struct generation *generation =
        retired_place(rules) >= 0 ? generation_renew(rules->generation, &error) : NULL;
    if (generation == NULL) {
        counter_add(COUNTER_RELOAD_ERRORS, 1);
        log_message(LOG_ERROR, "rules_kept", "%s; the rules that run stay in use",
                    error.text[0] != '\0' ? error.text : "too many older generations");
        return;
    }
    replace(rules, generation);
    struct log_line line;
    log_begin(&line, LOG_INFO, "rules_loaded");
    log_number(&line, "generation", (int64_t)generation_number(generation));
    log_text(&line, "text", "the same, in fresh states");
    log_end(&line);
}

/* Several writes to a file end in one try. A file that is half written in its place is read
 * as it is only when whoever writes it pauses for longer than this waits. */
static void look_at_files(struct rules *rules)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < rules->look_ms) {
        return;
    }
    uint64_t now = watch_look(rules->watch);
    bool is_same = now == rules->seen;
    rules->seen = now;
    if (!rules->is_settling) {
        rules->is_settling = now != rules->fingerprint;
        rules->rounds = 0;
    } else if ((is_same && watch_is_settled(rules->watch, QUIET_MS)) ||
               ++rules->rounds >= SETTLE_ROUNDS) {
        rules->is_settling = false;
        rules->is_loud = now != rules->fingerprint;
        rules->retries = rules->retries || now != rules->fingerprint;
        rules->retry_ms = rules->is_loud ? 0 : rules->retry_ms;
    }
    rules->look_ms = rules->is_settling ? now_ms + SETTLE_MS : 0;
}

void rules_advance(struct rules *rules)
{
    if (rules_are_busy(rules)) {
        if (try_tests(rules) && !conclude(rules)) {
            load(rules);
        }
        return;
    }
    renew_spent(rules);
    if (config_bool(generation_config(rules->generation), "reload.watch")) {
        look_at_files(rules);
    }
    bool may_try = !rules->waits || retired_place(rules) >= 0;
    if (rules->retries && may_try && clock_monotonic_ms() >= rules->retry_ms) {
        load(rules);
    }
}

struct pollfd rules_event(const struct rules *rules)
{
    struct pollfd none = {.fd = -1};
    return rules_are_busy(rules) ? tests_child_event(&rules->tests) : none;
}

int rules_wait_ms(const struct rules *rules)
{
    int wait_ms = rules->is_settling ? SETTLE_MS : POLL_MS;
    int tests_ms = rules_are_busy(rules) ? tests_child_wait_ms(&rules->tests) : wait_ms;
    return tests_ms < wait_ms ? tests_ms : wait_ms;
}
