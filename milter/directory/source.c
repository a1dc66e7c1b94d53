/* SPDX-License-Identifier: MIT */
#include "directory/source.h"

const char *answer_kind_name(enum answer_kind kind)
{
    switch (kind) {
    case ANSWER_FOUND:
        return "found";
    case ANSWER_NOT_FOUND:
        return "not found";
    case ANSWER_FAILED:
        return "failed";
    }
    return "?";
}
