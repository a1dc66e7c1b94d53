/* SPDX-License-Identifier: MIT */
#include "listener.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *unix_path(const char *listen)
{
    static const char *const prefixes[] = {"unix:", "local:"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(listen, prefixes[i], strlen(prefixes[i])) == 0) {
            return listen + strlen(prefixes[i]);
        }
    }
    return NULL;
}

static int fail(int fd, struct error *error, const char *what, const char *remedy)
{
    error_set(error, ERROR_CONFIG, "%s: %s; %s", what, strerror(errno), remedy);
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* True when the name is free afterwards: nobody there, or the socket of a program that is
 * gone. */
static bool clear_name(const struct sockaddr_un *address, struct error *error)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0) {
        return true;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return error_set(
            error, ERROR_CONFIG,
            "something that is no socket has this name: remove it, or choose another name");
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int result = connect(probe, (const struct sockaddr *)address, sizeof *address);
    int reason = result == 0 ? 0 : errno;
    close(probe);
    if (reason == 0 || reason == EAGAIN) { /* EAGAIN: others wait there already */
        return error_set(error, ERROR_CONFIG,
                         "another program answers there: stop it, or choose another name");
    }
    if (reason != ECONNREFUSED) {
        return error_set(
            error, ERROR_CONFIG,
            "cannot tell whether a program answers there: %s; stop it and remove the "
            "socket, or choose another name",
            strerror(reason));
    }
    unlink(address->sun_path);
    return true;
}

static bool set_access(const struct listener_settings *settings, const char *path,
                       struct error *error)
{
    if (settings->group != NULL && settings->group[0] != '\0') {
        errno = 0;
        const struct group *group = getgrnam(settings->group);
        if (group == NULL) {
            return error_set(
                error, ERROR_CONFIG,
                "listen.group = %s: there is no such group: create it, or name another",
                settings->group);
        }
        if (chown(path, (uid_t)-1, group->gr_gid) != 0) {
            return error_set(error, ERROR_CONFIG, "listen.group = %s: %s: %s",
                             settings->group, path, strerror(errno));
        }
    }
    if (chmod(path, (mode_t)strtoul(settings->mode, NULL, 8)) != 0) {
        return error_set(error, ERROR_CONFIG, "listen.mode = %s: %s: %s", settings->mode,
                         path, strerror(errno));
    }
    return true;
}

static int open_unix(const struct listener_settings *settings, const char *path,
                     struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] != '/' || strlen(path) >= sizeof address.sun_path) {
        error_set(error, ERROR_CONFIG,
                  "write an absolute path of at most %zu bytes behind unix:",
                  sizeof address.sun_path - 1);
        return -1;
    }
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (!clear_name(&address, error)) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        return fail(fd, error, "cannot bind",
                    "does the folder exist, and may this user write to it?");
    }
    if (!set_access(settings, path, error)) {
        close(fd);
        unlink(path);
        return -1;
    }
    return fd;
}

static int bind_first(const struct addrinfo *found, struct error *error)
{
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    /* Connections have TCP_NODELAY from it. libmilter writes each edit by itself, and
     * without it the second one waits 40 ms for the MTA to acknowledge the first. */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0) {
        return fail(fd, error, "cannot bind",
                    "is the port in use, or the address another host's?");
    }
    return fd;
}

/* inet:port@host as libmilter and sendmail write it. */
static int open_inet(int family, const char *rest, struct error *error)
{
    char port[16];
    const char *at = strchr(rest, '@');
    size_t length = at != NULL ? (size_t)(at - rest) : strlen(rest);
    if (length == 0 || length >= sizeof port || strspn(rest, "0123456789") < length) {
        error_set(error, ERROR_CONFIG,
                  "write inet:port@host (Postfix writes it inet:host:port)");
        return -1;
    }
    snprintf(port, sizeof port, "%.*s", (int)length, rest);
    char host[256] = "";
    if (at != NULL) {
        snprintf(host, sizeof host, "%s", at + 1);
    }
    size_t host_length = strlen(host);
    bool bracketed = host_length >= 2 && host[0] == '[' && host[host_length - 1] == ']';
    if (bracketed) {
        host[host_length - 1] = '\0';
    }
    const struct addrinfo hints = {
        .ai_family = family,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    struct addrinfo *found = NULL;
    int result =
        getaddrinfo(host[0] != '\0' ? host + bracketed : NULL, port, &hints, &found);
    if (result != 0) {
        error_set(error, ERROR_CONFIG, "%s: write an address of this host",
                  gai_strerror(result));
        return -1;
    }
    int fd = bind_first(found, error);
    freeaddrinfo(found);
    return fd;
}

static int open_any(const struct listener_settings *settings, struct error *error)
{
    const char *listen = settings->listen;
    const char *path = unix_path(listen);
    if (path != NULL) {
        return open_unix(settings, path, error);
    }
    if (strncmp(listen, "inet6:", 6) == 0) {
        return open_inet(AF_INET6, listen + 6, error);
    }
    if (strncmp(listen, "inet:", 5) == 0) {
        return open_inet(AF_INET, listen + 5, error);
    }
    error_set(error, ERROR_CONFIG, "write unix:/path, inet:port@host or inet6:port@host");
    return -1;
}

int listener_open(const struct listener_settings *settings, struct error *error)
{
    int fd = open_any(settings, error);
    if (fd < 0) {
        error_wrap(error, "%s = %s", settings->option, settings->listen);
    }
    return fd;
}

void listener_close(int fd, const struct listener_settings *settings)
{
    const char *path = unix_path(settings->listen);
    if (path != NULL) {
        unlink(path);
    }
    /* Without a name of its own nobody can connect to it. */
    int quiet = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const struct sockaddr_un nameless = {.sun_family = AF_UNIX};
    if (quiet >= 0 &&
        bind(quiet, (const struct sockaddr *)&nameless, sizeof(sa_family_t)) == 0 &&
        listen(quiet, 1) == 0) {
        dup2(quiet, fd);
    }
    if (quiet >= 0) {
        close(quiet);
    }
}
