/* SPDX-License-Identifier: MIT */
#include "reload/control.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 16, CLIENT_MS = 1000, PAUSE_MS = 1000, ANSWER_BYTES = 8192 };

static const char prefix[] = "unix:";

/* For the default, whose folder exists where a service manager made it, and else does not.
 */
static void make_folder(const char *path)
{
    char folder[128];
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;
    if (length > 0 && length < sizeof folder) {
        memcpy(folder, path, length);
        folder[length] = '\0';
        mkdir(folder, 0755); /* when it fails, so does what follows, and says why */
    }
}

bool control_open(struct control *control, const char *address, struct error *error)
{
    *control = (struct control){.socket = -1};
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        control->clients[i].socket = -1;
    }
    if (address == NULL || *address == '\0') {
        return true;
    }
    const char *path = address + strlen(prefix); /* config has checked its form */
    const struct listener_settings settings = {
        .option = "control", .listen = address, .mode = "0600"};
    make_folder(path);
    int listener = listener_open(&settings, error);
    if (listener < 0) {
        return false;
    }
    if (fcntl(listener, F_SETFL, O_NONBLOCK) != 0 || listen(listener, BACKLOG) != 0) {
        error_set(error, ERROR_SYSTEM, "control = %s: %s", address, strerror(errno));
        close(listener);
        unlink(path);
        return false;
    }
    control->socket = listener;
    control->path = path;
    return true;
}

static void drop(struct control_client *client)
{
    close(client->socket);
    *client = (struct control_client){.socket = -1};
}

void control_close(struct control *control)
{
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].socket >= 0) {
            drop(&control->clients[i]);
        }
    }
    if (control->socket >= 0) {
        close(control->socket);
        control->socket = -1;
    }
}

void control_remove(const struct control *control)
{
    if (control->path != NULL) {
        unlink(control->path);
    }
}

static struct control_client *free_client(struct control *control)
{
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].socket < 0) {
            return &control->clients[i];
        }
    }
    return NULL;
}

/* A client that waits for the outcome has nothing more to say; when all places are taken,
 * or all descriptors, further ones wait in the backlog. */
void control_events(const struct control *control, struct pollfd *events)
{
    bool has_place = false;
    bool is_paused = clock_monotonic_ms() < control->pause_ms;
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        const struct control_client *client = &control->clients[i];
        events[i] =
            (struct pollfd){.fd = client->waits ? -1 : client->socket, .events = POLLIN};
        has_place = has_place || client->socket < 0;
    }
    events[CONTROL_CLIENTS] = (struct pollfd){
        .fd = has_place && !is_paused ? control->socket : -1, .events = POLLIN};
}

/* A line is far smaller than the socket's buffer, so it goes at once or not at all. */
static void answer(struct control_client *client, const char *word, const char *text)
{
    char line[ANSWER_BYTES];
    struct arena *arena = arena_new();
    const char *clean = text_printable(arena, text, sizeof line - 32);
    int length = snprintf(line, sizeof line, "%s %s\n", word, clean);
    ssize_t sent = send(client->socket, line, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* who is gone does not want to know */
    arena_free(&arena);
    drop(client);
}

static bool take_line(struct control_client *client)
{
    if (strcmp(client->line, "reload") != 0) {
        answer(client, "error", "there is no such command");
        return false;
    }
    client->waits = true;
    return true;
}

/* True: it has asked for a reload now. */
static bool read_client(struct control_client *client)
{
    size_t room = sizeof client->line - client->length;
    ssize_t got = recv(client->socket, client->line + client->length, room, MSG_DONTWAIT);
    bool is_later = got < 0 && (errno == EAGAIN || errno == EINTR);
    if (is_later && clock_monotonic_ms() < client->deadline_ms) {
        return false;
    }
    if (got <= 0) {
        drop(client);
        return false;
    }
    client->length += (size_t)got;
    char *end = memchr(client->line, '\n', client->length);
    if (end != NULL) {
        *end = '\0';
        return take_line(client);
    }
    if (client->length == sizeof client->line) {
        answer(client, "error", "the line is too long");
    }
    return false;
}

static void accept_clients(struct control *control)
{
    struct control_client *client;
    while (control->socket >= 0 && (client = free_client(control)) != NULL) {
        int connection = accept4(control->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (connection < 0) {
            bool is_none = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
            control->pause_ms = is_none ? 0 : clock_monotonic_ms() + PAUSE_MS;
            return;
        }
        *client = (struct control_client){
            .socket = connection,
            .deadline_ms = clock_monotonic_ms() + CLIENT_MS,
        };
    }
}

bool control_serve(struct control *control)
{
    bool asked = false;
    accept_clients(control);
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        struct control_client *client = &control->clients[i];
        if (client->socket >= 0 && !client->waits) {
            asked = read_client(client) || asked;
        }
    }
    return asked;
}

bool control_has_waiting(const struct control *control)
{
    int i = 0;
    while (i < CONTROL_CLIENTS && !control->clients[i].waits) {
        i++;
    }
    return i < CONTROL_CLIENTS;
}

void control_answer(struct control *control, const char *word, const char *text)
{
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].waits) {
            answer(&control->clients[i], word, text);
        }
    }
}
