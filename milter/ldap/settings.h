/* SPDX-License-Identifier: MIT */
/* The settings of one table by name, each with where it comes from: the text of an
 * ldap_table(5) file, and what replaces it. Private to the room. Sources: Postfix 3.7
 * util/split_nameval.c, util/dict.c, global/cfg_parser.c. */
#ifndef FOREGATE_LDAP_SETTINGS_H
#define FOREGATE_LDAP_SETTINGS_H

#include "base/arena.h"
#include "base/error.h"
#include "directory/finding.h"

#include <stdbool.h>
#include <stdio.h>

enum ldap_name {
    LDAP_NAME_SERVER_HOST,
    LDAP_NAME_SERVER_PORT,
    LDAP_NAME_SEARCH_BASE,
    LDAP_NAME_QUERY_FILTER,
    LDAP_NAME_RESULT_FORMAT,
    LDAP_NAME_RESULT_FILTER,
    LDAP_NAME_DOMAIN,
    LDAP_NAME_RESULT_ATTRIBUTE,
    LDAP_NAME_SPECIAL_RESULT_ATTRIBUTE,
    LDAP_NAME_TERMINAL_RESULT_ATTRIBUTE,
    LDAP_NAME_LEAF_RESULT_ATTRIBUTE,
    LDAP_NAME_SCOPE,
    LDAP_NAME_BIND,
    LDAP_NAME_BIND_DN,
    LDAP_NAME_BIND_PW,
    LDAP_NAME_RECURSION_LIMIT,
    LDAP_NAME_EXPANSION_LIMIT,
    LDAP_NAME_SIZE_LIMIT,
    LDAP_NAME_DEREFERENCE,
    LDAP_NAME_CHASE_REFERRALS,
    LDAP_NAME_TIMEOUT,
    LDAP_NAME_VERSION,
    LDAP_NAME_START_TLS,
    LDAP_NAME_TLS_CA_CERT_FILE,
    LDAP_NAME_TLS_CA_CERT_DIR,
    LDAP_NAME_TLS_CERT,
    LDAP_NAME_TLS_KEY,
    LDAP_NAME_TLS_REQUIRE_CERT,
    LDAP_NAME_DEBUGLEVEL,
};

enum { LDAP_NAMES = LDAP_NAME_DEBUGLEVEL + 1 };

struct ldap_text {
    const char *value;  /* trimmed; NULL: not set */
    const char *origin; /* for errors: "FILE line 3", "LDAP_BIND_DN" */
    int line;           /* 0: not from the file */
};

/* Strings live in the arena; findings may be NULL. */
struct ldap_settings {
    struct arena *arena;
    struct finding_list *findings;
    const char *file; /* for errors and findings */
    struct ldap_text texts[LDAP_NAMES];
};

/* file: what errors and findings call the table, when they are not about a line of it. */
void ldap_settings_init(struct ldap_settings *settings, struct arena *arena,
                        const char *file, struct finding_list *findings);

/* False, CONFIG or SYSTEM, for a line that is no `name = value`; what Postfix ignores is a
 * finding. */
bool ldap_settings_read(struct ldap_settings *settings, FILE *stream, struct error *error);

/* False, CONFIG: there is no setting of that name. */
bool ldap_settings_replace(struct ldap_settings *settings, const char *name,
                           const char *value, const char *origin, struct error *error);

/* The value; fallback when it is not set. */
const char *ldap_settings_text(const struct ldap_settings *settings, enum ldap_name name,
                               const char *fallback);

/* *number is left alone when it is not set. False: it is no number from minimum to maximum.
 */
bool ldap_settings_number(const struct ldap_settings *settings, enum ldap_name name,
                          int minimum, int maximum, int *number, struct error *error);

/* The place of the value among the choices, which end with NULL; *choice is left alone when
 * it is not set. False: it is none of them. */
bool ldap_settings_choice(const struct ldap_settings *settings, enum ldap_name name,
                          const char *const *choices, int *choice, struct error *error);

/* yes or no, as ldap_settings_choice. */
bool ldap_settings_flag(const struct ldap_settings *settings, enum ldap_name name,
                        bool *flag, struct error *error);

/* Says where the setting comes from, its name, and what is wrong with it; never the value,
 * but as far as it is in the text. Returns false. */
bool ldap_settings_refuse(const struct ldap_settings *settings, enum ldap_name name,
                          struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A warning about a setting that can be used. */
void ldap_settings_warn(const struct ldap_settings *settings, enum ldap_name name,
                        const char *code, const char *message, const char *remedy);

#endif
