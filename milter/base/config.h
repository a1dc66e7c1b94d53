/* SPDX-License-Identifier: MIT */
/* The options: one typed table that parses, checks, explains and prints itself. Options of
 * the program stand in config.c; rules declare their own when they are loaded, before
 * config_check. Values come from, in falling precedence: -o, environment, file,
 * dms.settings, default; each remembers where. Written by main at start only, const
 * afterwards. */
#ifndef FOREGATE_BASE_CONFIG_H
#define FOREGATE_BASE_CONFIG_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_TEXT,
    OPTION_BOOL,     /* yes no true false on off 1 0 */
    OPTION_COUNT,    /* whole number */
    OPTION_SIZE,     /* bytes; B KiB MiB GiB, K M G */
    OPTION_DURATION, /* milliseconds; ms s m h */
    OPTION_CHOICE,   /* one word of `choices` */
    OPTION_LIST,     /* words, white space or comma between them */
    OPTION_REPLY,    /* `552 5.2.2 text`: code, enhanced code of its class, text */
    OPTION_NETWORKS, /* addresses and CIDR blocks as in Postfix's mynetworks */
    OPTION_ADDRESS,  /* one mail address, local-part@domain without quotes; empty: none */
    OPTION_DOMAIN,   /* one domain, without `@`; empty: none */
    OPTION_SENDERS,  /* a list of mail addresses and @domain */
    OPTION_SECRET,   /* text that is never shown */
};

struct option {
    const char *name; /* `quota.timeout`; environment FOREGATE_QUOTA_TIMEOUT */
    enum option_type type;
    const char *initial;      /* default, as text; NULL: none */
    int64_t minimum, maximum; /* COUNT, SIZE, DURATION; both 0: any from 0 */
    const char *choices;      /* CHOICE: words with blanks between */
    const char *dms_name;     /* the same thing in dms.settings, or NULL */
    const char *help;         /* one line */
};

struct config;

struct config *config_new(void);
void config_free(struct config **config);

/* Adds an option; strings are copied. CONFIG: the name is taken, or the default is bad. */
bool config_declare(struct config *config, const struct option *option,
                    struct error *error);

/* Each remembers values of names not declared yet; config_check complains about them. False
 * when the file cannot be read (SYSTEM), or has lines that are no assignments (CONFIG: the
 * rest of it is loaded, and config_check says so again). Names of dms.settings that no
 * option has are ignored, and so is an empty value there: it means the default, as in
 * docker-mailserver. */
bool config_load_file(struct config *config, const char *path, struct error *error);
bool config_load_dms_settings(struct config *config, const char *path, struct error *error);
void config_load_environment(struct config *config);
bool config_override(struct config *config, const char *assignment, struct error *error);

/* All of these in their order, with what was overridden before: path (NULL: no file),
 * environment, dms.settings. Fails like config_load_file. */
bool config_load(struct config *config, const char *path, struct error *error);

/* A new configuration from the same sources as they are now: the program's own options and
 * the same overrides, nothing declared by rules. NULL when a source cannot be read. */
struct config *config_again(const struct config *config, struct error *error);

/* The same with another file; NULL: no file. */
struct config *config_from(const struct config *config, const char *path,
                           struct error *error);

/* The file that config_load was given, or NULL. */
const char *config_file(const struct config *config);

/* Every value fits its option, no name is unknown; says file and line, and the nearest
 * known name for a misspelt one. */
bool config_check(const struct config *config, struct error *error);

/* The same for a command that loads no rules: names that are not declared pass. */
bool config_check_declared(const struct config *config, struct error *error);

struct config_fault {
    const char *code;   /* short, stable: "unknown-option", "bad-value", "bad-line" */
    const char *origin; /* FILE, "-o NAME", "environment VARIABLE" */
    int line;           /* 0: not from a file */
    const char *message;
    const char *remedy;
};

/* Everything config_check would refuse, not only the first. Strings live in the arena. */
size_t config_faults(const struct config *config, struct arena *arena,
                     struct config_fault **faults);

/* The name must be declared with that type, or it is a programming error (assert); values
 * were checked by config_declare or config_check. Strings live as long as config. */
const char *config_text(const struct config *config,
                        const char *name); /* any type; may be NULL */
bool config_bool(const struct config *config, const char *name);
int64_t config_number(const struct config *config,
                      const char *name); /* COUNT SIZE DURATION */
bool config_is_declared(const struct config *config, const char *name);
bool config_is_set(const struct config *config, const char *name); /* not by default */

/* For `foregate config` and the rules: in declared order. */
size_t config_count(const struct config *config);
const struct option *config_option(const struct config *config, size_t index);
const char *config_origin(const struct config *config,
                          const char *name); /* "default", "FILE:12" */

/* An option of the program that is read at start only: what a reload does not take over. */
bool option_is_fixed(const char *name);

/* The option `states`, or as many as there are processor cores. */
int config_states(const struct config *config);

/* docker-mailserver's rule: of mail.example.com it is example.com, example.com itself
 * stays. */
const char *config_domain(const char *hostname);

/* The variable of an option: FOREGATE_QUOTA_TIMEOUT for quota.timeout. */
char *option_environment_name(struct arena *arena, const char *name);

const char *option_type_name(enum option_type type);
/* False when name is none of the types. For rule files. */
bool option_type_find(const char *name, enum option_type *type);

#endif
