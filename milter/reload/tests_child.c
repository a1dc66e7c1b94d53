/* SPDX-License-Identifier: MIT */
#include "reload/tests_child.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STOP_MS = 200,  /* between two looks at what signals are pending */
    END_MS = 2000,  /* from SIGTERM to SIGKILL */
    REAP_MS = 10,   /* between two looks at a child that closed its output */
    CHUNKS = 16,    /* of 4 KiB that are read before others get their turn */
    ARGUMENTS = 80, /* a rule's tests fill 500 bytes at most */
    ENVIRONMENT = 32,
    STATUS_FAILING = 1 /* of `foregate test` */
};

extern char **environ;

void tests_child_init(struct tests_child *tests, const struct generation *generation)
{
    *tests = (struct tests_child){
        .generation = generation,
        .output = -1,
        .deadline_ms = clock_monotonic_ms() +
                       config_number(generation_config(generation), "reload.tests_timeout"),
    };
}

/* Options of ours do not reach it: a test gives the same result wherever it runs. */
static void choose_environment(char **chosen)
{
    static const char *const kept[] = {
        "PATH=",         "HOME=",         "TMPDIR=",        "LANG=",
        "ASAN_OPTIONS=", "LSAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS="};
    size_t count = 0;
    for (char **variable = environ; *variable != NULL; variable++) {
        for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
            if (count < ENVIRONMENT && strncmp(*variable, kept[i], strlen(kept[i])) == 0) {
                chosen[count++] = *variable;
            }
        }
    }
    chosen[count] = NULL;
}

/* The files are there, or it is said which is not. */
static bool choose_arguments(struct arena *arena, const struct tests_child *tests,
                             const struct loaded_rule *rule, char **chosen,
                             struct error *error)
{
    const struct config *config = generation_config(tests->generation);
    static const char *const program[] = {"foregate", "-c", "/dev/null", "-o"};
    size_t count = 0;
    while (count < sizeof program / sizeof program[0]) {
        chosen[count] = arena_copy(arena, program[count]);
        count++;
    }
    chosen[count++] =
        arena_format(arena, "rules.path=%s", config_text(config, "rules.path"));
    chosen[count++] = arena_copy(arena, "-o");
    chosen[count++] = arena_format(arena, "lua.path=%s", config_text(config, "lua.path"));
    chosen[count++] = arena_copy(arena, "test");
    const char *names = rule->tests;
    const char *name;
    size_t length;
    int folder = (int)(strrchr(rule->file, '/') - rule->file);
    while (text_next_word(&names, &name, &length) && count < ARGUMENTS) {
        chosen[count] =
            arena_format(arena, "%.*s/%.*s", folder, rule->file, (int)length, name);
        if (access(chosen[count], R_OK) != 0) {
            return error_set(error, ERROR_CONFIG,
                             "%s: its tests %s cannot be read (%s); put them there, or "
                             "correct `tests`",
                             rule->file, chosen[count], strerror(errno));
        }
        count++;
    }
    chosen[count] = NULL;
    return true;
}

/* Signals as a fresh program has them, none of our descriptors. */
static int spawn(pid_t *child, int output, char **arguments)
{
    char *environment[ENVIRONMENT + 1];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    choose_environment(environment);
    sigemptyset(&none);
    sigfillset(&all);
    signal(SIGCHLD,
           SIG_DFL); /* ignored, as some parents leave it, nobody could wait for it */
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int result =
        posix_spawn(child, "/proc/self/exe", &files, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return result;
}

static bool start(struct tests_child *tests, const struct loaded_rule *rule,
                  struct error *error)
{
    char *arguments[ARGUMENTS + 1];
    struct arena *arena = arena_new();
    bool ok = choose_arguments(arena, tests, rule, arguments, error);
    if (ok) {
        int pipe[2];
        int result = pipe2(pipe, O_CLOEXEC) == 0 ? 0 : errno;
        if (result == 0) {
            fcntl(pipe[0], F_SETFL, O_NONBLOCK);
            result = spawn(&tests->child, pipe[1], arguments);
            close(pipe[1]);
            tests->output = pipe[0];
        }
        ok = result == 0 ||
             error_set(error, ERROR_SYSTEM, "%s: its tests %s cannot be started: %s",
                       rule->file, rule->tests, strerror(result));
    }
    arena_free(&arena);
    tests->heard = (struct tests_output){0};
    if (!ok) {
        tests->child = 0; /* not defined behind a failure */
        tests_child_end(tests);
    }
    return ok;
}

static void read_output(struct tests_child *tests)
{
    char chunk[4096];
    for (int i = 0; i < CHUNKS && tests->output >= 0; i++) {
        ssize_t got = read(tests->output, chunk, sizeof chunk);
        if (got > 0) {
            tests_output_hear(&tests->heard, chunk, (size_t)got);
        } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        } else {
            tests_output_end(&tests->heard);
            close(tests->output);
            tests->output = -1;
        }
    }
}

static bool judge(const struct tests_child *tests, const struct loaded_rule *rule,
                  int status, struct error *error)
{
    const char *said = tests->heard.rank > 0 ? tests->heard.said : "they say nothing";
    if (!WIFEXITED(status)) {
        return error_set(error, ERROR_SYSTEM, "%s: its tests %s were ended by signal %d",
                         rule->file, rule->tests, WTERMSIG(status));
    }
    if (WEXITSTATUS(status) == 0) {
        return true;
    }
    bool failed =
        tests_output_has_failure(&tests->heard) || WEXITSTATUS(status) == STATUS_FAILING;
    return error_set(error, failed ? ERROR_CONFIG : ERROR_SYSTEM, "%s: its tests %s %s: %s",
                     rule->file, rule->tests, failed ? "fail" : "cannot be run", said);
}

/* The next rule with tests; false behind the last. */
static bool next_rule(const struct tests_child *tests, size_t *index,
                      struct loaded_rule *rule)
{
    while (generation_rule(tests->generation, *index, rule)) {
        if (rule->tests[0] != '\0') {
            return true;
        }
        ++*index;
    }
    return false;
}

/* One child further, as far as it goes without waiting. */
static enum tests_state watch_child(struct tests_child *tests,
                                    const struct loaded_rule *rule, struct error *error)
{
    int status = SIGKILL; /* as long as nobody tells */
    read_output(tests);
    if (clock_monotonic_ms() >= tests->deadline_ms) {
        tests_child_end(tests);
        error_set(error, ERROR_TIMEOUT,
                  "%s: its tests %s do not end within reload.tests_timeout; is there a "
                  "test that loops?",
                  rule->file, rule->tests);
        return TESTS_FAILED;
    }
    if (tests->output >= 0 || waitpid(tests->child, &status, WNOHANG) == 0) {
        return TESTS_RUNNING;
    }
    tests->child = 0;
    tests->rules++;
    tests->next++;
    return judge(tests, rule, status, error) ? TESTS_PASSED : TESTS_FAILED;
}

enum tests_state tests_child_advance(struct tests_child *tests, struct error *error)
{
    enum tests_state state = TESTS_PASSED;
    struct loaded_rule rule;
    while (state == TESTS_PASSED && next_rule(tests, &tests->next, &rule)) {
        bool runs = tests->child != 0 || start(tests, &rule, error);
        state = runs ? watch_child(tests, &rule, error) : TESTS_FAILED;
    }
    return state;
}

struct pollfd tests_child_event(const struct tests_child *tests)
{
    return (struct pollfd){.fd = tests->output, .events = POLLIN};
}

int tests_child_wait_ms(const struct tests_child *tests)
{
    int64_t left = tests->deadline_ms - clock_monotonic_ms();
    left = tests->output < 0 && left > REAP_MS ? REAP_MS : left;
    return left > 0 ? (int)left : 0;
}

/* A test in its middle removes its files first, when it is given the time. */
static void end_child(pid_t child)
{
    kill(child, SIGTERM);
    for (int i = 0; i < END_MS / REAP_MS; i++) {
        if (waitpid(child, NULL, WNOHANG) != 0) {
            return;
        }
        poll(NULL, 0, REAP_MS);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

void tests_child_end(struct tests_child *tests)
{
    if (tests->child > 0) {
        end_child(tests->child);
        tests->child = 0;
    }
    if (tests->output >= 0) {
        close(tests->output);
        tests->output = -1;
    }
}

/* Of a program that takes signals only when it waits for them. */
static bool is_to_stop(void)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

bool tests_child_run(const struct generation *generation, struct error *error)
{
    struct tests_child tests;
    enum tests_state state;
    tests_child_init(&tests, generation);
    while ((state = tests_child_advance(&tests, error)) == TESTS_RUNNING && !is_to_stop()) {
        struct pollfd event = tests_child_event(&tests);
        int wait_ms = tests_child_wait_ms(&tests);
        poll(&event, 1, wait_ms < STOP_MS ? wait_ms : STOP_MS);
    }
    if (state == TESTS_RUNNING) {
        error_set(error, ERROR_SYSTEM, "rules: stopped before their tests had ended");
    }
    tests_child_end(&tests);
    return state == TESTS_PASSED;
}
