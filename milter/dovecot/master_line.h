/* SPDX-License-Identifier: MIT */
/* Lines of Dovecot's auth master protocol, as far as it answers questions to the userdb:
 * fields between tabs, escaped. Nothing here knows a connection. Source: Dovecot
 * auth/auth-master-connection.c of 2.3 and 2.4, lib-auth/auth-master.c. */
#ifndef FOREGATE_DOVECOT_MASTER_LINE_H
#define FOREGATE_DOVECOT_MASTER_LINE_H

#include "base/arena.h"
#include "base/error.h"
#include "directory/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MASTER_QUESTION_BYTES = 1024, /* with its LF; at a longer line Dovecot hangs up */
    MASTER_SERVICE_BYTES = 64,
};

enum master_word {
    MASTER_VERSION,   /* major */
    MASTER_SPID,      /* the last line of the greeting */
    MASTER_USER,      /* id, rest: the user and his fields */
    MASTER_NOT_FOUND, /* id */
    MASTER_FAIL,      /* id, rest: fields, among them the reason */
    MASTER_OTHER,     /* no word of ours */
};

const char *master_word_name(enum master_word word);

struct master_line {
    enum master_word word;
    uint32_t major;
    uint32_t id;
    const char *rest; /* inside the line; still escaped */
    size_t rest_length;
};

struct userdb_field {
    const char *name;
    const char *value; /* "" for a field without one */
};

/* What the userdb says of a name. Lives in the arena of who asked. */
struct userdb_answer {
    enum answer_kind kind;
    const char *user; /* FOUND: as Dovecot normalised the name, or the userdb renamed it */
    const struct userdb_field *fields; /* FOUND: in no defined order */
    size_t count;
};

/* line is without its LF. False: REMOTE, it is nonsense. */
bool master_line_parse(const char *line, size_t length, struct master_line *parsed,
                       struct error *error);

/* What an answer says. False: REMOTE, it is FAILED: for the reason that Dovecot gives (none
 * given: is_mute), or since it cannot be read. */
bool master_line_answer(const struct master_line *line, struct arena *arena,
                        struct userdb_answer *answer, bool *is_mute, struct error *error);

/* Whether master_question can be written: a name with a control character, none at all, or
 * one too long for a line is nobody's, and is not asked for. */
bool master_name_is_askable(const char *name, const char *service);

/* For an askable name; returns the length. */
size_t master_question(char line[MASTER_QUESTION_BYTES + 1], uint32_t id, const char *name,
                       const char *service);

#endif
