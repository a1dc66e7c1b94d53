/* SPDX-License-Identifier: MIT */
#include "ruletest/world.h"

#include "base/text.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 2 * WORLD_PATH_BYTES };

static bool make_folder(struct world *world, const char *name, struct error *error)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", world->path, name);
    return mkdir(path, 0700) == 0 ||
           error_set(error, ERROR_SYSTEM, "cannot make the folder %s: %m", path);
}

static void remove_folder(const struct world *world, const char *name)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", world->path, name);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    rmdir(path);
}

bool world_set(struct world *world, const char *name, const char *value,
               struct error *error)
{
    assert(!world->started);
    struct arena *arena = arena_new();
    bool ok =
        config_override(world->config, arena_format(arena, "%s=%s", name, value), error);
    arena_free(&arena);
    return ok;
}

/* In a folder that others cannot foresee. */
static bool make_folders(struct world *world, struct error *error)
{
    const char *above = getenv("TMPDIR");
    above = above != NULL && *above != '\0' ? above : "/tmp";
    int length =
        snprintf(world->path, sizeof world->path, "%s/foregate-test-XXXXXX", above);
    if (length < 0 || (size_t)length >= sizeof world->path ||
        strpbrk(above, " ,\t\n") != NULL) {
        world->path[0] = '\0';
        return error_set(error, ERROR_SYSTEM,
                         "TMPDIR = %s: too long, or with a blank or a comma", above);
    }
    if (mkdtemp(world->path) == NULL) {
        error_set(error, ERROR_SYSTEM, "cannot make a temporary folder in %s: %m", above);
        world->path[0] = '\0';
        return false;
    }
    return make_folder(world, "volume", error) && make_folder(world, "rules", error) &&
           world_write(world, "postfix-accounts.cf", "", error);
}

static bool set_options(struct world *world, const char *rules_path, const char *lua_path,
                        struct error *error)
{
    struct arena *arena = arena_new();
    bool ok =
        world_set(world, "dms.volume", arena_format(arena, "%s/volume", world->path),
                  error) &&
        world_set(world, "rules.path",
                  arena_format(arena, "%s %s/rules", rules_path, world->path), error) &&
        world_set(world, "lua.path", lua_path, error) &&
        world_set(world, "hostname", "mail.example.test", error) &&
        world_set(world, "states", "2", error);
    arena_free(&arena);
    return ok;
}

static bool begin_services(struct world *world, struct error *error)
{
    world->loop = loop_start(error);
    if (world->loop == NULL) {
        return false;
    }
    world->silence = silence_new(world->loop);
    world->quota = fake_quota_new(world->silence);
    world->dns = fake_dns_new(world->silence);
    world->http = fake_http_new(world->silence);
    world->scripts = (struct parts_scripts){
        .loop = world->loop,
        .quota = fake_quota_ask,
        .quota_argument = world->quota,
        .dns = fake_dns_ask,
        .dns_argument = world->dns,
        .http = fake_http_ask,
        .http_argument = world->http,
        .faults = &world->faults,
    };
    return true;
}

bool world_begin(struct world *world, const char *rules_path, const char *lua_path,
                 struct error *error)
{
    *world = (struct world){.config = config_new()};
    if (!make_folders(world, error) || !set_options(world, rules_path, lua_path, error) ||
        !begin_services(world, error)) {
        world_end(world);
        return false;
    }
    return true;
}

void world_end(struct world *world)
{
    if (world->started) {
        parts_stop(&world->parts);
    }
    fake_quota_free(&world->quota);
    fake_dns_free(&world->dns);
    fake_http_free(&world->http);
    table_deinit(&world->faults);
    if (world->silence != NULL) {
        silence_free(&world->silence);
    }
    if (world->loop != NULL) {
        loop_stop(&world->loop);
    }
    config_free(&world->config);
    if (world->path[0] != '\0') {
        remove_folder(world, "volume");
        remove_folder(world, "rules");
        rmdir(world->path);
    }
}

/* A new file: whoever reads one that was there before keeps that. */
static bool write_file(const char *path, const char *text, struct error *error)
{
    unlink(path);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    bool ok = file != NULL && fputs(text, file) >= 0;
    if (file != NULL) {
        ok = fclose(file) == 0 && ok;
    } else if (descriptor >= 0) {
        close(descriptor);
    }
    return ok || error_set(error, ERROR_SYSTEM, "cannot write %s: %m", path);
}

bool world_write(struct world *world, const char *name, const char *text,
                 struct error *error)
{
    assert(!world->started);
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/volume/%s", world->path, name);
    return write_file(path, text, error) &&
           (strcmp(name, "may_send_as") != 0 ||
            world_set(world, "spoof.may_send_as", path, error));
}

bool world_write_rule(struct world *world, const char *name, const char *text,
                      struct error *error)
{
    assert(!world->started);
    char path[PATH_BYTES];
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (length == 0 || name[length] != '\0' || length > 64) {
        return error_set(error, ERROR_CONFIG,
                         "\"%.60s\" is no rule name: use small letters, digits and _",
                         name);
    }
    snprintf(path, sizeof path, "%s/rules/%s.lua", world->path, name);
    return write_file(path, text, error);
}

void world_add_fault(struct world *world, const char *key, const char *reason)
{
    assert(!world->started);
    table_add_new(&world->faults, key, reason, 0);
}

bool world_start(struct world *world, struct error *error)
{
    assert(!world->started);
    if (world->failure.kind == ERROR_NONE) {
        world->started = parts_start_scripted(&world->parts, world->config, &world->scripts,
                                              &world->failure);
    }
    if (!world->started) {
        *error = world->failure; /* the options are declared: there is no second try */
        return false;
    }
    world->parts.transactions.record_all = true;
    return true;
}
