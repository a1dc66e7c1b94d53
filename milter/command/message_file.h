/* SPDX-License-Identifier: MIT */
/* A message in a file (RFC 5322), as the MTA would show it to a milter. */
#ifndef FOREGATE_COMMAND_MESSAGE_FILE_H
#define FOREGATE_COMMAND_MESSAGE_FILE_H

#include "base/arena.h"
#include "base/error.h"
#include "mail/header.h"

struct message_file {
    struct header_list headers;
    size_t body_bytes; /* with CRLF line ends, as on the wire */
};

/* In the arena; NULL when it cannot be read or has a line in its header that is none. */
struct message_file *message_file_read(struct arena *arena, const char *path,
                                       struct error *error);

#endif
