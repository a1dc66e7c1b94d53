/* SPDX-License-Identifier: MIT */
#include "command/compare_rules.h"

#include "base/arena.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* rules.path with the folder behind the others. */
static bool add_folder(struct config *config, const char *folder, struct error *error)
{
    if (strpbrk(folder, " \t\r\n,") != NULL) {
        return error_set(error, ERROR_CONFIG,
                         "a folder of rules has no blank or comma in its name: rules.path "
                         "is a list");
    }
    struct arena *arena = arena_new();
    const char *folders = config_text(config, "rules.path");
    bool ok = config_override(
        config,
        arena_format(arena, "rules.path=%s %s", folders != NULL ? folders : "", folder),
        error);
    arena_free(&arena);
    return ok;
}

static struct config *load_config(const struct config *config, const char *where,
                                  struct error *error)
{
    struct stat status;
    if (stat(where, &status) != 0) {
        error_set(error, ERROR_SYSTEM, "%s; name a folder of rules or a configuration",
                  strerror(errno));
        return NULL;
    }
    bool is_folder = S_ISDIR(status.st_mode);
    struct config *loaded =
        is_folder ? config_again(config, error) : config_from(config, where, error);
    /* One state is enough for who asks one thing after the other. */
    if (loaded != NULL && (!config_override(loaded, "states=1", error) ||
                           (is_folder && !add_folder(loaded, where, error)))) {
        config_free(&loaded);
    }
    return loaded;
}

bool compare_rules_open(struct compare_rules *rules, const struct config *config,
                        const char *where, struct error *error)
{
    *rules = (struct compare_rules){.config = load_config(config, where, error)};
    if (rules->config != NULL && parts_start_offline(&rules->parts, rules->config, error)) {
        rules->parts.transactions.record_all = true;
        rules->parts.transactions.reply_id = false; /* no part of what is decided */
        return true;
    }
    config_free(&rules->config);
    return error_wrap(error, "%s", where);
}

void compare_rules_close(struct compare_rules *rules)
{
    if (rules->config != NULL) {
        parts_stop(&rules->parts);
        config_free(&rules->config);
    }
}
