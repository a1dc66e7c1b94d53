/* SPDX-License-Identifier: MIT */
/* Any bytes as configuration file, as dms.settings and as -o: read or refused with a
 * reason, and what was accepted can be asked for. */
#include "base/config.h"
#include "base/network.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

/* The same memory file each time: the configuration is read by path. */
static void write_memory_file(const uint8_t *data, size_t size)
{
    static int descriptor = -1;
    if (descriptor < 0) {
        descriptor = memfd_create("config", MFD_CLOEXEC);
        assert(descriptor >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
    bool written =
        ftruncate(descriptor, 0) == 0 && pwrite(descriptor, data, size, 0) == (ssize_t)size;
    assert(written);
}

static void read_values(const struct config *config)
{
    for (size_t i = 0; i < config_count(config); i++) {
        const struct option *option = config_option(config, i);
        const char *text = config_text(config, option->name);
        bool number = option->type == OPTION_COUNT || option->type == OPTION_SIZE ||
                      option->type == OPTION_DURATION;
        if (number) {
            int64_t value = config_number(config, option->name);
            bool any = option->minimum == 0 && option->maximum == 0;
            assert(any || (value >= option->minimum && value <= option->maximum));
        }
        if (option->type == OPTION_NETWORKS) {
            struct arena *arena = arena_new();
            struct network_list list;
            struct error error;
            bool parsed = network_list_parse(arena, text, &list, &error);
            assert(parsed);
            network_list_contains(&list, "127.0.0.1");
            arena_free(&arena);
        }
        assert(config_origin(config, option->name) != NULL);
    }
}

static void declare(struct config *config)
{
    static const struct option options[] = {
        {"quota.enabled", OPTION_BOOL, "yes", 0, 0, NULL, "ENABLE_QUOTAS", "help"},
        {"quota.reply", OPTION_REPLY, "552 5.2.2 Full", 0, 0, NULL, NULL, "help"},
    };
    struct error error;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        bool declared = config_declare(config, &options[i], &error);
        assert(declared);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = config_new();
    struct error error = {.text = ""};
    write_memory_file(data, size);
    bool loaded = config_load_file(config, path, &error);
    assert(loaded || error.text[0] != '\0');
    loaded = config_load_dms_settings(config, path, &error) && loaded;
    char *text = strndup((const char *)data, size);
    loaded = config_override(config, text, &error) && loaded;
    free(text);
    declare(config);
    error.text[0] = '\0';
    bool valid = config_check(config, &error);
    assert(valid || error.text[0] != '\0');
    if (valid) {
        read_values(config);
    }
    config_free(&config);
    return 0;
}
