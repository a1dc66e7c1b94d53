/* SPDX-License-Identifier: MIT */
/* A configuration with one more option of each type, as rules would declare them. */
#ifndef FOREGATE_TESTS_CONFIG_FIXTURE_H
#define FOREGATE_TESTS_CONFIG_FIXTURE_H

#include "base/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static inline void expect_text(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, text);
    }
}

/* One option of each type, as a rule would declare it. */
static const struct option fixture_options[] = {
    {"x.text", OPTION_TEXT, NULL, 0, 0, NULL, NULL, "help"},
    {"x.bool", OPTION_BOOL, "no", 0, 0, NULL, "ENABLE_X", "help"},
    {"x.count", OPTION_COUNT, "3", 1, 9, NULL, NULL, "help"},
    {"x.any", OPTION_COUNT, "0", 0, 0, NULL, NULL, "help"},
    {"x.size", OPTION_SIZE, "1KiB", 0, 0, NULL, NULL, "help"},
    {"x.time", OPTION_DURATION, "1s", 1, 60000, NULL, NULL, "help"},
    {"x.choice", OPTION_CHOICE, "all", 0, 0, "all any", NULL, "help"},
    {"x.list", OPTION_LIST, NULL, 0, 0, NULL, NULL, "help"},
    {"x.reply", OPTION_REPLY, "552 5.2.2 Mailbox is full", 0, 0, NULL, NULL, "help"},
    {"x.networks", OPTION_NETWORKS, "127.0.0.0/8", 0, 0, NULL, NULL, "help"},
    {"x.address", OPTION_ADDRESS, NULL, 0, 0, NULL, NULL, "help"},
    {"x.domain", OPTION_DOMAIN, NULL, 0, 0, NULL, NULL, "help"},
    {"x.senders", OPTION_SENDERS, NULL, 0, 0, NULL, NULL, "help"},
};

static inline struct config *new_config(void)
{
    struct config *config = config_new();
    struct error error;
    for (size_t i = 0; i < sizeof fixture_options / sizeof fixture_options[0]; i++) {
        assert_true(config_declare(config, &fixture_options[i], &error));
    }
    return config;
}

#endif
