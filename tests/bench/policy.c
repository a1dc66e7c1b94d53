/* SPDX-License-Identifier: MIT */
/*
 * Asks quota-status question after question over one kept-open connection and measures how
 * long each answer takes: what Dovecot itself needs, whoever asks. tests/bench/quota starts
 * it.
 *
 * Usage: bench_policy PORT SECONDS < RECIPIENTS    (of 127.0.0.1; one address a line)
 *
 * Prints `policy key=value ...`, times in microseconds. An answer other than DUNNO ends it
 * with an error.
 */
#include "times.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    PACKET_BYTES = 4096,
    LIMIT_SECONDS = 30, /* for one answer */
};

_Noreturn static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static int open_connection(const char *port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
    };
    const struct timeval limit = {.tv_sec = LIMIT_SECONDS};
    const int on = 1;
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer < 0 || setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        connect(peer, (const struct sockaddr *)&address, sizeof address) != 0) {
        give_up(port);
    }
    return peer;
}

/* An answer ends with an empty line. */
static void read_answer(int peer)
{
    static const char wanted[] = "action=DUNNO\n\n";
    char answer[PACKET_BYTES + 1];
    size_t used = 0;
    while (used < 2 || memcmp(answer + used - 2, "\n\n", 2) != 0) {
        ssize_t more = read(peer, answer + used, PACKET_BYTES - used);
        if (more <= 0) {
            give_up("quota-status gives no answer");
        }
        used += (size_t)more;
    }
    answer[used] = '\0';
    if (strcmp(answer, wanted) != 0) {
        fprintf(stderr, "quota-status answers %s", answer);
        exit(1);
    }
}

static void ask(int peer, const char *recipient)
{
    char question[PACKET_BYTES];
    int length = snprintf(question, sizeof question,
                          "request=smtpd_access_policy\nprotocol_state=RCPT\n"
                          "protocol_name=ESMTP\nrecipient=%s\nsize=%d\n\n",
                          recipient, MESSAGE_BYTES);
    if (length >= (int)sizeof question) {
        fprintf(stderr, "an address is too long\n");
        exit(1);
    }
    if (write(peer, question, (size_t)length) != length) {
        give_up("quota-status takes nothing");
    }
    read_answer(peer);
}

int main(int argc, char **argv)
{
    struct recipients recipients = {0};
    struct times times = {0};
    double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
    if (seconds <= 0 || seconds > 3600) {
        fprintf(stderr, "usage: bench_policy PORT SECONDS < RECIPIENTS\n");
        return 2;
    }
    recipients_read(&recipients);
    int peer = open_connection(argv[1]);
    int64_t end = now_ns() + (int64_t)(seconds * 1e9);
    int64_t now = now_ns();
    for (size_t i = 0; now < end; i++) {
        int64_t began = now_ns();
        ask(peer, recipients.items[i % recipients.count]);
        now = now_ns();
        times_add(&times, now - began);
    }
    close(peer);
    times_print(&times, "policy");
    times_free(&times);
    recipients_free(&recipients);
    return 0;
}
