/* SPDX-License-Identifier: MIT */
#include "io/loop.h"
#include "io/request.h"

#include <event2/event.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { THREADS = 8, ROUNDS = 200, GROUP = 16 };

struct step {
    struct request request; /* first */
    struct loop *loop;
    int started_count;
    bool is_late; /* completes from an event of its own */
    bool fails;
    int *order; /* takes the next number of the loop's counter */
    int position;
};

static void finish(struct step *step)
{
    if (step->fails) {
        error_set(&step->request.error, ERROR_REMOTE, "asked to fail");
    }
    request_complete(&step->request, !step->fails);
}

static void on_late(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    finish(argument);
}

static void step_start(struct request *request)
{
    struct step *step = (struct step *)request;
    step->started_count++;
    step->position = step->order != NULL ? (*step->order)++ : 0;
    if (step->is_late) {
        const struct timeval soon = {0};
        event_base_once(loop_base(step->loop), -1, EV_TIMEOUT, on_late, step, &soon);
    } else {
        finish(step);
    }
}

static struct loop *start(void)
{
    struct error error;
    struct loop *loop = loop_start(&error);
    assert_non_null(loop);
    return loop;
}

static void *worker(void *argument)
{
    struct loop *loop = argument;
    intptr_t wrong_count = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct step steps[GROUP];
        struct request *requests[GROUP];
        size_t count = round % GROUP + 1;
        for (size_t i = 0; i < count; i++) {
            steps[i] = (struct step){.request = {.start = step_start},
                                     .loop = loop,
                                     .is_late = (round + i) % 3 == 0,
                                     .fails = (round + i) % 5 == 0};
            requests[i] = &steps[i].request;
        }
        request_wait(loop, requests, count);
        for (size_t i = 0; i < count; i++) {
            wrong_count += steps[i].started_count != 1;
            wrong_count += steps[i].request.ok == steps[i].fails;
            enum error_kind kind = steps[i].fails ? ERROR_REMOTE : ERROR_NONE;
            wrong_count += steps[i].request.error.kind != kind;
        }
    }
    return (void *)wrong_count;
}

static void test_many_threads_exactly_once(void **unused)
{
    (void)unused;
    struct loop *loop = start();
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, worker, loop), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *wrong_count = NULL;
        pthread_join(threads[i], &wrong_count);
        assert_null(wrong_count);
    }
    loop_stop(&loop);
    assert_null(loop);
}

static void test_many_at_once_in_order(void **unused)
{
    (void)unused;

    enum { MANY = 10000 };
    struct loop *loop = start();
    struct step *steps = calloc(MANY, sizeof *steps);
    struct request **requests = calloc(MANY, sizeof(struct request *));
    int order = 0;
    for (size_t i = 0; i < MANY; i++) {
        steps[i] = (struct step){.request = {.start = step_start}, .order = &order};
        requests[i] = &steps[i].request;
    }
    request_wait(loop, requests, MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(steps[i].position, i);
    }
    request_wait(loop, requests, 0); /* nothing to wait for */
    free(requests);
    free(steps);
    loop_stop(&loop);
}

struct inside {
    struct loop *loop;
    bool is_current;
    bool blocks_all;
    char name[16];
};

static void look_inside(void *argument)
{
    struct inside *inside = argument;
    inside->is_current = loop_is_current(inside->loop);
    pthread_getname_np(pthread_self(), inside->name, sizeof inside->name);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    inside->blocks_all = sigismember(&mask, SIGTERM) == 1 &&
                         sigismember(&mask, SIGUSR1) == 1 &&
                         sigismember(&mask, SIGPIPE) == 1;
}

static void test_run_on_the_loop_thread(void **unused)
{
    (void)unused;
    struct loop *loop = start();
    struct inside inside = {.loop = loop};
    loop_run(loop, look_inside, &inside);
    assert_true(inside.is_current);
    assert_true(inside.blocks_all);
    assert_string_equal(inside.name, "foregate-loop");
    assert_false(loop_is_current(loop));
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGTERM), 0); /* ours is as it was */
    loop_stop(&loop);
}

static void count_start(struct request *request)
{
    ((struct step *)request)->started_count++;
}

static void test_stop_drains(void **unused)
{
    (void)unused;
    struct loop *loop = start();
    struct step steps[100] = {0};
    for (size_t i = 0; i < 100; i++) {
        steps[i].request.start = count_start; /* nobody waits for these */
        loop_submit(loop, &steps[i].request);
    }
    loop_stop(&loop);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(steps[i].started_count, 1);
    }
}

static void complete_twice(struct request *request)
{
    request_complete(request, true);
    request_complete(request, true);
}

static void fail_without_reason(struct request *request)
{
    request_complete(request, false);
}

static void wait_on_the_loop(void *argument)
{
    loop_run(argument, look_inside, NULL);
}

/* In a child of its own. */
static bool aborts(void (*start_function)(struct request *request),
                   void (*function)(void *))
{
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit no_core = {0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL); /* cmocka's handler would carry on here */
        close(STDERR_FILENO);
        struct error error;
        struct loop *loop = loop_start(&error);
        struct step bad = {.request = {.start = start_function}};
        struct step other = {
            .request = {.start = count_start}}; /* never ends: the group lives */
        struct request *requests[] = {&bad.request, &other.request};
        if (function != NULL) {
            loop_run(loop, function, loop);
        } else {
            request_wait(loop, requests, 2);
        }
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_misuse_aborts(void **unused)
{
    (void)unused;
    assert_true(aborts(complete_twice, NULL));
    assert_true(aborts(fail_without_reason, NULL));
    assert_true(aborts(NULL, wait_on_the_loop));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_misuse_aborts), /* first: forks while there is one thread */
        cmocka_unit_test(test_many_threads_exactly_once),
        cmocka_unit_test(test_many_at_once_in_order),
        cmocka_unit_test(test_run_on_the_loop_thread),
        cmocka_unit_test(test_stop_drains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
