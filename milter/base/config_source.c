/* SPDX-License-Identifier: MIT */
/* Where values come from: the file, docker-mailserver's settings, the environment, -o. */
#include "base/buffer.h"
#include "base/config_store.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Far above any real file: a wrong path (a log, a device) ends here. */
enum { FILE_BYTES = 256 * 1024 };

extern char **environ;

static bool read_descriptor(int descriptor, const char *path, struct buffer *content,
                            struct error *error)
{
    char chunk[4096];
    for (;;) {
        ssize_t got = read(descriptor, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return error_set(error, ERROR_SYSTEM, "%s: cannot read it: %s", path,
                             strerror(errno));
        }
        if (got == 0) {
            return true;
        }
        if (!buffer_append(content, chunk, (size_t)got)) {
            return error_set(error, ERROR_SYSTEM,
                             "%s: longer than %d bytes, this is no file of settings", path,
                             FILE_BYTES);
        }
    }
}

static bool read_whole(const char *path, struct buffer *content, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return error_set(error, ERROR_SYSTEM, "%s: cannot open it: %s", path,
                         strerror(errno));
    }
    bool ok = read_descriptor(descriptor, path, content, error);
    close(descriptor);
    return ok;
}

/* A setting of line number `line`; an empty one when line is 0. */
static struct setting setting_at(struct config *config, enum config_rank rank,
                                 const char *source, int line)
{
    struct arena *arena = config_memory(config);
    struct setting setting = {.rank = rank, .source = source, .line = line, .value = ""};
    setting.origin = line > 0 ? arena_format(arena, "%s:%d", source, line) : source;
    return setting;
}

static void break_setting(struct setting *setting, const char *code, const char *message,
                          const char *remedy)
{
    setting->code = code;
    setting->message = message;
    setting->remedy = remedy;
}

/* A blank and # in a value is most likely meant as a comment, and would become part of a
 * path or a reply. */
static bool has_comment(const char *value)
{
    for (const char *at = strchr(value, '#'); at != NULL; at = strchr(at + 1, '#')) {
        if (at > value && text_is_space(at[-1])) {
            return true;
        }
    }
    return false;
}

/* A password may hold anything. */
static bool is_secret(const struct config *config, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < config_count(config) && !found; i++) {
        const struct option *option = config_option(config, i);
        found = option->type == OPTION_SECRET && strcmp(option->name, name) == 0;
    }
    return found;
}

static void judge_line(struct config *config, struct setting *setting)
{
    struct arena *arena = config_memory(config);
    const struct setting *earlier = config_find_setting(config, RANK_FILE, setting->name);
    if (earlier != NULL && strcmp(earlier->source, setting->source) == 0) {
        break_setting(setting, "duplicate-option",
                      arena_format(arena, "%s is set twice, first in line %d",
                                   text_printable(arena, setting->name, 60), earlier->line),
                      "keep one of the two lines");
    } else if (has_comment(setting->value) && !is_secret(config, setting->name)) {
        break_setting(setting, "bad-value",
                      arena_format(arena, "%s: a # inside the value begins no comment",
                                   text_printable(arena, setting->name, 60)),
                      "put the comment on a line of its own");
    }
}

/* One line of the file, NUL-terminated, without its newline; false: it is broken. */
static bool load_line(struct config *config, const char *source, int number, char *line,
                      size_t length)
{
    struct setting setting = setting_at(config, RANK_FILE, source, number);
    bool has_nul = strlen(line) < length;
    char *text = text_trim(line);
    char *equals = strchr(text, '=');
    if (!has_nul && (*text == '\0' || *text == '#')) {
        return true;
    }
    if (has_nul) {
        break_setting(&setting, "bad-line", "there is a NUL byte in this line",
                      "remove it");
    } else if (equals == NULL || equals == text) {
        break_setting(&setting, "bad-line", "this is no assignment",
                      "write name = value, or begin a comment with #");
    } else {
        *equals = '\0';
        setting.name = text_trim(text);
        setting.value = text_trim(equals + 1);
        judge_line(config, &setting);
    }
    config_remember(config, &setting);
    return setting.code == NULL;
}

/* Calls load for each line; returns the number of the first that it refused, or 0. */
static int load_lines(struct config *config, const char *path, const struct buffer *content,
                      bool (*load)(struct config *, const char *, int, char *, size_t))
{
    struct arena *arena = config_memory(config);
    char *text = arena_copy_bytes(arena, content->data, content->length);
    const char *source = arena_copy(arena, path);
    char *end = text + content->length;
    int number = 0;
    int refused = 0;
    while (text < end) {
        char *newline = memchr(text, '\n', (size_t)(end - text));
        char *stop = newline != NULL ? newline : end;
        *stop = '\0';
        number++;
        if (!load(config, source, number, text, (size_t)(stop - text)) && refused == 0) {
            refused = number;
        }
        text = stop + 1;
    }
    return refused;
}

bool config_load_file(struct config *config, const char *path, struct error *error)
{
    struct buffer content;
    buffer_init(&content, FILE_BYTES);
    bool ok = read_whole(path, &content, error);
    int refused = ok ? load_lines(config, path, &content, load_line) : 0;
    buffer_deinit(&content);
    if (refused > 0) {
        struct error first;
        config_check_declared(config, &first);
        *error = first;
    }
    return ok && refused == 0;
}

/* NAME of `NAME=value` or `export NAME=value` into *name; the value's place, or NULL. */
static char *split_dms_line(char *text, char **name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    if (strncmp(text, "export", 6) == 0 && text_is_space(text[6])) {
        text = text_trim(text + 6);
    }
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    if (length == 0 || text[length] != '=' || strchr(letters, text[0]) == NULL) {
        return NULL;
    }
    text[length] = '\0';
    *name = text;
    return text + length + 1;
}

/* Takes quotes or a trailing comment off; NULL when a closing quote is missing. */
static char *unquote(char *value)
{
    if (*value != '\'' && *value != '"') {
        char *comment = strstr(value, " #");
        if (comment != NULL) {
            *comment = '\0';
        }
        return text_trim(value);
    }
    char *close = strchr(value + 1, *value);
    if (close == NULL) {
        return NULL;
    }
    *close = '\0';
    return value + 1;
}

/* Never refuses: what is no assignment, or has a name of no option, belongs to others. */
static bool load_dms_line(struct config *config, const char *source, int number, char *line,
                          size_t length)
{
    char *name = NULL;
    char *value = strlen(line) == length ? split_dms_line(text_trim(line), &name) : NULL;
    if (value == NULL) {
        return true;
    }
    struct setting setting = setting_at(config, RANK_DMS_FILE, source, number);
    setting.name = name;
    char *plain = unquote(value);
    if (plain == NULL) {
        break_setting(
            &setting, "bad-line",
            arena_format(config_memory(config), "%s: the closing quote is missing", name),
            "write NAME='value' on one line");
    } else if (*plain == '\0') {
        return true;
    } else {
        setting.value = plain;
    }
    config_remember(config, &setting);
    return true;
}

bool config_load_dms_settings(struct config *config, const char *path, struct error *error)
{
    struct buffer content;
    buffer_init(&content, FILE_BYTES);
    bool ok = read_whole(path, &content, error);
    if (ok) {
        load_lines(config, path, &content, load_dms_line);
    }
    buffer_deinit(&content);
    return ok || error_wrap(error, "dms.settings");
}

void config_load_environment(struct config *config)
{
    static const char prefix[] = "FOREGATE_";
    struct arena *arena = config_memory(config);
    for (char **variable = environ; *variable != NULL; variable++) {
        bool ours = strncmp(*variable, prefix, sizeof prefix - 1) == 0;
        char *name = NULL;
        char *text = arena_copy(arena, *variable);
        char *equals = strchr(text, '=');
        if (equals == NULL) {
            continue;
        }
        char *value = equals + 1;
        if (ours) {
            *equals = '\0';
            name = text;
        } else if (split_dms_line(text, &name) == NULL || *value == '\0') {
            continue;
        }
        const char *source = arena_format(arena, "environment %s", name);
        struct setting setting =
            setting_at(config, ours ? RANK_ENVIRONMENT : RANK_DMS_ENVIRONMENT, source, 0);
        setting.name = name;
        setting.value = text_trim(value);
        config_remember(config, &setting);
    }
}

bool config_override(struct config *config, const char *assignment, struct error *error)
{
    struct arena *arena = config_memory(config);
    char *text = arena_copy(arena, assignment);
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        return error_set(error, ERROR_CONFIG,
                         "-o %s: this is no assignment; write -o name=value",
                         text_printable(arena, assignment, 60));
    }
    *equals = '\0';
    char *name = text_trim(text);
    const char *source = arena_format(arena, "-o %s", text_printable(arena, name, 60));
    struct setting setting = setting_at(config, RANK_OVERRIDE, source, 0);
    setting.name = name;
    setting.value = text_trim(equals + 1);
    config_remember(config, &setting);
    return true;
}
