/* SPDX-License-Identifier: MIT */
/* One session in a world whose rules a test writes: what they decide, and how they fail. */
#ifndef FOREGATE_TESTS_RULE_FIXTURE_H
#define FOREGATE_TESTS_RULE_FIXTURE_H

#include "ruletest/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct world world;
    struct transaction *transaction;
};

/* `name=value` */
static inline void fixture_set(struct fixture *fixture, const char *assignment)
{
    struct error error = {0};
    char name[64];
    size_t length = strcspn(assignment, "=");
    snprintf(name, sizeof name, "%.*s", (int)length, assignment);
    if (!world_set(&fixture->world, name, assignment + length + 1, &error)) {
        fail_msg("%s: %s", assignment, error.text);
    }
}

static inline void fixture_write(struct fixture *fixture, const char *name,
                                 const char *text)
{
    struct error error = {0};
    if (!world_write(&fixture->world, name, text, &error)) {
        fail_msg("%s: %s", name, error.text);
    }
}

static inline void fixture_write_rule(struct fixture *fixture, const char *name,
                                      const char *text)
{
    struct error error = {0};
    if (!world_write_rule(&fixture->world, name, text, &error)) {
        fail_msg("%s: %s", name, error.text);
    }
}

static inline void fixture_begin_world(struct fixture *fixture)
{
    struct error error = {0};
    *fixture = (struct fixture){0};
    if (!world_begin(&fixture->world, SHIPPED_RULES, SHIPPED_LUA, &error)) {
        fail_msg("%s", error.text);
    }
}

/* A world whose only rule is probe, one state; more options may follow before open. */
static inline void fixture_begin(struct fixture *fixture, const char *rule)
{
    fixture_begin_world(fixture);
    fixture_write(fixture, "postfix-accounts.cf",
                  "alice@example.com|{PLAIN}x\nbob@example.com|{PLAIN}x\n");
    fixture_write_rule(fixture, "probe", rule);
    fixture_set(fixture, "rules=probe");
    fixture_set(fixture, "states=1");
}

static inline void fixture_connect(struct fixture *fixture)
{
    const struct peer peer = {
        .name = "client.example", .ip = "192.0.2.1", .port = 25252, .listener = "smtp"};
    fixture->transaction = transaction_new(&fixture->world.parts.transactions);
    transaction_connect(fixture->transaction, &peer);
}

static inline void fixture_open(struct fixture *fixture)
{
    struct error error = {0};
    if (!world_start(&fixture->world, &error)) {
        fail_msg("%s", error.text);
    }
    fixture_connect(fixture);
}

static inline void fixture_end(struct fixture *fixture)
{
    transaction_free(&fixture->transaction);
    world_end(&fixture->world);
}

static inline struct verdict fixture_mail(struct fixture *fixture, const char *sender)
{
    const char *const arguments[] = {sender, NULL};
    const struct mail_facts facts = {0};
    return transaction_mail(fixture->transaction, &facts, arguments);
}

static inline struct verdict fixture_rcpt(struct fixture *fixture, const char *recipient)
{
    const char *const arguments[] = {recipient, NULL};
    return transaction_rcpt(fixture->transaction, NULL, arguments);
}

/* The last decision's error; "" when it has none. */
static inline const char *fixture_error(const struct fixture *fixture)
{
    const struct decision_list *list = transaction_decisions(fixture->transaction);
    const char *error = list->count > 0 ? list->entries[list->count - 1].error : NULL;
    return error != NULL ? error : "";
}

static inline void expect_part(const char *text, const char *part, const char *name)
{
    if (text == NULL || strstr(text, part) == NULL) {
        fail_msg("%s: \"%s\" is not in \"%s\"", name, part, text != NULL ? text : "(none)");
    }
}

#endif
