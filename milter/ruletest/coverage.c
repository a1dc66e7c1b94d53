/* SPDX-License-Identifier: MIT */
#include "ruletest/coverage.h"

#include "base/arena.h"
#include "base/text.h"
#include "script/limits.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 200, LINES = 10000, DEPTH = 20 };

enum line_state { LINE_EMPTY, LINE_NEVER_RUN, LINE_RAN };

struct covered {
    const char *path;
    char lines[LINES + 1]; /* enum line_state */
    bool seen[LINES + 1];  /* the function that begins in this line */
};

static struct {
    struct arena *arena; /* NULL: not begun */
    const char *lua_path;
    const char *test;
    struct covered *files[FILES];
    size_t count;
} coverage;

static bool is_rule(const char *path)
{
    size_t length = strlen(coverage.lua_path);
    bool is_library = strncmp(path, coverage.lua_path, length) == 0 && path[length] == '/';
    return !is_library && (coverage.test == NULL || strcmp(path, coverage.test) != 0);
}

/* NULL: no rule file, or one too many. */
static struct covered *file_get(const char *source)
{
    if (source[0] != '@' || !is_rule(source + 1)) {
        return NULL;
    }
    for (size_t i = coverage.count; i > 0; i--) {
        if (strcmp(coverage.files[i - 1]->path, source + 1) == 0) {
            return coverage.files[i - 1];
        }
    }
    if (coverage.count == FILES) {
        return NULL;
    }
    struct covered *file = arena_alloc(coverage.arena, sizeof *file);
    file->path = arena_copy(coverage.arena, source + 1);
    coverage.files[coverage.count++] = file;
    return file;
}

/* The lines of the function on top of the stack, which goes. */
static void add_lines(lua_State *L, struct covered *file)
{
    lua_Debug record;
    lua_getinfo(L, ">L", &record);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        lua_Integer line = lua_tointeger(L, -2);
        if (line > 0 && line <= LINES && file->lines[line] == LINE_EMPTY) {
            file->lines[line] = LINE_NEVER_RUN;
        }
    }
    lua_pop(L, 1);
}

static void look_at(lua_State *L, int depth);

/* The function on top of the stack, which stays. */
static void look_at_function(lua_State *L, int depth)
{
    lua_Debug record;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">S", &record);
    struct covered *file = file_get(record.source);
    if (file == NULL || record.linedefined > LINES || file->seen[record.linedefined]) {
        return;
    }
    file->seen[record.linedefined] = true;
    lua_pushvalue(L, -1);
    add_lines(L, file);
    for (int i = 1; lua_getupvalue(L, -1, i) != NULL; i++) {
        look_at(L, depth + 1);
        lua_pop(L, 1);
    }
}

/* Functions of rule files in the value on top of the stack, those that they use, and those
 * in tables; but not in frozen ones, which are ours. */
static void look_at(lua_State *L, int depth)
{
    if (depth == DEPTH || lua_checkstack(L, 5) == 0) {
        return;
    }
    if (lua_isfunction(L, -1) && !lua_iscfunction(L, -1)) {
        look_at_function(L, depth);
    } else if (lua_istable(L, -1) && lua_getmetatable(L, -1) != 0) {
        lua_pop(L, 1);
    } else if (lua_istable(L, -1)) {
        for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
            look_at(L, depth + 1);
        }
    }
}

/* What a file returns leads to all its functions that anybody can call. */
static void look_at_results(lua_State *L, lua_Debug *record)
{
    lua_getinfo(L, "r", record);
    for (int i = 0; i < record->ntransfer; i++) {
        if (lua_getlocal(L, record, record->ftransfer + i) != NULL) {
            look_at(L, 0);
            lua_pop(L, 1);
        }
    }
}

static void note(lua_State *L, lua_Debug *record)
{
    lua_getinfo(L, "Sl", record);
    struct covered *file = file_get(record->source);
    if (file == NULL || record->currentline < 1 || record->currentline > LINES) {
        return;
    }
    if (record->event == LUA_HOOKRET && *record->what == 'm') { /* "main" */
        look_at_results(L, record);
    }
    file->lines[record->currentline] = LINE_RAN;
    lua_getinfo(L, "f", record);
    look_at(L, 0);
    lua_pop(L, 1);
}

void coverage_begin(const char *lua_path)
{
    coverage.arena = arena_new();
    coverage.lua_path = lua_path;
    limit_watch_lines(note);
}

void coverage_leave_out(const char *path)
{
    coverage.test = path;
}

/* Lua counts a jump behind a `return` to the `end` below it, which is never reached. */
static bool is_code(const char *line)
{
    static const char *const words[] = {"end", "else"};
    line += strspn(line, " \t");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);
        line += strncmp(line, words[i], length) == 0 ? length : 0;
    }
    return line[strspn(line, " \t\r\n(){},;")] != '\0';
}

static void forget_ends(struct covered *file)
{
    FILE *source = fopen(file->path, "r");
    char *text = NULL;
    size_t size = 0;
    for (int line = 1;
         source != NULL && line <= LINES && getline(&text, &size, source) >= 0; line++) {
        if (file->lines[line] == LINE_NEVER_RUN && !is_code(text)) {
            file->lines[line] = LINE_EMPTY;
        }
    }
    free(text);
    if (source != NULL) {
        fclose(source);
    }
}

/* `3 7-9` */
static void print_missing(const struct covered *file)
{
    for (int line = 1; line <= LINES; line++) {
        if (file->lines[line] != LINE_NEVER_RUN) {
            continue;
        }
        int last = line;
        for (int at = line; at <= LINES && file->lines[at] != LINE_RAN; at++) {
            last = file->lines[at] == LINE_NEVER_RUN ? at : last;
        }
        printf(last > line ? " %d-%d" : " %d", line, last);
        line = last;
    }
}

static void print_file(struct covered *file)
{
    int all = 0;
    int ran = 0;
    forget_ends(file);
    for (int line = 1; line <= LINES; line++) {
        all += file->lines[line] != LINE_EMPTY;
        ran += file->lines[line] == LINE_RAN;
    }
    printf("# coverage %s: %d of %d lines",
           text_printable(coverage.arena, file->path, strlen(file->path)), ran, all);
    if (ran < all) {
        printf("; never run:");
        print_missing(file);
    }
    putchar('\n');
}

void coverage_print(void)
{
    if (coverage.arena == NULL) {
        return;
    }
    limit_watch_lines(NULL);
    for (size_t i = 0; i < coverage.count; i++) {
        /* Those that a test wrote itself went with it. */
        if (access(coverage.files[i]->path, F_OK) == 0) {
            print_file(coverage.files[i]);
        }
    }
    coverage.count = 0;
    arena_free(&coverage.arena);
}
