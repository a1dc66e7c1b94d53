/* SPDX-License-Identifier: MIT */
/* One question to one source, as that asks it: on the calling thread, which waits. The
 * answers are as fresh as the source itself. Private to sources/. */
#ifndef FOREGATE_SOURCES_ASK_H
#define FOREGATE_SOURCES_ASK_H

#include "sources/sources.h"

/* Whether a source of this kind could know: others are NOT_FOUND without asking. */
bool ask_is_meant(enum source_kind kind, enum question_kind question);

struct answer ask_source(const struct source_settings *source,
                         const struct question *question, int timeout_ms,
                         struct arena *arena);

#endif
