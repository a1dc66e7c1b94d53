/* SPDX-License-Identifier: MIT */
/* `foregate reload`: asks the running program to reload, and says what came of it. */
#include "base/clock.h"
#include "command/command.h"
#include "command/options.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static const char help[] =
    "Usage: foregate [-c FILE] [-o name=value]... reload\n"
    "\n"
    "Asks the running program, at its socket `control`, to load rules, configuration and\n"
    "directory again, and waits for the outcome: what is in use now, or what is wrong.\n"
    "\n"
    "Exit status: 0 all of it is in use, 1 rules or directory are broken and the old ones\n"
    "stay in use, 2 no program answers there, or not in time.\n";

/* Beside twice the time of the tests: files may change while they run. */
enum { WAIT_MS = 20000, CONNECT_SECONDS = 5, TESTS_MS = 30000, ANSWER_BYTES = 8192 };

/* The configuration may be what is wrong: then its defaults do. */
static int64_t wait_limit_ms(const struct config *config)
{
    struct error ignored;
    int64_t tests_ms = config_check_declared(config, &ignored)
                           ? config_number(config, "reload.tests_timeout")
                           : TESTS_MS;
    return WAIT_MS + 2 * tests_ms;
}

static bool fill_address(const char *control, struct sockaddr_un *address,
                         struct error *error)
{
    static const char prefix[] = "unix:";
    const size_t skipped = sizeof prefix - 1;
    if (control == NULL || *control == '\0') {
        return error_set(error, ERROR_CONFIG,
                         "control is empty, so there is no socket to ask at: set it for "
                         "`run` and for this command, or send SIGUSR1");
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strncmp(control, prefix, skipped) != 0 ||
        strlen(control + skipped) >= sizeof address->sun_path) {
        return error_set(error, ERROR_CONFIG, "control = %s: write unix:/path", control);
    }
    memcpy(address->sun_path, control + skipped, strlen(control + skipped) + 1);
    return true;
}

static const char *remedy_for(int number)
{
    switch (number) {
    case ENOENT:
    case ECONNREFUSED:
        return "does the program run, with this `control`?";
    case EACCES:
    case EPERM:
        return "only the user it runs as, and root, may ask";
    default:
        return "does the program still work?";
    }
}

/* A connected socket that has said what it wants, or -1. */
static int ask(const char *control, struct error *error)
{
    static const char line[] = "reload\n";
    const struct timeval limit = {.tv_sec = CONNECT_SECONDS};
    struct sockaddr_un address;
    if (!fill_address(control, &address, error)) {
        return -1;
    }
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0 ||
        setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        connect(connection, (const struct sockaddr *)&address, sizeof address) != 0 ||
        send(connection, line, sizeof line - 1, MSG_NOSIGNAL) != sizeof line - 1) {
        error_set(error, ERROR_REMOTE, "control = %s: %s; %s", control, strerror(errno),
                  remedy_for(errno));
        if (connection >= 0) {
            close(connection);
        }
        return -1;
    }
    return connection;
}

/* The one line that it answers, without its end. */
static bool read_answer(int connection, int64_t limit_ms, char *line, size_t size,
                        struct error *error)
{
    const int64_t end_ms = clock_monotonic_ms() + limit_ms;
    size_t length = 0;
    while (length == 0 || line[length - 1] != '\n') {
        struct pollfd event = {.fd = connection, .events = POLLIN};
        int64_t left_ms = end_ms - clock_monotonic_ms();
        if (left_ms <= 0 || poll(&event, 1, (int)left_ms) == 0) {
            return error_set(error, ERROR_TIMEOUT,
                             "no answer within %lld s; the program may still be at it: its "
                             "log says what comes of it",
                             (long long)(limit_ms / 1000));
        }
        ssize_t got = recv(connection, line + length, size - 1 - length, 0);
        if (got <= 0) {
            return error_set(error, ERROR_REMOTE,
                             "the program ended before it had answered; its log says why");
        }
        length += (size_t)got;
    }
    line[length - 1] = '\0';
    return true;
}

static int show(char *line)
{
    struct error error;
    char *text = strchr(line, ' ');
    text = text != NULL ? text + 1 : line;
    if (strncmp(line, "ok ", 3) == 0) {
        return puts(text) >= 0 && fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
    }
    error_set(&error, ERROR_REMOTE, "%s", text);
    options_fail("reload", &error);
    return strncmp(line, "kept ", 5) == 0 ? STATUS_FINDING : STATUS_FAILED;
}

int command_reload(struct config *config, int argc, char **argv)
{
    const struct option_flag flags[] = {{NULL, NULL}};
    switch (options_read(&argc, argv, flags, help)) {
    case OPTIONS_HELP:
        return STATUS_OK;
    case OPTIONS_USAGE:
        return STATUS_FAILED;
    case OPTIONS_GO_ON:
        break;
    }
    if (argc > 1) {
        return options_misused("reload", "takes no operands");
    }
    struct error error = {0};
    char line[ANSWER_BYTES];
    int connection = ask(config_text(config, "control"), &error);
    bool answered = connection >= 0 && read_answer(connection, wait_limit_ms(config), line,
                                                   sizeof line, &error);
    if (connection >= 0) {
        close(connection);
    }
    return answered ? show(line) : options_fail("reload", &error);
}
