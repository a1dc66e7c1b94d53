/* SPDX-License-Identifier: MIT */
#include "reload/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void report_add(struct report *report, const char *format, ...)
{
    size_t used = strlen(report->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->text + used, sizeof report->text - used, format, arguments);
    va_end(arguments);
}
