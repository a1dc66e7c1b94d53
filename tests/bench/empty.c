/* SPDX-License-Identifier: MIT */
/*
 * The least a milter can do with libmilter: every event is taken and answered CONTINUE,
 * headers are taken without a reply, the body is skipped. It is what Foregate's throughput
 * is compared with, so it negotiates the same steps; in particular it answers DATA, since
 * over TCP a milter that declines DATA waits for a delayed acknowledgement of 40 ms a
 * message.
 *
 * Usage: bench_empty SOCKET     (libmilter form: unix:/path or inet:port@host)
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <libmilter/mfapi.h>

static sfsistat on_connect(SMFICTX *context, char *host, _SOCK_ADDR *address)
{
    (void)context, (void)host, (void)address;
    return SMFIS_CONTINUE;
}

static sfsistat on_helo(SMFICTX *context, char *name)
{
    (void)context, (void)name;
    return SMFIS_CONTINUE;
}

static sfsistat on_envelope(SMFICTX *context, char **arguments)
{
    (void)context, (void)arguments;
    return SMFIS_CONTINUE;
}

static sfsistat on_event(SMFICTX *context)
{
    (void)context;
    return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *context, char *name, char *value)
{
    (void)context, (void)name, (void)value;
    return SMFIS_NOREPLY;
}

static sfsistat on_body(SMFICTX *context, unsigned char *chunk, size_t length)
{
    (void)context, (void)chunk, (void)length;
    return SMFIS_SKIP;
}

static sfsistat on_negotiate(SMFICTX *context, unsigned long offered_actions,
                             unsigned long offered_steps, unsigned long f2,
                             unsigned long f3, unsigned long *actions, unsigned long *steps,
                             unsigned long *p2, unsigned long *p3)
{
    (void)context, (void)offered_actions, (void)f2, (void)f3;
    const unsigned long wanted = SMFIP_NR_HDR | SMFIP_SKIP | SMFIP_NOUNKNOWN;

    if ((offered_steps & wanted) != wanted) {
        return SMFIS_REJECT;
    }
    *actions = 0;
    *steps = wanted;
    *p2 = *p3 = 0;
    return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
    static char name[] = "empty";
    struct smfiDesc description = {
        .xxfi_name = name,
        .xxfi_version = SMFI_VERSION,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_envelope,
        .xxfi_envrcpt = on_envelope,
        .xxfi_header = on_header,
        .xxfi_eoh = on_event,
        .xxfi_body = on_body,
        .xxfi_eom = on_event,
        .xxfi_abort = on_event,
        .xxfi_close = on_event,
        .xxfi_data = on_event,
        .xxfi_negotiate = on_negotiate,
    };

    if (argc != 2) {
        fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
        return EXIT_FAILURE;
    }
    umask(0); /* Postfix connects to a unix socket as its own user */
    if (smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(description) != MI_SUCCESS ||
        smfi_opensocket(true) != MI_SUCCESS) {
        fprintf(stderr, "%s: cannot listen on %s\n", argv[0], argv[1]);
        return EXIT_FAILURE;
    }
    return smfi_main() == MI_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}
