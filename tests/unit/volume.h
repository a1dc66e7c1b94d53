/* SPDX-License-Identifier: MIT */
/* A config volume in a folder of its own, for one test. */
#ifndef FOREGATE_TESTS_VOLUME_H
#define FOREGATE_TESTS_VOLUME_H

#include "directory/dms.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct volume {
    char path[256];
    struct directory_settings settings;
};

static inline void volume_write_bytes(const struct volume *volume, const char *name,
                                      const char *bytes, size_t length)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", volume->path, name);
    FILE *file = fopen(path, "wb");
    assert(file != NULL);
    assert(fwrite(bytes, 1, length, file) == length);
    assert(fclose(file) == 0);
}

static inline void volume_write(const struct volume *volume, const char *name,
                                const char *text)
{
    volume_write_bytes(volume, name, text, strlen(text));
}

static inline void volume_begin(struct volume *volume)
{
    const char *folder = getenv("TMPDIR");
    snprintf(volume->path, sizeof volume->path, "%s/foregate-volume-XXXXXX",
             folder != NULL ? folder : "/tmp");
    assert(mkdtemp(volume->path) != NULL);
    volume->settings = (struct directory_settings){
        .volume = volume->path,
        .hostname = "mail.example.test",
        .mydestination = "mail.example.test, localhost.example.test, localhost",
        .rules = {.myorigin = "mail.example.test", .delimiters = "+"},
    };
}

static inline void volume_end(struct volume *volume)
{
    DIR *folder = opendir(volume->path);
    assert(folder != NULL);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[512];
        snprintf(path, sizeof path, "%s/%.200s", volume->path, entry->d_name);
        if (unlink(path) != 0) {
            rmdir(path);
        }
    }
    closedir(folder);
    rmdir(volume->path);
}

#endif
