/* SPDX-License-Identifier: MIT */
#include "ruletest/suite.h"

#include "base/text.h"
#include "directory/file.h"
#include "ruletest/coverage.h"
#include "ruletest/harness.h"
#include "ruletest/log_lines.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHOWN_LINES = 10, NAME_BYTES = 300, LINE_BYTES = 2000 };

/* One file. */
struct run {
    const struct suite_settings *settings;
    struct suite_result *result;
    const char *path;
    const char *source;
    const char *rules_path; /* with the file's folder */
    struct arena *arena;
};

static bool is_interrupted(struct error *error)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGHUP);
    const struct timespec none = {0};
    int signal = sigtimedwait(&wanted, NULL, &none);
    if (signal > 0) {
        error_set(error, ERROR_SYSTEM, "interrupted by signal %d", signal);
    }
    return signal > 0;
}

/* Each line as a comment. */
static void print_comment(struct arena *arena, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        const char *line = arena_copy_bytes(arena, text, length);
        printf("# %s\n", text_printable(arena, line, LINE_BYTES));
        text += length + (text[length] == '\n');
    }
}

/* A `#` would begin a directive like TODO. */
static void print_point(struct run *run, bool ok, const char *name)
{
    run->result->tests++;
    run->result->failures += ok ? 0 : 1;
    printf("%sok %zu - ", ok ? "" : "not ", run->result->tests);
    for (const char *at = text_printable(run->arena, name, NAME_BYTES); *at != '\0'; at++) {
        if (*at == '#' || *at == '\\') {
            putchar('\\');
        }
        putchar(*at);
    }
    putchar('\n');
}

static bool is_telling(const char *line)
{
    return strncmp(line, "debug ", 6) != 0 && strncmp(line, "info message ", 13) != 0;
}

/* What was logged says why a rule did what it did. */
static void print_log(struct arena *arena)
{
    size_t count = log_lines_count();
    int shown = 0;
    for (size_t i = 0; i < count && shown < SHOWN_LINES; i++) {
        const char *line = log_lines_get(i);
        if (is_telling(line)) {
            print_comment(arena, arena_format(arena, "  log: %s", line));
            shown++;
        }
    }
}

/* False: the world could not be made. */
static bool run_test(struct run *run, const struct harness *names, size_t index,
                     struct error *error)
{
    struct trial trial;
    struct harness harness;
    if (!trial_begin(&trial, run->rules_path, run->settings->lua_path, error)) {
        return false;
    }
    const char *failure = NULL;
    bool ok = harness_open(&harness, run->path, run->source, run->settings->lua_path,
                           &trial, error);
    if (ok) {
        size_t found = harness_find(&harness, names, index);
        failure = found < harness.count ? harness_run(&harness, found, run->arena)
                                        : "the file does not name the same tests each time";
        harness_close(&harness);
    } else if (error->kind == ERROR_CONFIG) {
        failure = arena_copy(run->arena, error->text);
        ok = true;
    }
    trial_end(&trial);
    if (ok) {
        print_point(run, failure == NULL, harness_name(names, index));
    }
    if (failure != NULL) {
        print_comment(run->arena, failure);
        print_log(run->arena);
    }
    return ok;
}

static bool run_tests(struct run *run, const struct harness *names, struct error *error)
{
    for (size_t i = 0; i < names->count; i++) {
        if (is_interrupted(error) || !run_test(run, names, i, error)) {
            return false;
        }
        if (fflush(stdout) != 0) {
            return error_set(error, ERROR_SYSTEM, "cannot write the results: %m");
        }
    }
    return true;
}

static void report_broken(struct run *run, const char *reason)
{
    run->result->broken++;
    print_point(run, false, run->path);
    print_comment(run->arena, reason);
}

/* What names the folder of the file in rules.path. */
static bool find_rules(struct run *run, struct error *error)
{
    const char *slash = strrchr(run->path, '/');
    const char *folder =
        slash == NULL ? "."
        : slash == run->path
            ? "/"
            : arena_copy_bytes(run->arena, run->path, (size_t)(slash - run->path));
    if (strpbrk(folder, " ,\t\n") != NULL) {
        return error_set(error, ERROR_CONFIG,
                         "a folder with a blank or a comma in its name cannot be one of "
                         "rules.path: rename it");
    }
    run->rules_path = arena_format(run->arena, "%s %s", run->settings->rules_path, folder);
    return true;
}

static bool run_file(struct run *run, struct error *error)
{
    print_comment(run->arena, run->path);
    struct harness names;
    struct error problem = {0};
    coverage_leave_out(run->path);
    run->source = file_read_text(run->arena, run->path, &problem);
    if (run->source == NULL || !find_rules(run, &problem)) {
        report_broken(run, problem.text);
        return true;
    }
    if (!harness_open(&names, run->path, run->source, run->settings->lua_path, NULL,
                      &problem)) {
        if (problem.kind != ERROR_CONFIG) {
            *error = problem;
            return false;
        }
        report_broken(run, problem.text);
        return true;
    }
    bool ok = true;
    if (names.count == 0) {
        report_broken(run, "it has no tests: write test(\"name\", function(t) ... end)");
    } else {
        ok = run_tests(run, &names, error);
    }
    harness_close(&names);
    return ok;
}

bool suite_run(const struct suite_settings *settings, const char *const *paths,
               size_t count, struct suite_result *result, struct error *error)
{
    *result = (struct suite_result){0};
    setenv("TZ", "UTC0", 1);
    tzset();
    log_lines_begin();
    if (settings->coverage) {
        coverage_begin(settings->lua_path);
    }
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        struct run run = {
            .settings = settings, .result = result, .path = paths[i], .arena = arena_new()};
        ok = run_file(&run, error);
        arena_free(&run.arena);
    }
    log_lines_clear();
    coverage_print();
    if (ok) {
        printf("1..%zu\n", result->tests);
    } else {
        printf("Bail out! %s\n", error->text);
    }
    return ok;
}
