/* SPDX-License-Identifier: MIT */
#include "reload/reload.h"

#include "base/counter.h"
#include "base/log.h"
#include "reload/control.h"
#include "reload/rules.h"
#include "reload/volume.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct reload {
    struct rules rules;
    struct volume volume;
    struct control control;
    int wake;    /* eventfd: the end */
    int signals; /* signalfd: SIGUSR1 */
    atomic_bool stopping;
    pthread_t thread;
};

static bool read_some(int descriptor)
{
    char ignored[4096];
    return descriptor >= 0 && read(descriptor, ignored, sizeof ignored) > 0;
}

static void wait_for_event(struct reload *reload)
{
    enum { WAKE, SIGNALS, INOTIFY, RULES, CONTROL, EVENTS = CONTROL + CONTROL_EVENTS };
    struct pollfd events[EVENTS] = {
        [WAKE] = {.fd = reload->wake, .events = POLLIN},
        [SIGNALS] = {.fd = reload->signals, .events = POLLIN},
        [INOTIFY] = {.fd = reload->volume.inotify, .events = POLLIN},
        [RULES] = rules_event(&reload->rules),
    };
    control_events(&reload->control, &events[CONTROL]);
    poll(events, EVENTS, rules_wait_ms(&reload->rules));
}

static void answer(struct reload *reload)
{
    const struct report *rules = &reload->rules.report;
    const struct report *volume = &reload->volume.report;
    struct report both = {.kept = rules->kept || volume->kept};
    report_add(&both, "%s; %s", rules->text, volume->text);
    control_answer(&reload->control, both.kept ? "kept" : "ok", both.text);
}

static void advance(struct reload *reload)
{
    bool requested = read_some(reload->signals);
    requested = control_serve(&reload->control) || requested;
    /* What changed in the volume does not matter: contents decide. */
    while (read_some(reload->volume.inotify)) {
    }
    if (requested) {
        rules_request(&reload->rules);
        counter_log();
    }
    rules_advance(&reload->rules);
    volume_look(&reload->volume, requested);
    if (control_has_waiting(&reload->control) && !rules_are_busy(&reload->rules)) {
        answer(reload);
    }
}

static void *run(void *argument)
{
    struct reload *reload = argument;
    while (!atomic_load(&reload->stopping)) {
        wait_for_event(reload);
        rules_tidy(&reload->rules);
        volume_tidy(&reload->volume);
        if (!atomic_load(&reload->stopping)) {
            advance(reload);
        }
    }
    control_close(&reload->control);
    rules_deinit(&reload->rules);
    volume_deinit(&reload->volume);
    return NULL;
}

/* A descriptor, not a handler or a wait: so that SIGUSR1 never wakes the main thread, which
 * has to be waiting for SIGTERM at all times. */
static int open_signals(void)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    return signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void close_events(const struct reload *reload)
{
    if (reload->wake >= 0) {
        close(reload->wake);
    }
    if (reload->signals >= 0) {
        close(reload->signals);
    }
}

static void open_control(struct reload *reload, const char *address)
{
    struct error error = {0};
    if (!control_open(&reload->control, address, &error)) {
        log_message(
            LOG_WARNING, "control",
            "%s; goes on without: `foregate reload` does not reach it, SIGUSR1 does",
            error.text);
    }
}

static bool start_thread(struct reload *reload, struct error *error)
{
    bool opened = reload->wake >= 0 && reload->signals >= 0;
    int result = opened ? pthread_create(&reload->thread, NULL, run, reload) : errno;
    if (result != 0) {
        return error_set(error, ERROR_SYSTEM, "cannot start the reload thread: %s",
                         strerror(result));
    }
    pthread_setname_np(reload->thread, "reload");
    return true;
}

struct reload *reload_start(const struct reload_settings *settings, struct error *error)
{
    struct reload *reload = calloc(1, sizeof *reload);
    if (reload == NULL) {
        abort();
    }
    reload->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    reload->signals = open_signals();
    rules_init(&reload->rules, settings->config, settings->services, settings->current,
               settings->rules_watch);
    volume_init(&reload->volume, settings->directory, settings->current, settings->files,
                settings->fingerprint, reload->wake);
    open_control(reload, config_text(settings->config, "control"));
    if (!start_thread(reload, error)) {
        control_remove(&reload->control);
        control_close(&reload->control);
        rules_deinit(&reload->rules);
        volume_deinit(&reload->volume);
        close_events(reload);
        free(reload);
        return NULL;
    }
    return reload;
}

static void tell_to_stop(struct reload *reload)
{
    const uint64_t one = 1;
    control_remove(&reload->control);
    atomic_store(&reload->stopping, true);
    ssize_t written = write(reload->wake, &one, sizeof one);
    (void)written; /* without it the thread looks after half a second */
}

void reload_quit(struct reload *reload)
{
    tell_to_stop(reload);
    pthread_detach(reload->thread);
}

void reload_stop(struct reload **reload)
{
    if (*reload == NULL) {
        return;
    }
    tell_to_stop(*reload);
    pthread_join((*reload)->thread, NULL);
    close_events(*reload);
    free(*reload);
    *reload = NULL;
}
