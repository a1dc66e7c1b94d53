/* SPDX-License-Identifier: MIT */
#include "ruletest/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES = 10000, DEPTH = 32 };

static bool is_test(const char *name)
{
    static const char end[] = "_test.lua";
    size_t length = strlen(name);
    return length > sizeof end - 1 && strcmp(name + length - (sizeof end - 1), end) == 0;
}

static bool add(struct test_files *files, const char *path, struct error *error)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->paths[i], path) == 0) {
            return true;
        }
    }
    if (files->count == FILES) {
        return error_set(error, ERROR_SYSTEM, "%s: more than %d test files", path, FILES);
    }
    files->paths = arena_grow(files->arena, files->paths, files->count, &files->size,
                              sizeof *files->paths);
    files->paths[files->count++] = arena_copy(files->arena, path);
    return true;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool add_folder(struct test_files *files, const char *folder, int depth,
                       size_t *found, struct error *error);

static bool add_entry(struct test_files *files, const char *path, const char *name,
                      int depth, size_t *found, struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        /* A link to nowhere is nobody's test. */
        return !is_test(name) || error_set(error, ERROR_SYSTEM, "%s: %m", path);
    }
    if (S_ISDIR(status.st_mode)) {
        return add_folder(files, path, depth + 1, found, error);
    }
    if (!is_test(name)) {
        return true;
    }
    ++*found;
    return add(files, path, error);
}

static bool add_folder(struct test_files *files, const char *folder, int depth,
                       size_t *found, struct error *error)
{
    if (depth > DEPTH) {
        return error_set(error, ERROR_SYSTEM, "%s: folders in folders, a circle of links?",
                         folder);
    }
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_visible, alphasort);
    if (count < 0) {
        return error_set(error, ERROR_SYSTEM, "%s: %m", folder);
    }
    bool ok = true;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
        const char *path = arena_format(files->arena, "%s%s%s", folder, slash, name);
        ok = ok && add_entry(files, path, name, depth, found, error);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

bool test_files_add(struct test_files *files, const char *path, struct error *error)
{
    struct stat status;
    if (*path == '\0') {
        return error_set(error, ERROR_SYSTEM, "an empty path names no test file");
    }
    if (stat(path, &status) != 0) {
        return error_set(error, ERROR_SYSTEM, "%s: %m", path);
    }
    if (!S_ISDIR(status.st_mode)) {
        return add(files, path, error);
    }
    size_t found = 0;
    if (!add_folder(files, path, 0, &found, error)) {
        return false;
    }
    return found > 0 ||
           error_set(error, ERROR_SYSTEM, "%s: there is no file *_test.lua in it", path);
}
