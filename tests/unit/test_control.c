/* SPDX-License-Identifier: MIT */
/* The control socket where there are no descriptors left. What clients say is tested with
 * the whole program (tests/milter/control.py). */
#include "volume.h"

#include "base/clock.h"
#include "reload/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int call(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client >= 0);
    assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(client, "reload\n", 7, MSG_NOSIGNAL), 7);
    return client;
}

static bool looks_at_socket(const struct control *control)
{
    struct pollfd events[CONTROL_EVENTS];
    control_events(control, events);
    return events[CONTROL_CLIENTS].fd >= 0;
}

/* Who cannot be taken in is not waited for: that would be a loop without a pause. */
static void test_no_descriptors(void **unused)
{
    (void)unused;
    struct volume volume;
    struct control control;
    struct error error = {0};
    struct rlimit before;
    char address[512];
    volume_begin(&volume);
    snprintf(address, sizeof address, "unix:%s/control", volume.path);
    assert_true(control_open(&control, address, &error));
    clock_stop(1000000000);
    assert_false(control_serve(&control));
    assert_true(looks_at_socket(&control));

    int client = call(control.path);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_false(control_serve(&control));
    bool looked = looks_at_socket(&control);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(looked);

    clock_advance(1000);
    assert_true(looks_at_socket(&control));
    assert_true(control_serve(&control));
    assert_true(control_has_waiting(&control));
    assert_true(looks_at_socket(&control));
    close(client);
    control_remove(&control);
    control_close(&control);
    clock_go();
    volume_end(&volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_descriptors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
