/* SPDX-License-Identifier: MIT */
/* The operator's changes to Postfix and Dovecot, postfix-main.cf and dovecot.cf of the
 * volume, as far as they decide where mail goes: the delimiter is taken from them, other
 * settings that this program does not follow are reported. */
#ifndef FOREGATE_DIRECTORY_DMS_OVERRIDES_H
#define FOREGATE_DIRECTORY_DMS_OVERRIDES_H

#include "base/error.h"
#include "directory/finding.h"
#include "directory/snapshot.h"

#include <stdbool.h>
#include <stdio.h>

struct delimiter_override {
    const char *value; /* in the arena; NULL: the file does not set it, or (with a line)
                          sets it to what another setting or file has */
    int line;
};

/* Both fail only when the stream cannot be read to its end as text. findings may be NULL.
 */
bool dms_parse_main(FILE *stream, struct arena *arena,
                    const struct directory_settings *settings,
                    struct delimiter_override *delimiter, struct finding_list *findings,
                    struct error *error);
bool dms_parse_dovecot(FILE *stream, struct arena *arena,
                       struct delimiter_override *delimiter, struct error *error);

/* The delimiters that are in force: the operator's, else Postfix's. */
const char *dms_delimiters(const struct directory_settings *settings,
                           const struct delimiter_override *postfix,
                           const struct delimiter_override *dovecot,
                           struct finding_list *findings);

#endif
