/* SPDX-License-Identifier: MIT */
#include "script/ruleset.h"

#include "base/text.h"
#include "directory/file.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { RULES = 64, OPTION_NAME_BYTES = 128 };

static bool name_is_valid(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return length > 0 && length < RULE_NAME_BYTES && name[length] == '\0';
}

/* NULL: there is none, or error says why that cannot be told: a rule of a folder that
 * cannot be entered may be meant to win. */
static char *find_file(const char *folders, const char *name, struct error *error)
{
    char *found = NULL;
    const char *all_folders = folders;
    const char *folder;
    size_t folder_length;
    while (text_next_word(&folders, &folder, &folder_length)) {
        char path[PATH_MAX];
        int length =
            snprintf(path, sizeof path, "%.*s/%s.lua", (int)folder_length, folder, name);
        if (length < 0 || (size_t)length >= sizeof path) {
            continue;
        }
        struct stat status; /* of a link, also one that leads nowhere */
        if (lstat(path, &status) == 0) {
            free(found);
            found = strdup(path);
        } else if (errno != ENOENT && errno != ENOTDIR) {
            error_set(error, ERROR_CONFIG,
                      "%s: cannot tell whether it is there: %s; let Foregate's user into "
                      "the folder",
                      path, strerror(errno));
            free(found);
            return NULL;
        }
    }
    if (found == NULL) {
        error_set(error, ERROR_CONFIG,
                  "rules: there is no %s.lua in rules.path (%s): correct the name, or put "
                  "the file there",
                  name, all_folders);
    }
    return found;
}

/* What editors and habit put before the first line, and of which Lua would only say that it
 * is no symbol. */
static bool check_beginning(const char *text, struct error *error)
{
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) {
        return error_set(error, ERROR_CONFIG,
                         "there is a byte order mark before the first line; save the file "
                         "as UTF-8 without BOM");
    }
    return text[0] != '#' || error_set(error, ERROR_CONFIG,
                                       "line 1 begins with #, which is no comment in Lua; "
                                       "write --, or remove the line");
}

static bool read_source(struct rule *rule, struct error *error)
{
    struct arena *arena = arena_new();
    const char *text = file_read_text(arena, rule->file, error);
    bool ok = text != NULL && check_beginning(text, error);
    if (!ok) {
        error_wrap(error, "%s", rule->file);
    }
    rule->source = strdup(text != NULL ? text : "");
    if (rule->source == NULL) {
        abort();
    }
    arena_free(&arena);
    return ok;
}

bool ruleset_add(struct ruleset *ruleset, const char *name, const char *folders,
                 struct error *error)
{
    if (!name_is_valid(name)) {
        return error_set(error, ERROR_CONFIG,
                         "rules: \"%s\" is no rule name: use small letters, digits and _",
                         name);
    }
    for (size_t i = 0; i < ruleset->count; i++) {
        if (strcmp(ruleset->rules[i].name, name) == 0) {
            return error_set(error, ERROR_CONFIG, "rules: %s is named twice: remove one",
                             name);
        }
    }
    if (ruleset->count == RULES) {
        return error_set(error, ERROR_CONFIG, "rules: more than %d rules", RULES);
    }
    struct rule *rule = &ruleset->rules[ruleset->count];
    memcpy(rule->name, name, strlen(name) + 1); /* fits: name_is_valid */
    rule->file = find_file(folders, name, error);
    if (rule->file == NULL) {
        return false;
    }
    ruleset->count++;
    return read_source(rule, error);
}

void ruleset_init(struct ruleset *ruleset)
{
    *ruleset = (struct ruleset){.rules = calloc(RULES, sizeof(struct rule))};
    if (ruleset->rules == NULL) {
        abort();
    }
}

bool ruleset_find(struct ruleset *ruleset, const struct config *config, struct error *error)
{
    ruleset_init(ruleset);
    const char *names = config_text(config, "rules");
    const char *folders = config_text(config, "rules.path");
    bool ok = true;
    const char *word;
    size_t length;
    while (ok && names != NULL && text_next_word(&names, &word, &length)) {
        char name[2 * RULE_NAME_BYTES]; /* one that is cut is too long anyway */
        snprintf(name, sizeof name, "%.*s", (int)length, word);
        ok = ruleset_add(ruleset, name, folders != NULL ? folders : "", error);
    }
    if (!ok) {
        ruleset_deinit(ruleset);
    }
    return ok;
}

void ruleset_copy(struct ruleset *ruleset, const struct ruleset *from)
{
    ruleset_init(ruleset);
    for (; ruleset->count < from->count; ruleset->count++) {
        struct rule *rule = &ruleset->rules[ruleset->count];
        *rule = from->rules[ruleset->count];
        rule->file = strdup(rule->file);
        rule->source = strdup(rule->source);
        if (rule->file == NULL || rule->source == NULL) {
            abort();
        }
    }
}

void ruleset_deinit(struct ruleset *ruleset)
{
    for (size_t i = 0; i < ruleset->count; i++) {
        free(ruleset->rules[i].file);
        free(ruleset->rules[i].source);
    }
    free(ruleset->rules);
    *ruleset = (struct ruleset){0};
}

/* Lua names the file of most errors; not when memory or its stack is used up, nor of one
 * that the file raises itself. */
static void name_file(const struct rule *rule, struct error *error)
{
    if (strstr(error->text, ".lua:") == NULL) {
        error_wrap(error, "%s", rule->file);
    }
}

bool ruleset_load(const struct ruleset *ruleset, struct state *state, struct error *error)
{
    lua_State *L = state->L;
    state->manifest_refs = calloc(ruleset->count + 1, sizeof *state->manifest_refs);
    state->settings_refs = calloc(ruleset->count + 1, sizeof *state->settings_refs);
    state->handler_refs = calloc(ruleset->count + 1, sizeof *state->handler_refs);
    if (state->manifest_refs == NULL || state->settings_refs == NULL ||
        state->handler_refs == NULL) {
        abort();
    }
    for (size_t i = 0; i < ruleset->count; i++) {
        if (!state_load_rule(state, &ruleset->rules[i], error)) {
            name_file(&ruleset->rules[i], error);
            return error_wrap(error, "rule %s", ruleset->rules[i].name);
        }
        state->manifest_refs[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    return true;
}

static const char *field(lua_State *L, const char *name)
{
    lua_getfield(L, -1, name);
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1); /* anchored in the table */
    return text;
}

/* ruleset.lua has seen to it that it fits. */
static void copy_field(lua_State *L, const char *name, char *copy, size_t size)
{
    const char *text = field(L, name);
    snprintf(copy, size, "%s", text != NULL ? text : "");
}

/* The setting's table is on top of the stack. */
static bool declare_setting(lua_State *L, const struct rule *rule, struct config *config,
                            struct error *error)
{
    char name[OPTION_NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", rule->name, field(L, "name"));
    struct option option = {
        .name = name,
        .initial = field(L, "initial"),
        .choices = field(L, "choices"),
        .dms_name = field(L, "dms"),
        .help = field(L, "help"),
    };
    if (!option_type_find(field(L, "type"), &option.type)) {
        return error_set(error, ERROR_CONFIG, "%s: setting %s: there is no type \"%s\"",
                         rule->file, name, field(L, "type"));
    }
    return config_declare(config, &option, error) || error_wrap(error, "%s", rule->file);
}

static bool declare_common(const struct rule *rule, struct config *config,
                           struct error *error)
{
    char mode[OPTION_NAME_BYTES];
    char on_error[OPTION_NAME_BYTES];
    snprintf(mode, sizeof mode, "%s.mode", rule->name);
    snprintf(on_error, sizeof on_error, "%s.on_error", rule->name);
    const struct option options[] = {
        {
            .name = mode,
            .type = OPTION_CHOICE,
            .choices = "enforce shadow",
            .help =
                "this rule only: decide and log, change nothing; without it, mode counts",
        },
        {
            .name = on_error,
            .type = OPTION_CHOICE,
            .choices = "defer continue",
            .help = "this rule only: what its failure means; without it, on_error counts",
        },
    };
    return (config_declare(config, &options[0], error) &&
            config_declare(config, &options[1], error)) ||
           error_wrap(error, "%s", rule->file);
}

bool ruleset_declare(const struct ruleset *ruleset, struct state *state,
                     struct config *config, struct error *error)
{
    lua_State *L = state->L;
    for (size_t i = 0; i < ruleset->count; i++) {
        struct rule *rule = &ruleset->rules[i];
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->manifest_refs[i]);
        copy_field(L, "switch", rule->switches, sizeof rule->switches);
        copy_field(L, "tests", rule->tests, sizeof rule->tests);
        lua_getfield(L, -1, "settings");
        lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
        bool ok = declare_common(rule, config, error);
        for (lua_Integer j = 1; ok && j <= count; j++) {
            lua_rawgeti(L, -1, j);
            ok = declare_setting(L, rule, config, error);
            lua_pop(L, 1);
        }
        lua_settop(L, 0);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* The rule's own option, else the global one of that name. */
static const char *rule_or_global(const struct config *config, const struct rule *rule,
                                  const char *name)
{
    char own[OPTION_NAME_BYTES];
    snprintf(own, sizeof own, "%s.%s", rule->name, name);
    const char *value = config_text(config, own);
    return value != NULL ? value : config_text(config, name);
}

static bool is_on(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config_count(config); i++) {
        const struct option *option = config_option(config, i);
        if (strcmp(option->name, name) == 0) {
            const char *value = config_text(config, name);
            return option->type == OPTION_BOOL ? config_bool(config, name)
                                               : value != NULL && strcmp(value, "off") != 0;
        }
    }
    return false;
}

/* On without a switch, or when one of the settings it names is neither no nor off. */
static bool is_enabled(const struct config *config, const struct rule *rule)
{
    const char *names = rule->switches;
    bool enabled = names[0] == '\0';
    const char *name;
    size_t length;
    while (!enabled && text_next_word(&names, &name, &length)) {
        char option[OPTION_NAME_BYTES];
        snprintf(option, sizeof option, "%s.%.*s", rule->name, (int)length, name);
        enabled = is_on(config, option);
    }
    return enabled;
}

void ruleset_configure(struct ruleset *ruleset, const struct config *config)
{
    for (size_t i = 0; i < ruleset->count; i++) {
        struct rule *rule = &ruleset->rules[i];
        rule->shadow = strcmp(rule_or_global(config, rule, "mode"), "shadow") == 0;
        rule->defer_on_error =
            strcmp(rule_or_global(config, rule, "on_error"), "defer") == 0;
        rule->enabled = is_enabled(config, rule);
    }
}

/* `552 5.2.2 text`, whose form config has checked. */
static void reply_push(lua_State *L, const char *text)
{
    char *end;
    long code = strtol(text, &end, 10);
    const char *xcode = end + strspn(end, " ");
    size_t xcode_length = strcspn(xcode, " ");
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, code);
    lua_setfield(L, -2, "code");
    lua_pushlstring(L, xcode, xcode_length);
    lua_setfield(L, -2, "xcode");
    const char *rest = xcode + xcode_length;
    lua_pushstring(L, rest + strspn(rest, " "));
    lua_setfield(L, -2, "text");
}

static void list_push(lua_State *L, const char *text)
{
    lua_newtable(L);
    lua_Integer count = 0;
    const char *word;
    size_t length;
    while (text_next_word(&text, &word, &length)) {
        lua_pushlstring(L, word, length);
        lua_rawseti(L, -2, ++count);
    }
}

static void setting_push(lua_State *L, const struct config *config, const char *name,
                         enum option_type type)
{
    const char *text = config_text(config, name);
    if (text == NULL) {
        lua_pushnil(L);
        return;
    }
    switch (type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
    case OPTION_CHOICE:
    case OPTION_NETWORKS:
        lua_pushstring(L, text);
        return;
    case OPTION_ADDRESS:
    case OPTION_DOMAIN:
        lua_pushstring(L, *text != '\0' ? text : NULL); /* nil for NULL */
        return;
    case OPTION_BOOL:
        lua_pushboolean(L, config_bool(config, name));
        return;
    case OPTION_COUNT:
    case OPTION_SIZE:
    case OPTION_DURATION:
        lua_pushinteger(L, config_number(config, name));
        return;
    case OPTION_LIST:
    case OPTION_SENDERS:
        list_push(L, text);
        return;
    case OPTION_REPLY:
        reply_push(L, text);
        return;
    }
}

/* The manifest is on top of the stack; leaves a reference to a frozen table. */
static int settings_make(lua_State *L, const struct state *state, const struct rule *rule,
                         const struct config *config)
{
    int manifest = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->library_ref);
    lua_getfield(L, -1, "freeze");
    lua_newtable(L);
    lua_getfield(L, manifest, "settings");
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        char name[OPTION_NAME_BYTES];
        snprintf(name, sizeof name, "%s.%s", rule->name, field(L, "name"));
        enum option_type type;
        bool known = option_type_find(field(L, "type"), &type);
        assert(known);
        lua_getfield(L, -1, "name");
        setting_push(L, config, name, type);
        lua_rawset(L, manifest + 3);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lua_pushstring(L, "settings");
    lua_call(L, 2, 1); /* our own function, no cap: it does not raise */
    int reference = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_settop(L, manifest);
    return reference;
}

void ruleset_bind(const struct ruleset *ruleset, struct state *state,
                  const struct config *config)
{
    lua_State *L = state->L;
    for (size_t i = 0; i < ruleset->count; i++) {
        struct rule *rule = &ruleset->rules[i];
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->manifest_refs[i]);
        state->settings_refs[i] = settings_make(L, state, rule, config);
        lua_getfield(L, -1, "handlers");
        for (int stage = 0; stage < STAGE_COUNT; stage++) {
            lua_getfield(L, -1, stage_name((enum stage)stage));
            rule->handles[stage] = rule->enabled && !lua_isnil(L, -1);
            state->handler_refs[i][stage] = luaL_ref(L, LUA_REGISTRYINDEX);
        }
        lua_settop(L, 0);
    }
}
