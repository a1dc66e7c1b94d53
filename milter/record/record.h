/* SPDX-License-Identifier: MIT */
/* One transaction as it is recorded: what the client said, what rules were answered, what
 * came of it. Made by transaction_record.c, written as one line of JSON (record_write),
 * read back by who replays it (record_read). The format is described in lua/README.md.
 * Plain data; everything lives in one arena. */
#ifndef FOREGATE_RECORD_RECORD_H
#define FOREGATE_RECORD_RECORD_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "mail/decision.h"
#include "mail/plan.h"
#include "mail/value.h"
#include "mail/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The version of the format, and the longest line, its end counted. */
enum { RECORD_FORMAT = 1, RECORD_LINE_BYTES = 1 << 20 };

/* Left out since the line would be too long, or not kept in the first place. */
enum record_part {
    RECORD_ANSWERS = 1,
    RECORD_HEADERS = 2, /* and notes */
    RECORD_PLAN = 4,
    RECORD_EVENTS = 8,
    RECORD_SESSION = 16,
};

/* Strings may be NULL: not known. */
struct record_session {
    const char *id, *ip, *name, *listener, *login, *login_method, *tls_version, *tls_cipher;
    int port; /* -1: not known */
    bool trusted;
};

/* A command of the client, or the end of the header or of the message. */
struct record_event {
    const char *stage;      /* as stage_name() has it */
    const char **arguments; /* as the client gave them, NULL behind the last */
    const char *queue_id;   /* known from now on; NULL: nothing new */
    struct verdict verdict; /* what came of the stage; text without an id */
    struct decision *decisions;
    size_t decision_count;
};

/* Headers of one name that rules looked for, in their order; none: there was none. */
struct record_header {
    const char *name; /* in small letters */
    const char **values;
    size_t count;
};

struct record {
    int64_t time_ms;     /* since the epoch: MAIL, or the refusal of the session */
    const char *program; /* its version */
    uint64_t generation; /* of the rules */
    uint64_t directory;  /* snapshot_digest; 0: not known */
    struct record_session session;
    bool is_first; /* of the session: nothing was noted by an earlier transaction */
    const char *queue_id;
    int64_t size_bytes; /* of the whole message; -1: not known */
    bool header_too_long;
    struct record_event *events;
    size_t event_count;
    struct record_header *headers;
    size_t header_count;
    struct value_entry *notes; /* of the session at MAIL, that rules used; NIL: none */
    size_t note_count;
    struct edit_list edits;
    bool is_concluded;      /* the client was told what became of the message: */
    struct verdict verdict; /* this */
    bool is_accepted;
    unsigned omitted;     /* of enum record_part */
    size_t dropped_count; /* observations that were not kept */
};

/* "answers", "headers", "plan", "events", "session"; NULL for more than one. */
const char *record_part_name(enum record_part part);

/* One line with its end, into an empty buffer whose maximum is RECORD_LINE_BYTES. What does
 * not fit is left out, part by part, and named. Never fails. */
void record_write(const struct record *record, struct buffer *line);

enum record_reading {
    RECORD_READ,
    RECORD_BROKEN, /* no record, or not a whole one: error says why */
    RECORD_NEWER,  /* of a format that this program does not know */
};

/* A line, with or without its end. The record lives in arena, and takes there at most a
 * small multiple of the line. Distrusts every byte. */
enum record_reading record_read(struct arena *arena, const char *line, size_t length,
                                struct record *record, struct error *error);

#endif
