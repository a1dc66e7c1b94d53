/* SPDX-License-Identifier: MIT */
/*
 * Sends RCPT after RCPT to a milter and measures how long each answer takes. Speaks as
 * Postfix does (version 6, macros before each event, abort between transactions), as far as
 * that goes, and declares a size. tests/bench/directory and tests/bench/quota start it.
 *
 * Usage: bench_rcpt SOCKET SECONDS < RECIPIENTS    (a path; one address a line)
 *
 * Prints `rcpt key=value ...`, times in microseconds. An answer other than CONTINUE ends it
 * with an error.
 */
#include "times.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    RECIPIENTS = 50, /* a transaction */
    PACKET_BYTES = 4096,
    LIMIT_SECONDS = 30, /* for one answer */
    VERSION = 6,
    ALL_ACTIONS = 0x1ff,
    ALL_STEPS = 0x1fffff,
};

/* In the order of the milter protocol: the step bits that say that the filter declines it,
 * or takes it without an answer. */
struct event {
    char letter;
    uint32_t declined, silent;
};

static const struct event connect_event = {'C', 1U << 0, 1U << 12};
static const struct event helo_event = {'H', 1U << 1, 1U << 13};
static const struct event mail_event = {'M', 1U << 2, 1U << 14};
static const struct event rcpt_event = {'R', 1U << 3, 1U << 15};

struct client {
    int socket;
    uint32_t steps;
    char out[PACKET_BYTES];
    size_t used;
};

_Noreturn static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static void put(struct client *client, const void *bytes, size_t length)
{
    if (length > sizeof client->out - client->used) {
        fprintf(stderr, "a packet is too long\n");
        exit(1);
    }
    memcpy(client->out + client->used, bytes, length);
    client->used += length;
}

/* A packet of a letter and bytes. */
static void put_packet(struct client *client, char letter, const void *bytes, size_t length)
{
    uint32_t size = htonl((uint32_t)length + 1);
    put(client, &size, sizeof size);
    put(client, &letter, 1);
    put(client, bytes, length);
}

/* All that was put goes out at once. */
static void send_all(struct client *client)
{
    for (size_t sent = 0; sent < client->used;) {
        ssize_t written = write(client->socket, client->out + sent, client->used - sent);
        if (written <= 0) {
            give_up("the filter takes nothing");
        }
        sent += (size_t)written;
    }
    client->used = 0;
}

static void read_exactly(const struct client *client, void *bytes, size_t length)
{
    for (size_t got = 0; got < length;) {
        ssize_t more = read(client->socket, (char *)bytes + got, length - got);
        if (more <= 0) {
            give_up("the filter gives no answer");
        }
        got += (size_t)more;
    }
}

/* The letter; the rest of the answer into bytes of PACKET_BYTES. */
static char receive(const struct client *client, unsigned char *bytes)
{
    uint32_t size;
    char letter;
    read_exactly(client, &size, sizeof size);
    size = ntohl(size);
    if (size < 1 || size > PACKET_BYTES) {
        fprintf(stderr, "an answer of %u bytes\n", size);
        exit(1);
    }
    read_exactly(client, &letter, 1);
    read_exactly(client, bytes, size - 1);
    return letter;
}

static void negotiate(struct client *client)
{
    unsigned char answer[PACKET_BYTES];
    const uint32_t offer[] = {htonl(VERSION), htonl(ALL_ACTIONS), htonl(ALL_STEPS)};
    put_packet(client, 'O', offer, sizeof offer);
    send_all(client);
    if (receive(client, answer) != 'O') {
        fprintf(stderr, "the filter does not negotiate\n");
        exit(1);
    }
    memcpy(&client->steps, answer + 2 * sizeof client->steps, sizeof client->steps);
    client->steps = ntohl(client->steps);
}

/* macros are strings, with an empty one behind the last. */
static size_t strings_length(const char *strings)
{
    const char *end = strings;
    while (*end != '\0') {
        end += strlen(end) + 1;
    }
    return (size_t)(end - strings);
}

static void exchange(struct client *client, const struct event *event, const char *macros,
                     const void *bytes, size_t length)
{
    unsigned char answer[PACKET_BYTES];
    char packet[PACKET_BYTES];
    size_t macro_length = strings_length(macros);
    packet[0] = event->letter;
    memcpy(packet + 1, macros, macro_length);
    put_packet(client, 'D', packet, macro_length + 1);
    if ((client->steps & event->declined) == 0) {
        put_packet(client, event->letter, bytes, length);
    }
    send_all(client);
    if ((client->steps & (event->declined | event->silent)) != 0) {
        return;
    }
    char letter = receive(client, answer);
    if (letter != 'c') {
        fprintf(stderr, "%c is answered %c %.200s\n", event->letter, letter,
                letter == 'y' ? (char *)answer : "");
        exit(1);
    }
}

static void open_session(struct client *client, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval limit = {.tv_sec = LIMIT_SECONDS};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    client->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->socket < 0 ||
        setsockopt(client->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        connect(client->socket, (struct sockaddr *)&address, sizeof address) != 0) {
        give_up(path);
    }
    negotiate(client);
    static const char peer[] = "client.example.net\0"
                               "4\x9c\x40" /* IPv4, port 40000 */
                               "192.0.2.7";
    exchange(client, &connect_event,
             "j\0mail.bench.example\0_\0client.example.net [192.0.2.7]\0"
             "{client_addr}\0"
             "192.0.2.7\0",
             peer, sizeof peer);
    exchange(client, &helo_event, "", "client.example.net", sizeof "client.example.net");
}

static void begin_transaction(struct client *client)
{
    char arguments[PACKET_BYTES / 4];
    int length = snprintf(arguments, sizeof arguments, "<sender@remote.example>%cSIZE=%d",
                          '\0', MESSAGE_BYTES);
    exchange(client, &mail_event, "{mail_addr}\0sender@remote.example\0", arguments,
             (size_t)length + 1);
}

static void send_recipient(struct client *client, const char *address)
{
    char typed[PACKET_BYTES / 4];
    char macros[PACKET_BYTES / 4];
    int length = snprintf(typed, sizeof typed, "<%s>", address);
    int used = snprintf(macros, sizeof macros - 1, "{rcpt_addr}%c%s", '\0', address);
    if (length >= (int)sizeof typed || used >= (int)sizeof macros - 1) {
        fprintf(stderr, "an address is too long\n");
        exit(1);
    }
    macros[used + 1] = '\0';
    exchange(client, &rcpt_event, macros, typed, (size_t)length + 1);
}

/* The next transaction begins with the directory that is current then. */
static void end_transaction(struct client *client)
{
    put_packet(client, 'A', "", 0);
}

static void run(struct client *client, const struct recipients *recipients, double seconds,
                struct times *times)
{
    int64_t end = now_ns() + (int64_t)(seconds * 1e9);
    int64_t now = now_ns();
    for (size_t i = 0; now < end; i++) {
        if (i % RECIPIENTS == 0) {
            begin_transaction(client);
        }
        int64_t began = now_ns();
        send_recipient(client, recipients->items[i % recipients->count]);
        now = now_ns();
        times_add(times, now - began);
        if (i % RECIPIENTS == RECIPIENTS - 1) {
            end_transaction(client);
        }
    }
    put_packet(client, 'Q', "", 0);
    send_all(client);
}

int main(int argc, char **argv)
{
    struct client client = {0};
    struct recipients recipients = {0};
    struct times times = {0};
    double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
    if (seconds <= 0 || seconds > 3600) {
        fprintf(stderr, "usage: bench_rcpt SOCKET SECONDS < RECIPIENTS\n");
        return 2;
    }
    recipients_read(&recipients);
    open_session(&client, argv[1]);
    run(&client, &recipients, seconds, &times);
    close(client.socket);
    times_print(&times, "rcpt");
    times_free(&times);
    recipients_free(&recipients);
    return 0;
}
