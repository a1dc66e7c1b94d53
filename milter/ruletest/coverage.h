/* SPDX-License-Identifier: MIT */
/* Which lines of rule files run while tests do. Main thread, like the tests. Private to
 * ruletest/. */
#ifndef FOREGATE_RULETEST_COVERAGE_H
#define FOREGATE_RULETEST_COVERAGE_H

/* Once, before the first rule is loaded; files in lua_path are not looked at. Borrows. */
void coverage_begin(const char *lua_path);

/* The test file that runs now is no rule. Borrowed until the next. */
void coverage_leave_out(const char *path);

/* A comment for each rule file that is still there, and forgets all. Nothing when it was
 * not begun. */
void coverage_print(void);

#endif
