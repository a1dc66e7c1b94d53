/* SPDX-License-Identifier: MIT */
/* Between the files of the configuration: what was set, from where, and what counts. */
#ifndef FOREGATE_BASE_CONFIG_STORE_H
#define FOREGATE_BASE_CONFIG_STORE_H

#include "base/config.h"
#include "base/config_value.h"

/* Rising precedence. */
enum config_rank {
    RANK_DEFAULT,
    RANK_DMS_FILE,
    RANK_DMS_ENVIRONMENT,
    RANK_FILE,
    RANK_ENVIRONMENT,
    RANK_OVERRIDE,
};

struct setting {
    enum config_rank rank;
    const char
        *name; /* as its source spells it: option, variable or DMS name; NULL: none */
    const char *value;
    const char *source; /* FILE, "-o NAME", "environment NAME" */
    int line;           /* 0: not from a file */
    const char *origin; /* source and line, as shown */
    const char *code;   /* the setting itself is broken: code, message, remedy; or NULL */
    const char *message;
    const char *remedy;
};

/* Keeps the strings' pointers: they come from config_memory. */
void config_remember(struct config *config, const struct setting *setting);
const struct setting *config_find_setting(const struct config *config,
                                          enum config_rank rank, const char *name);
struct arena *config_memory(struct config *config);

/* In the order they were set; NULL behind the last. */
const struct setting *config_setting(const struct config *config, size_t index);
bool config_is_known(const struct config *config, const struct setting *setting);

/* What option number index has its value from; NULL: default. */
const struct setting *config_effective(const struct config *config, size_t index);

/* config_options.c: the program's own table. */
void config_declare_program(struct config *config);

/* Values that follow from others unless they are set. */
void config_derive(struct arena *arena, const char *hostname, bool is_ldap_mode,
                   const char **myorigin, const char **mydestination);

/* config_form.c. Beyond the type: the form of sockets, modes, names. */
bool config_check_form(const char *name, const char *value, struct complaint *complaint);

#endif
