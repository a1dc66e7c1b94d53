/* SPDX-License-Identifier: MIT */
/* `foregate auth`: what an auth script says of users, as `doveadm auth test`, `doveadm auth
 * lookup` and `doveadm user` tell it of Dovecot. */
#include "command/auth_source.h"
#include "command/command.h"
#include "command/json.h"
#include "command/options.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: foregate auth [OPTION]... --user NAME...\n"
    "       foregate auth [--json] --list\n"
    "\n"
    "Asks the Dovecot auth script that lua.script names about users, and prints what\n"
    "passdb (auth_passdb_lookup or auth_password_verify) and userdb (auth_userdb_lookup)\n"
    "answer, with their fields. Passwords are never printed.\n"
    "\n"
    "  --user NAME       a user; may be repeated\n"
    "  --password-stdin  verify passwords, one a line on stdin for each --user; userdb is\n"
    "                    asked only when the password is right\n"
    "  --service NAME    what the user wants to use; default: smtp\n"
    "  --remote-ip IP    the client\n"
    "  --local-ip IP     the server\n"
    "  --list            the users that auth_userdb_iterate returns\n"
    "  --json            one object a user: {\"user\": ..., \"passdb\": {\"answer\": ...,\n"
    "                    \"user\": ..., \"fields\": {...}, \"code\": ..., \"reason\": "
    "...},\n"
    "                    \"userdb\": {...}}; null: the script has no such function, or it\n"
    "                    was not asked\n"
    "\n"
    "Answers: found, not_found, refused (password wrong, user disabled or expired), "
    "failed\n"
    "(it cannot be told).\n"
    "\n"
    "Exit status: 0 all are found, 1 one is not, or refused, 2 one failed, or the script\n"
    "cannot be used.\n";

enum { PASSWORD_BYTES = 4096 };

struct job {
    struct arena *arena;
    struct auth_source source;
    const char **users;
    size_t user_count;
    const char *service, *remote_ip, *local_ip;
    bool json, list, reads_passwords;
    bool was_refused, has_failed;
};

/* password: NULL, or secret. */
struct asked {
    const char *user, *password;
};

static int misused(const char *argument, const char *problem)
{
    struct error error;
    error_set(&error, ERROR_CONFIG, "%s %s", argument, problem);
    return options_misused("auth", error.text);
}

static bool take_flag(struct job *job, const char *argument)
{
    const struct option_flag flags[] = {
        {"--json", &job->json},
        {"--list", &job->list},
        {"--password-stdin", &job->reads_passwords},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(argument, flags[i].word) == 0) {
            *flags[i].found = true;
            return true;
        }
    }
    return false;
}

static const char **value_place(struct job *job, const char *name, size_t length)
{
    const struct {
        const char *name;
        const char **place;
    } places[] = {
        {"--user", &job->users[job->user_count]},
        {"--service", &job->service},
        {"--remote-ip", &job->remote_ip},
        {"--local-ip", &job->local_ip},
    };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strlen(places[i].name) == length &&
            strncmp(places[i].name, name, length) == 0) {
            return places[i].place;
        }
    }
    return NULL;
}

static int read_arguments(struct job *job, int argc, char **argv)
{
    job->users = arena_array(job->arena, (size_t)argc, sizeof *job->users);
    for (int i = 1; i < argc; i++) {
        if (take_flag(job, argv[i])) {
            continue;
        }
        const char *equals = strchr(argv[i], '=');
        size_t length = equals != NULL ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        const char **place = value_place(job, argv[i], length);
        if (place == NULL) {
            return misused(argv[i], "is no option of auth");
        }
        const char *value = equals != NULL ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (value == NULL) {
            return misused(argv[i], "needs a value");
        }
        *place = value;
        job->user_count += place == &job->users[job->user_count];
    }
    if (job->list == (job->user_count > 0)) {
        return options_misused("auth", "give either users, by --user, or --list");
    }
    return STATUS_OK;
}

/* What people may see of a field: a script may hand on the password, to a proxy say. */
static const char *shown(struct arena *arena, const struct auth_field *field,
                         const char *password)
{
    static const char *const names[] = {"pass", "password", "master_pass"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(field->name, names[i]) == 0) {
            return "(password)";
        }
    }
    return auth_text_hide(field->value, password, arena);
}

static json_t *reply_json(struct arena *arena, const struct auth_reply *reply,
                          const char *password)
{
    json_t *fields = json_object();
    for (size_t i = 0; i < reply->count; i++) {
        json_object_set_new(fields, reply->fields[i].name,
                            json_text(shown(arena, &reply->fields[i], password)));
    }
    json_t *object = json_object();
    json_object_set_new(object, "answer", json_text(auth_answer_name(reply->answer)));
    json_object_set_new(object, "user", json_text(reply->user));
    json_object_set_new(object, "fields", fields);
    json_object_set_new(object, "code", json_text(reply->code));
    json_object_set_new(object, "reason", json_text(reply->reason));
    return object;
}

static const char *printable(struct arena *arena, const char *text)
{
    return text_printable(arena, text, strlen(text));
}

static void print_reply(struct arena *arena, const char *name,
                        const struct auth_reply *reply, const char *password)
{
    printf("  %s: %s", name, auth_answer_name(reply->answer));
    if (reply->code != NULL) {
        printf(" (%s)", reply->code);
    }
    printf("%s%s\n", reply->reason != NULL ? ": " : "",
           reply->reason != NULL ? printable(arena, reply->reason) : "");
    if (reply->answer != AUTH_FOUND) {
        return;
    }
    printf("    user=%s\n", printable(arena, reply->user));
    for (size_t i = 0; i < reply->count; i++) {
        printf("    %s=%s\n", printable(arena, reply->fields[i].name),
               printable(arena, shown(arena, &reply->fields[i], password)));
    }
}

/* A reply that is NULL was not asked for. */
static bool print(const struct job *job, struct arena *arena, const struct asked *asked,
                  const struct auth_reply *passdb, const struct auth_reply *userdb)
{
    const char *user = asked->user;
    const char *password = asked->password;
    if (job->json) {
        json_t *object = json_object();
        json_object_set_new(object, "user", json_text(user));
        json_object_set_new(object, "passdb",
                            passdb != NULL ? reply_json(arena, passdb, password)
                                           : json_null());
        json_object_set_new(object, "userdb",
                            userdb != NULL ? reply_json(arena, userdb, password)
                                           : json_null());
        return json_print(object);
    }
    printf("%s\n", printable(arena, user));
    if (passdb != NULL) {
        print_reply(arena, "passdb", passdb, password);
    }
    if (userdb != NULL) {
        print_reply(arena, "userdb", userdb, password);
    }
    return fflush(stdout) == 0;
}

static void count(struct job *job, const struct auth_reply *reply)
{
    job->has_failed = job->has_failed || reply->answer == AUTH_FAILED;
    job->was_refused = job->was_refused || reply->answer == AUTH_REFUSED ||
                       reply->answer == AUTH_NOT_FOUND;
}

static bool ask(struct job *job, struct arena *arena, const char *user,
                const char *password)
{
    struct auth_script *script = job->source.script;
    struct auth_request request = auth_request_new(arena, user);
    request.service = job->service;
    request.remote_ip = job->remote_ip;
    request.local_ip = job->local_ip;
    request.password = password;
    request.mechanism = password != NULL ? "PLAIN" : NULL;
    struct auth_reply passdb;
    struct auth_reply userdb;
    bool asks_passdb = password != NULL || auth_script_has_passdb(script);
    bool asks_userdb = auth_script_has_userdb(script);
    if (asks_passdb) {
        auth_script_passdb(script, &request, arena, &passdb);
        count(job, &passdb);
    }
    if (password != NULL && passdb.answer != AUTH_FOUND) {
        asks_userdb = false;
    } else if (asks_passdb && passdb.answer == AUTH_FOUND) {
        request.user = passdb.user; /* as it was renamed */
    }
    if (asks_userdb) {
        request.password = NULL;
        auth_script_userdb(script, &request, arena, &userdb);
        count(job, &userdb);
    }
    return print(job, arena, &(struct asked){user, password}, asks_passdb ? &passdb : NULL,
                 asks_userdb ? &userdb : NULL);
}

/* One line, without its end. False: there is none, it is too long, or holds a NUL, behind
 * which nothing would be compared. */
static bool read_password(char password[PASSWORD_BYTES])
{
    size_t length = 0;
    int c;
    while ((c = getchar()) != EOF && c != '\n' && c != '\0' &&
           length + 1 < PASSWORD_BYTES) {
        password[length++] = (char)c;
    }
    password[length] = '\0';
    return c == '\n' || (c == EOF && length > 0);
}

static int ask_all(struct job *job)
{
    char password[PASSWORD_BYTES];
    struct arena *arena = arena_new();
    int status = STATUS_OK;
    for (size_t i = 0; i < job->user_count && status == STATUS_OK; i++) {
        arena_reset(arena);
        if (job->reads_passwords && !read_password(password)) {
            status = options_misused(
                "auth", "--password-stdin wants one line a user, of at most 4095 "
                        "bytes and without a NUL");
        } else if (!ask(job, arena, job->users[i],
                        job->reads_passwords ? password : NULL)) {
            status = STATUS_FAILED;
        }
    }
    explicit_bzero(password, sizeof password);
    arena_free(&arena);
    return status != STATUS_OK ? status
           : job->has_failed   ? STATUS_FAILED
           : job->was_refused  ? STATUS_FINDING
                               : STATUS_OK;
}

static int list(struct job *job)
{
    const char **users;
    size_t user_count;
    struct error error;
    if (!auth_script_users(job->source.script, job->arena, &users, &user_count, &error)) {
        return options_fail("auth", &error);
    }
    json_t *array = json_array();
    for (size_t i = 0; i < user_count; i++) {
        json_array_append_new(array, json_text(users[i]));
        if (!job->json) {
            puts(printable(job->arena, users[i]));
        }
    }
    if (job->json) {
        return json_print(array) ? STATUS_OK : STATUS_FAILED;
    }
    json_decref(array);
    return fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
}

static int run(struct job *job, const struct config *config)
{
    struct error error;
    if (!config_check_declared(config, &error)) {
        return options_fail("auth", &error);
    }
    const char *file = config_text(config, "lua.script");
    if (file == NULL || *file == '\0') {
        error_set(&error, ERROR_CONFIG,
                  "lua.script is not set: name the file of Dovecot's passdb or userdb "
                  "{ driver = lua }");
        return options_fail("auth", &error);
    }
    if (!auth_source_start(&job->source, config, &error)) {
        return options_fail("auth", &error);
    }
    int status = job->list ? list(job) : ask_all(job);
    auth_source_stop(&job->source);
    return status;
}

int command_auth(struct config *config, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return fputs(help, stdout) >= 0 ? STATUS_OK : STATUS_FAILED;
        }
    }
    struct job job = {.arena = arena_new(), .service = "smtp"};
    int status = read_arguments(&job, argc, argv);
    if (status == STATUS_OK) {
        log_configure(log_level_find(config_text(config, "log.level")), LOG_FORMAT_TEXT);
        status = run(&job, config);
    }
    arena_free(&job.arena);
    return status;
}
