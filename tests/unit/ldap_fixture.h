/* SPDX-License-Identifier: MIT */
/* A table from the text of its file. */
#ifndef FOREGATE_TESTS_LDAP_FIXTURE_H
#define FOREGATE_TESTS_LDAP_FIXTURE_H

#include "ldap/table.h"
#include "text_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* In the folder of the test, and nobody's name for anything else. */
#define LDAP_FILE "ldap-users.cf"

static inline struct ldap_table *
parse_table(const char *text, struct finding_list *findings, struct error *error)
{
    const struct ldap_table_source source = {.kind = LDAP_TABLE_USERS, .path = LDAP_FILE};
    FILE *stream = text_stream(text);
    struct ldap_table *table = ldap_table_parse(&source, stream, findings, error);
    fclose(stream);
    return table;
}

static inline struct ldap_table *new_table(const char *text)
{
    struct error error = {0};
    struct ldap_table *table = parse_table(text, NULL, &error);
    if (table == NULL) {
        fail_msg("%s\n    %s", text, error.text);
    }
    return table;
}

#endif
