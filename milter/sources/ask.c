/* SPDX-License-Identifier: MIT */
#include "sources/ask.h"

#include "authscript/auth_script.h"
#include "base/clock.h"
#include "base/text.h"
#include "directory/quota_rule.h"
#include "dovecot/userdb.h"
#include "ldap/directory.h"

#include <assert.h>
#include <string.h>

/* Whose mail it is about. */
static const char service[] = "lmtp";

bool ask_is_meant(enum source_kind kind, enum question_kind question)
{
    switch (question) {
    case QUESTION_MAILBOX:
        return true;
    case QUESTION_DOMAIN:
    case QUESTION_ALIAS_DOMAIN:
    case QUESTION_TABLE:
    case QUESTION_SENDER:
        return kind == SOURCE_DMS || kind == SOURCE_LDAP;
    case QUESTION_PATTERN:
    case QUESTION_LOCAL:
    case QUESTION_LIMIT:
        break;
    }
    return kind == SOURCE_DMS;
}

static struct answer failed(const char *reason)
{
    return (struct answer){.kind = ANSWER_FAILED, .reason = reason};
}

/* A user of Dovecot's, however it came to know him. */
static struct answer found_user(struct arena *arena, const char *user,
                                const struct quota_rule *rule, const char *source)
{
    return (struct answer){
        .kind = ANSWER_FOUND,
        .value = text_fold_copy(arena, user),
        .source = source,
        .limit = arena_copy(arena, quota_rule_limit(rule)),
        .limit_counts = true,
    };
}

static struct answer ask_script_once(struct auth_script *script, const char *user,
                                     int timeout_ms, struct arena *arena)
{
    struct auth_request request = auth_request_new(arena, user);
    struct auth_reply reply;
    struct quota_rule rule = {0};
    request.service = service;
    request.timeout_ms = timeout_ms;
    auth_script_userdb(script, &request, arena, &reply);
    for (size_t i = 0; i < reply.count; i++) {
        quota_rule_take(&rule, reply.fields[i].name, reply.fields[i].value);
    }
    switch (reply.answer) {
    case AUTH_FOUND:
        return found_user(arena, reply.user, &rule, "lua");
    case AUTH_NOT_FOUND:
        return (struct answer){.kind = ANSWER_NOT_FOUND};
    case AUTH_REFUSED:
    case AUTH_FAILED:
        break;
    }
    return failed(reply.reason);
}

static struct answer ask_userdb_once(const struct source_settings *source, const char *user,
                                     int timeout_ms, struct arena *arena)
{
    struct userdb_request question;
    struct quota_rule rule = {0};
    userdb_request_init(&question, source->userdb, user, timeout_ms, arena);
    struct request *request = &question.request;
    request_wait(source->loop, &request, 1);
    if (!request->ok) {
        return request->error.kind == ERROR_RULE
                   ? (struct answer){.kind = ANSWER_NOT_FOUND}
                   : failed(arena_copy(arena, request->error.text));
    }
    const struct userdb_answer *answer = &question.answer;
    if (answer->kind != ANSWER_FOUND) {
        return (struct answer){.kind = answer->kind};
    }
    for (size_t i = 0; i < answer->count; i++) {
        quota_rule_take(&rule, answer->fields[i].name, answer->fields[i].value);
    }
    return found_user(arena, answer->user, &rule, "dovecot");
}

static struct answer ask_user(const struct source_settings *source, const char *user,
                              int timeout_ms, struct arena *arena)
{
    return source->kind == SOURCE_LUA
               ? ask_script_once(source->script, user, timeout_ms, arena)
               : ask_userdb_once(source, user, timeout_ms, arena);
}

/* A userdb may rename the user. Whose mailbox that is shows under the new name, if that is
 * one to ask for, like Dovecot's quota-status does; else the mailbox is only known by the
 * name that mail comes for. */
static struct answer ask_renamed(const struct source_settings *source, const char *user,
                                 int timeout_ms, struct arena *arena)
{
    int64_t begin_ms = clock_monotonic_ms();
    struct answer answer = ask_user(source, user, timeout_ms, arena);
    if (answer.kind != ANSWER_FOUND || strcmp(answer.value, user) == 0) {
        return answer;
    }
    int64_t left = timeout_ms - (clock_monotonic_ms() - begin_ms);
    struct answer renamed = ask_user(source, answer.value, left > 1 ? (int)left : 1, arena);
    if (renamed.kind == ANSWER_NOT_FOUND) {
        answer.value = arena_copy(arena, user);
    }
    return renamed.kind == ANSWER_FAILED ? renamed : answer;
}

/* What docker-mailserver writes beside the address of a user. */
static struct answer user_of(const struct ldap_answer *answer, const char *key,
                             struct arena *arena)
{
    return (struct answer){
        .kind = ANSWER_FOUND,
        .value = arena_copy(arena, key), /* by which LMTP delivers */
        .limit = answer->quota[0] != '\0' ? answer->quota : NULL,
    };
}

static struct answer look_up(const struct ldap_directory *ldap, enum ldap_table_kind table,
                             const struct question *question, int timeout_ms,
                             struct arena *arena)
{
    struct ldap_answer found;
    ldap_directory_look_up(ldap, table, question->key, timeout_ms, arena, &found);
    struct answer answer = {
        .kind = found.kind,
        .value = found.value,
        .reason = found.kind == ANSWER_FAILED ? found.reason : NULL,
    };
    if (found.kind == ANSWER_FOUND) {
        answer = question->kind == QUESTION_MAILBOX ? user_of(&found, question->key, arena)
                                                    : answer;
        answer.source = arena_format(arena, "ldap %s", ldap_table_kind_name(table));
    }
    return answer;
}

/* As in docker-mailserver's virtual_alias_maps. */
static struct answer look_up_alias(const struct ldap_directory *ldap,
                                   const struct question *question, int timeout_ms,
                                   struct arena *arena)
{
    int64_t begin_ms = clock_monotonic_ms();
    struct answer answer = look_up(ldap, LDAP_TABLE_ALIASES, question, timeout_ms, arena);
    int64_t left = timeout_ms - (clock_monotonic_ms() - begin_ms);
    if (answer.kind != ANSWER_NOT_FOUND) {
        return answer;
    }
    return look_up(ldap, LDAP_TABLE_GROUPS, question, left > 1 ? (int)left : 1, arena);
}

static struct answer ask_ldap(const struct ldap_directory *ldap,
                              const struct question *question, int timeout_ms,
                              struct arena *arena)
{
    switch (question->kind) {
    case QUESTION_DOMAIN:
        return look_up(ldap, LDAP_TABLE_DOMAINS, question, timeout_ms, arena);
    case QUESTION_MAILBOX:
        return look_up(ldap, LDAP_TABLE_USERS, question, timeout_ms, arena);
    case QUESTION_SENDER:
        return look_up(ldap, LDAP_TABLE_SENDERS, question, timeout_ms, arena);
    case QUESTION_ALIAS_DOMAIN:
    case QUESTION_TABLE:
        return look_up_alias(ldap, question, timeout_ms, arena);
    case QUESTION_PATTERN:
    case QUESTION_LOCAL:
    case QUESTION_LIMIT:
        break;
    }
    return (struct answer){.kind = ANSWER_NOT_FOUND};
}

struct answer ask_source(const struct source_settings *source,
                         const struct question *question, int timeout_ms,
                         struct arena *arena)
{
    switch (source->kind) {
    case SOURCE_LDAP:
        return ask_ldap(source->ldap, question, timeout_ms, arena);
    case SOURCE_LUA:
    case SOURCE_DOVECOT:
        return ask_renamed(source, question->key, timeout_ms, arena);
    case SOURCE_DMS:
        break;
    }
    assert(false && "the volume is asked elsewhere");
    return failed("no source to ask");
}
