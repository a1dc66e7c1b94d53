/* SPDX-License-Identifier: MIT */
#include "script/decision_log.h"

#include "base/log.h"
#include "mail/observation_text.h"

#include <stdio.h>
#include <string.h>

static void log_place(struct log_line *line, const struct decision *decision,
                      const struct session *session, const struct message *message)
{
    log_text(line, "rule", decision->rule);
    log_text(line, "stage", decision->stage);
    log_text(line, "session", session->id);
    if (message != NULL && message->queue_id[0] != '\0') {
        log_text(line, "qid", message->queue_id);
    }
    log_text(line, "recipient", decision->recipient);
}

static void log_verdict(struct log_line *line, const struct decision *decision)
{
    const struct verdict *verdict = &decision->verdict;
    log_text(line, decision->shadow ? "would" : "verdict",
             verdict_kind_name(verdict->kind));
    if (verdict_is_refusal(verdict)) {
        log_number(line, "code", verdict->code);
        log_text(line, "xcode", verdict->xcode);
    }
    log_text(line, "id", verdict->id);
    if (decision->generation > 0) {
        log_number(line, "generation", (int64_t)decision->generation);
    }
}

static void log_detail(struct log_line *line, const struct value *detail)
{
    for (size_t i = 0; detail->type == VALUE_TABLE && i < detail->table.count; i++) {
        const struct value *key = &detail->table.entries[i].key;
        const struct value *value = &detail->table.entries[i].value;
        if (key->type == VALUE_TEXT && value->type == VALUE_TEXT) {
            char name[64];
            snprintf(name, sizeof name, "detail.%s", key->text.bytes);
            log_bytes(line, name, value->text.bytes, value->text.length);
        }
    }
}

void decision_log(const struct decision *decision, const struct session *session,
                  const struct message *message)
{
    struct log_line line;
    log_begin(&line, LOG_INFO, "decision");
    log_place(&line, decision, session, message);
    log_verdict(&line, decision);
    log_text(&line, "text", decision->verdict.text);
    log_detail(&line, &decision->verdict.detail);
    log_number(&line, "ms", (int64_t)decision->elapsed_ms);
    log_end(&line);
}

/* Of arguments and of results; one observation fits a value of the log. */
enum { SHOWN_BYTES = 300 };

static const char *describe(struct arena *arena, const struct observation *observation)
{
    const char *kind = observation_kind_name(observation->kind);
    const char *text = observation_text(arena, observation, SHOWN_BYTES);
    const char *origin = observation_origin(arena, observation);
    return origin != NULL ? arena_format(arena, "%s %s (%s)", kind, text, origin)
                          : arena_format(arena, "%s %s", kind, text);
}

/* Quotes and backslashes become two bytes. */
static bool fits(const struct log_line *line, const char *text)
{
    enum { KEY_BYTES = 32 };

    return line->length + 2 * strlen(text) + KEY_BYTES < LOG_LINE_BYTES;
}

void decision_log_call(const struct decision *decision, const struct session *session,
                       const struct message *message)
{
    const struct observation_list *list = &decision->observations;
    struct log_line line;
    if (!log_is_active(LOG_DEBUG)) {
        return;
    }
    log_begin(&line, LOG_DEBUG, "rule_call");
    log_place(&line, decision, session, message);
    log_verdict(&line, decision);
    log_number(&line, "snapshot", (int64_t)decision->snapshot);
    log_number(&line, "ms", (int64_t)decision->elapsed_ms);
    log_text(&line, "error", decision->error);
    if (list->dropped_count > 0) {
        log_number(&line, "not_kept", (int64_t)list->dropped_count);
    }
    int number = 0;
    struct arena *arena = arena_new();
    for (const struct observation *at = list->first; at != NULL; at = at->next) {
        arena_reset(arena);
        const char *text = describe(arena, at);
        if (!fits(&line, text)) {
            log_end(&line);
            log_begin(&line, LOG_DEBUG, "rule_call");
            log_place(&line, decision, session, message);
        }
        char key[24];
        snprintf(key, sizeof key, "observed.%d", ++number);
        log_text(&line, key, text);
    }
    arena_free(&arena);
    log_end(&line);
}
