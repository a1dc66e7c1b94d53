/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "fake_quota.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 512 };

static void make_folder(const struct world *world, const char *name)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", world->path, name);
    int status = mkdir(path, 0700);
    assert(status == 0);
}

static void remove_folder(const struct world *world, const char *name)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", world->path, name);
    DIR *folder = opendir(path);
    assert(folder != NULL);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    rmdir(path);
}

static void set(struct world *world, const char *name, const char *value)
{
    char assignment[2 * PATH_BYTES];
    struct error error = {0};
    snprintf(assignment, sizeof assignment, "%s=%s", name, value);
    bool ok = world_set(world, assignment, &error);
    assert(ok);
}

void world_begin(struct world *world)
{
    *world = (struct world){.config = config_new()};
    const char *folder = getenv("TMPDIR");
    snprintf(world->path, sizeof world->path, "%.200s/foregate-world-XXXXXX",
             folder != NULL ? folder : "/tmp");
    char *made = mkdtemp(world->path);
    assert(made != NULL);
    make_folder(world, "volume");
    make_folder(world, "rules");
    world_write(world, "postfix-accounts.cf", "");
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/volume", world->path);
    set(world, "dms.volume", path);
    snprintf(path, sizeof path, "%s %s/rules", SHIPPED_RULES, world->path);
    set(world, "rules.path", path);
    set(world, "lua.path", SHIPPED_LUA);
    set(world, "hostname", "mail.example.test");
    set(world, "states", "2");
    fake_quota_begin();
}

void world_end(struct world *world)
{
    if (world->started) {
        parts_stop(&world->parts);
    }
    config_free(&world->config);
    remove_folder(world, "volume");
    remove_folder(world, "rules");
    rmdir(world->path);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert(file != NULL);
    fputs(text, file);
    int status = fclose(file);
    assert(status == 0);
}

void world_write(const struct world *world, const char *name, const char *text)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/volume/%s", world->path, name);
    write_file(path, text);
    if (strcmp(name, "may_send_as") == 0) {
        char assignment[2 * PATH_BYTES];
        struct error error;
        snprintf(assignment, sizeof assignment, "spoof.may_send_as=%s", path);
        bool ok = config_override(world->config, assignment, &error);
        assert(ok);
    }
}

void world_write_rule(const struct world *world, const char *name, const char *text)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/rules/%s.lua", world->path, name);
    write_file(path, text);
}

bool world_set(struct world *world, const char *assignment, struct error *error)
{
    return config_override(world->config, assignment, error);
}

bool world_start(struct world *world, struct error *error)
{
    assert(!world->started);
    world->started = parts_start(&world->parts, world->config, NULL, error);
    if (world->started) {
        world->parts.transactions.record_all = true;
    }
    return world->started;
}
