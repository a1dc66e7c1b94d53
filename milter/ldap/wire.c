/* SPDX-License-Identifier: MIT */
#include "ldap/wire.h"

#include "base/buffer.h"

#include <assert.h>
#include <errno.h>
#include <lber.h>
#include <ldap.h>
#include <openldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

/* Enough for what a client may have in flight with the longest filters. */
enum { OUTPUT_BYTES_MAX = 64 << 20, INPUT_BYTES = 16 * 1024 };

struct ldap_wire {
    LDAP *ldap;
    struct buffer output;
    size_t sent; /* of output */
    size_t input_at, input_end;
    bool is_amid; /* libldap has the beginning of a message */
    char input[INPUT_BYTES];
};

void ldap_wire_set_up(void)
{
    int unused;
    ldap_get_option(NULL, LDAP_OPT_PROTOCOL_VERSION, &unused);
}

static ber_slen_t on_read(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t size)
{
    struct ldap_wire *wire = layer->sbiod_pvt;
    size_t count = wire->input_end - wire->input_at;
    count = count < size ? count : size;
    if (count == 0) {
        errno = EAGAIN;
        return -1;
    }
    memcpy(bytes, wire->input + wire->input_at, count);
    wire->input_at += count;
    return (ber_slen_t)count;
}

static ber_slen_t on_write(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t length)
{
    struct ldap_wire *wire = layer->sbiod_pvt;
    if (!buffer_append(&wire->output, bytes, length)) {
        abort(); /* the client sends no more while so much waits */
    }
    return (ber_slen_t)length;
}

static int on_control(Sockbuf_IO_Desc *layer, int option, void *unused_argument)
{
    (void)unused_argument;
    return option == LBER_SB_OPT_DATA_READY && ldap_wire_has_input(layer->sbiod_pvt);
}

static int on_setup(Sockbuf_IO_Desc *layer, void *argument)
{
    layer->sbiod_pvt = argument;
    return 0;
}

static Sockbuf_IO memory_layer = {.sbi_setup = on_setup,
                                  .sbi_ctrl = on_control,
                                  .sbi_read = on_read,
                                  .sbi_write = on_write};

/* All that /etc/ldap/ldap.conf could set and that matters. */
static void set_options(LDAP *ldap, int version, int dereference)
{
    const int none = LDAP_NO_LIMIT;
    if (ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_DEREF, &dereference) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_TIMELIMIT, &none) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_SIZELIMIT, &none) != LDAP_OPT_SUCCESS) {
        abort();
    }
}

struct ldap_wire *ldap_wire_new(int socket, int version, int dereference)
{
    struct ldap_wire *wire = calloc(1, sizeof *wire);
    if (wire == NULL || ldap_init_fd(socket, LDAP_PROTO_EXT, NULL, &wire->ldap) != 0) {
        abort();
    }
    buffer_init(&wire->output, OUTPUT_BYTES_MAX);
    set_options(wire->ldap, version, dereference);
    Sockbuf *sockbuf = NULL;
    ber_len_t limit = LDAP_MESSAGE_BYTES_MAX;
    if (ldap_get_option(wire->ldap, LDAP_OPT_SOCKBUF, &sockbuf) != LDAP_OPT_SUCCESS ||
        ber_sockbuf_add_io(sockbuf, &memory_layer, LBER_SBIOD_LEVEL_PROVIDER, wire) != 0 ||
        ber_sockbuf_ctrl(sockbuf, LBER_SB_OPT_SET_MAX_INCOMING, &limit) != 1) {
        abort();
    }
    return wire;
}

void ldap_wire_unbind(struct ldap_wire *wire)
{
    ldap_unbind_ext(wire->ldap, NULL, NULL);
    wire->ldap = NULL;
}

void ldap_wire_free(struct ldap_wire **wire)
{
    if ((*wire)->ldap != NULL) {
        ldap_wire_unbind(*wire);
    }
    buffer_deinit(&(*wire)->output);
    free(*wire);
    *wire = NULL;
}

static int judge(int status, int id, const char *what, struct error *error)
{
    if (status == LDAP_SUCCESS) {
        return id;
    }
    error_set(error, ERROR_REMOTE, "cannot %s: %s", what, ldap_err2string(status));
    return -1;
}

int ldap_wire_start_tls(struct ldap_wire *wire, struct error *error)
{
    int id = -1;
    int status =
        ldap_extended_operation(wire->ldap, LDAP_EXOP_START_TLS, NULL, NULL, NULL, &id);
    return judge(status, id, "ask for StartTLS", error);
}

int ldap_wire_bind(struct ldap_wire *wire, const char *dn, const char *password,
                   struct error *error)
{
    int id = -1;
    char *copy = strdup(password);
    if (copy == NULL) {
        abort();
    }
    struct berval secret = {.bv_val = copy, .bv_len = strlen(copy)};
    int status = ldap_sasl_bind(wire->ldap, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, &id);
    explicit_bzero(copy, secret.bv_len);
    free(copy);
    return judge(status, id, "bind", error);
}

int ldap_wire_search(struct ldap_wire *wire, const struct ldap_wire_search *search,
                     struct error *error)
{
    int id = -1;

    /* libldap reads the list, and says so nowhere. */
    union {
        const char *const *ours;
        char **theirs;
    } attributes = {.ours = search->attributes};

    int limit = search->size_limit > 0 ? search->size_limit : LDAP_NO_LIMIT;
    int status = ldap_search_ext(wire->ldap, search->base, search->scope, search->filter,
                                 attributes.theirs, 0, NULL, NULL, NULL, limit, &id);
    return judge(status, id, "search", error);
}

void ldap_wire_abandon(struct ldap_wire *wire, int id)
{
    ldap_abandon_ext(wire->ldap, id, NULL, NULL);
}

const char *ldap_wire_output(const struct ldap_wire *wire, size_t *length)
{
    *length = wire->output.length - wire->sent;
    return wire->output.data + wire->sent;
}

void ldap_wire_sent(struct ldap_wire *wire, size_t count)
{
    wire->sent += count;
    if (wire->sent == wire->output.length) {
        buffer_clear(&wire->output);
        wire->sent = 0;
    }
}

char *ldap_wire_room(struct ldap_wire *wire, size_t *size)
{
    assert(!ldap_wire_has_input(wire));
    wire->input_at = 0;
    wire->input_end = 0;
    *size = sizeof wire->input;
    return wire->input;
}

void ldap_wire_received(struct ldap_wire *wire, size_t count)
{
    wire->input_end += count;
}

bool ldap_wire_has_input(const struct ldap_wire *wire)
{
    return wire->input_at < wire->input_end;
}

/* "Invalid credentials (49): no such user". It is for people to read: no control characters
 * of the server in it. */
static void set_result(struct ldap_message *message, int code, const char *text)
{
    bool has_text = text != NULL && *text != '\0';
    message->code = code;
    snprintf(message->text, sizeof message->text, "%s (%d)%s%s", ldap_err2string(code),
             code, has_text ? ": " : "", has_text ? text : "");
    for (char *at = message->text; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at;
    }
}

static void read_result(LDAP *ldap, struct ldap_message *message)
{
    int code = 0;
    char *text = NULL;
    if (ldap_parse_result(ldap, message->handle, &code, NULL, &text, NULL, NULL, 0) !=
        LDAP_SUCCESS) {
        message->kind = LDAP_MESSAGE_BROKEN;
        return;
    }
    set_result(message, code, text);
    ldap_memfree(text);
}

/* Whether a message begins with the id 0. */
static bool is_farewell(const char *bytes, size_t length)
{
    static const char id[] = {LBER_INTEGER, 1, 0};
    size_t head = length > 1 && (bytes[1] & 0x80) != 0 ? 2 + (bytes[1] & 0x7fU) : 2;
    return length >= head + sizeof id && memcmp(bytes + head, id, sizeof id) == 0;
}

/* Not by libldap, which leaks what it says. */
static void read_farewell(struct ldap_message *message, char *bytes, size_t length)
{
    struct berval all = {.bv_val = bytes, .bv_len = length};
    struct berval unused;
    struct berval text;
    ber_int_t id = 0;
    ber_int_t code = 0;
    BerElement *ber = ber_init(&all);
    if (ber == NULL) {
        abort();
    }
    bool ok = ber_scanf(ber, "{i{emm", &id, &code, &unused, &text) != LBER_ERROR;
    message->kind = ok ? LDAP_MESSAGE_END : LDAP_MESSAGE_BROKEN;
    if (ok) {
        set_result(message, code, text.bv_val);
    }
    ber_free(ber, 1);
}

/* What can be told from its first bytes. */
static void judge_beginning(struct ldap_wire *wire, struct ldap_message *message)
{
    char *bytes = wire->input + wire->input_at;
    size_t length = wire->input_end - wire->input_at;
    if ((unsigned char)bytes[0] != LDAP_TAG_MESSAGE) {
        message->kind = LDAP_MESSAGE_BROKEN;
    } else if (is_farewell(bytes, length)) {
        read_farewell(message, bytes, length);
    }
}

static void read_kind(LDAP *ldap, struct ldap_message *message)
{
    message->id = ldap_msgid(message->handle);
    switch (ldap_msgtype(message->handle)) {
    case LDAP_RES_SEARCH_ENTRY:
        message->kind = LDAP_MESSAGE_ENTRY;
        return;
    case LDAP_RES_SEARCH_RESULT:
    case LDAP_RES_BIND:
    case LDAP_RES_EXTENDED:
        message->kind = message->id == 0 ? LDAP_MESSAGE_END : LDAP_MESSAGE_RESULT;
        read_result(ldap, message);
        return;
    default:
        message->kind = LDAP_MESSAGE_OTHER;
        return;
    }
}

/* libldap tells of nothing new when it takes a message that was abandoned. */
void ldap_message_next(struct ldap_wire *wire, struct ldap_message *message)
{
    *message = (struct ldap_message){.kind = LDAP_MESSAGE_NONE};
    while (ldap_wire_has_input(wire)) {
        if (!wire->is_amid) {
            judge_beginning(wire, message);
        }
        if (message->kind != LDAP_MESSAGE_NONE) {
            return;
        }
        size_t before = wire->input_at;
        struct timeval now = {0};
        LDAPMessage *taken = NULL;
        int type = ldap_result(wire->ldap, LDAP_RES_ANY, LDAP_MSG_ONE, &now, &taken);
        wire->is_amid = type == 0;
        if (type > 0) {
            message->handle = taken;
            read_kind(wire->ldap, message);
            return;
        }
        if (type < 0 || wire->input_at == before) {
            message->kind = LDAP_MESSAGE_BROKEN;
            return;
        }
    }
}

void ldap_message_end(struct ldap_message *message)
{
    if (message->handle != NULL) {
        ldap_msgfree(message->handle);
        message->handle = NULL;
    }
}

static const struct ldap_value *copy_values(const struct berval *values, size_t *count,
                                            struct arena *arena)
{
    *count = 0;
    while (values != NULL && values[*count].bv_val != NULL) {
        (*count)++;
    }
    struct ldap_value *copy = arena_array(arena, *count, sizeof *copy);
    for (size_t i = 0; i < *count; i++) {
        copy[i].bytes = arena_copy_bytes(arena, values[i].bv_val, values[i].bv_len);
        copy[i].length = values[i].bv_len;
    }
    return copy;
}

/* Attributes of an entry are few: they were asked for by name. */
static bool copy_attributes(LDAP *ldap, LDAPMessage *entry, struct ldap_found *found,
                            struct arena *arena)
{
    BerElement *rest = NULL;
    struct berval name;
    if (ldap_get_dn_ber(ldap, entry, &rest, &name) != LDAP_SUCCESS) {
        return false;
    }
    struct ldap_attribute *list = NULL;
    size_t size = 0;
    struct berval *values = NULL;
    int status = 0;
    while ((status = ldap_get_attribute_ber(ldap, entry, rest, &name, &values)) ==
               LDAP_SUCCESS &&
           name.bv_val != NULL) {
        list = arena_grow(arena, list, found->count, &size, sizeof *list);
        list[found->count].name = arena_copy_bytes(arena, name.bv_val, name.bv_len);
        list[found->count].values = copy_values(values, &list[found->count].count, arena);
        found->count++;
        ldap_memfree(values);
        values = NULL;
    }
    found->attributes = list;
    ber_free(rest, 0);
    return status == LDAP_SUCCESS;
}

struct ldap_found *ldap_message_entry(struct ldap_wire *wire,
                                      const struct ldap_message *message,
                                      struct arena *arena)
{
    struct ldap_found *found = arena_alloc(arena, sizeof *found);
    return copy_attributes(wire->ldap, message->handle, found, arena) ? found : NULL;
}
