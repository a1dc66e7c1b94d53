/* SPDX-License-Identifier: MIT */
/* What local delivery makes of one recipient: names at the host itself are replaced by
 * their aliases(5), again and again, until the mail is kept at the host, sent on (and then
 * expanded like any other), or bounces. Source: Postfix local/alias.c, recipient.c,
 * resolve.c, token.c, forward.c. */
#ifndef FOREGATE_DIRECTORY_LOCAL_DELIVERY_H
#define FOREGATE_DIRECTORY_LOCAL_DELIVERY_H

#include "directory/slots.h"

/* Recipients that the message came to local delivery as, before: its Delivered-To: headers.
 */
struct local_arrival {
    const struct local_arrival *previous;
    const char *internal;
};

enum local_ending_kind { LOCAL_KEPT, LOCAL_SENT_ON, LOCAL_BOUNCED };

struct local_ending {
    enum local_ending_kind kind;
    const char *internal;
    const struct slot_origin *origin;
    const char *note; /* the file, command or list; why it bounces; or NULL */
};

struct local_item;

struct local_delivery {
    struct arena *arena;
    const struct directory_settings *settings;
    const struct local_arrival *arrivals;
    struct local_item *stack; /* still to be looked up, the next one last */
    size_t count, size;
    struct local_ending *endings;
    size_t ending_count, ending_size;
    struct key_set *seen; /* what was taken up already, and at which depth */
    size_t steps;         /* targets, in all deliveries */
    const char *put_off;  /* an address whose alias has no target: nothing is delivered */
    struct question question;
    struct answer found; /* an alias whose owner- is asked for */
    bool asks_owner;
};

/* Local aliases may branch more often than anybody means them to: then the steps end here,
 * with more of them than this. */
enum { LOCAL_STEPS_MAX = 20000 };

/* Anew, but for steps. arrivals: those before this one. */
void local_delivery_begin(struct local_delivery *delivery, const char *internal,
                          const struct slot_origin *origin,
                          const struct local_arrival *arrivals);

/* The next question, QUESTION_LOCAL, or NULL: all endings are known. */
const struct question *local_delivery_next(struct local_delivery *delivery);
void local_delivery_answer(struct local_delivery *delivery, const struct answer *answer);

#endif
