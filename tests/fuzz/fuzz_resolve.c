/* SPDX-License-Identifier: MIT */
/* A whole resolution. The input: the address, the virtual aliases, the pattern table, the
 * local aliases and the accounts, with a line `%%` between them; the first line of the
 * accounts are the delimiters. What comes out is what the model says, and keeps what is
 * promised for any tables. */
#include "directory/dms_parse.h"
#include "directory/local.h"
#include "directory/ownership.h"

#include "base/text.h"
#include "mail/key_set.h"
#include "parts.h"
#include "resolve_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is looked at in one input: everything of an ordinary one. */
enum {
    ARENA_BYTES = 64 << 20, /* of one resolution, at most */
    RECIPIENTS = 32,
    STEPS = 64,     /* at either end of a path */
    FAILURES = 24,  /* places at which a source fails, */
    ANSWERS = 3000, /* with so many answers altogether */
    LARGE = 2000,   /* questions: then less is tried */
};

static struct directory_settings settings = {
    .hostname = "host.test",
    .mydestination = "host.test localhost",
    .postmaster = "alice@a.test",
    .rules = {.myorigin = "host.test", .delimiters = "+-"},
};

static void read_accounts(struct arena *arena, struct snapshot *snapshot, struct part part)
{
    static const char usual[] = "+-\nalice@a.test|x\nb+c@a.test|x\n";
    struct error error = {0};
    if (part.length == 0) {
        part = (struct part){usual, sizeof usual - 1};
    }
    const char *end = memchr(part.bytes, '\n', part.length);
    size_t length = end != NULL ? (size_t)(end - part.bytes) : part.length;
    snapshot->settings.rules.delimiters = arena_copy_bytes(arena, part.bytes, length);
    settings.rules.delimiters = snapshot->settings.rules.delimiters;
    part.bytes += length;
    part.length -= length;
    FILE *stream = part_open(part);
    dms_parse_accounts(snapshot, stream, NULL, &error);
    fclose(stream);
}

static struct snapshot *build(struct arena *arena, struct part rest)
{
    struct snapshot *snapshot = snapshot_new(&settings);
    struct part aliases = part_next(&rest);
    struct part patterns = part_next(&rest);
    struct part local = part_next(&rest);
    struct error error = {0};
    read_accounts(arena, snapshot, rest);
    FILE *stream = part_open(aliases);
    dms_parse_virtual(snapshot, stream, NULL, &error);
    rewind(stream);
    dms_parse_domains(snapshot, stream, NULL, &error);
    fclose(stream);
    stream = part_open(patterns);
    pattern_table_parse(snapshot->arena, stream, "r", NULL, &snapshot->patterns, &error);
    fclose(stream);
    stream = part_open(local);
    dms_parse_aliases(snapshot, stream, NULL, &error);
    fclose(stream);
    snapshot_seal(snapshot);
    return snapshot;
}

/* How to answer one resolution otherwise than the snapshot does. */
struct twist {
    size_t failing;        /* number of the question, or SIZE_MAX */
    const char *managed;   /* this domain is managed, */
    const char *unmanaged; /* and this one is not */
    size_t asked;          /* out: how many questions there were */
};

static const struct expansion *resolve_twisted(struct arena *arena,
                                               const struct address *address,
                                               const struct snapshot *snapshot,
                                               struct twist *twist)
{
    struct resolve *resolve = resolve_begin(arena, address, &settings);
    const struct question *question;
    for (twist->asked = 0; (question = resolve_next(resolve)) != NULL; twist->asked++) {
        struct answer answer = snapshot_answer(snapshot, question, arena);
        if (twist->asked == twist->failing) {
            answer = (struct answer){.kind = ANSWER_FAILED, .reason = "away"};
        } else if (question->kind == QUESTION_DOMAIN && twist->managed != NULL &&
                   strcmp(question->key, twist->managed) == 0) {
            answer = (struct answer){.kind = ANSWER_FOUND, .value = ""};
        } else if (question->kind == QUESTION_DOMAIN && twist->unmanaged != NULL &&
                   strcmp(question->key, twist->unmanaged) == 0) {
            answer = (struct answer){.kind = ANSWER_NOT_FOUND};
        }
        resolve_answer(resolve, &answer);
    }
    assert(resolve_next(resolve) == NULL);
    return resolve_result(resolve);
}

static void check_shape(const struct expansion *expansion)
{
    bool has_none = expansion->status == EXPANSION_UNKNOWN ||
                    expansion->status == EXPANSION_ERROR || expansion->fault != FAULT_NONE;
    assert((expansion->fault != FAULT_NONE) == (expansion->fault_reason != NULL));
    assert((expansion->fault != FAULT_NONE) == (expansion->fault_address != NULL));
    assert(expansion->status != EXPANSION_ERROR || expansion->fault != FAULT_NONE);
    assert(expansion->status != EXPANSION_OK || expansion->fault == FAULT_NONE);
    assert(has_none == (expansion->recipient_count == 0));
    assert(!has_none || expansion->double_count == 0);
}

/* NULL when it cannot be told: a domain has no form with quotes. */
static const char *internal_of(struct arena *arena, const char *external)
{
    const char *internal = address_complete(arena, external, &settings.rules);
    return strcmp(address_quote(arena, internal), external) == 0 ? internal : NULL;
}

/* May this address come out as that: as it is, routed, or as the user that it names? */
static bool comes_out_as(struct arena *arena, const char *internal, const char *external)
{
    const char *routed = local_route(arena, &settings, internal);
    const char *user = routed[0] == '\\' ? routed + 1 : routed;
    const char *forms[] = {internal, routed, user,
                           arena_format(arena, "MAILER-DAEMON%s", user)};
    bool is_form = false;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        is_form = is_form || strcmp(address_quote(arena, forms[i]), external) == 0;
    }
    return is_form;
}

static bool has_external(struct arena *arena, const struct model_list *targets,
                         const char *external)
{
    size_t i = 0;
    while (i < targets->count && !comes_out_as(arena, targets->items[i], external)) {
        i++;
    }
    return i < targets->count;
}

/* Is next (external) what this step makes of its address, or where that is routed? */
static bool leads_to(struct arena *arena, const struct snapshot *snapshot,
                     const struct via_step *step, const char *next)
{
    const char *address = internal_of(arena, step->address);
    if (address == NULL) {
        return true;
    }
    struct model_list targets;
    if (step->match == MATCH_LOCAL) {
        targets = model_local_targets(arena, snapshot, address);
    } else {
        struct model_step taken = model_step(arena, snapshot, address);
        assert(taken.found && !taken.fails && taken.match == step->match);
        targets = taken.targets;
    }
    return has_external(arena, &targets, next);
}

/* Begins at the asked address, and each step is a target of the one before. */
static void check_path(struct arena *arena, const struct snapshot *snapshot,
                       const char *asked, const struct expanded_recipient *recipient)
{
    assert(recipient->via_count <= 20000 + 25 * 20);
    for (size_t i = 0; i <= recipient->via_count; i++) {
        const char *address =
            i < recipient->via_count ? recipient->via[i].address : recipient->address;
        if (i == 0) {
            assert(comes_out_as(arena, asked, address));
        } else if (i < STEPS || i + STEPS >= recipient->via_count) {
            assert(leads_to(arena, snapshot, &recipient->via[i - 1], address));
        }
    }
}

static void check_recipients(struct arena *arena, const struct snapshot *snapshot,
                             const char *asked, const struct expansion *expansion)
{
    struct key_set *seen = key_set_new(arena);
    bool local = false;
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        const struct expanded_recipient *recipient = &expansion->recipients[i];
        assert(recipient->address[0] != '\0');
        assert(key_set_add(seen, recipient->address));
        assert((recipient->class == CLASS_MAILBOX) == (recipient->mailbox != NULL));
        if (i < RECIPIENTS) {
            check_path(arena, snapshot, asked, recipient);
        }
        for (size_t j = 0; j < recipient->via_count; j++) {
            local = local || recipient->via[j].match == MATCH_LOCAL;
        }
    }
    for (size_t i = 0; i < expansion->double_count; i++) {
        const char *internal = internal_of(arena, expansion->doubles[i].address);
        const char *routed =
            internal != NULL ? local_route(arena, &settings, internal) : NULL;
        assert(key_set_has(seen, expansion->doubles[i].address) || local ||
               routed == NULL || key_set_has(seen, address_quote(arena, routed)));
        if (i < RECIPIENTS) {
            check_path(arena, snapshot, asked, &expansion->doubles[i]);
        }
    }
    assert(expansion->recipient_count <= (local ? 50000 : 1000));
}

static void check_same(const struct expansion *left, const struct expansion *right)
{
    assert(left->status == right->status && left->fault == right->fault);
    assert(left->domain_class == right->domain_class);
    assert(left->recipient_count == right->recipient_count);
    for (size_t i = 0; i < left->recipient_count; i++) {
        const struct expanded_recipient *a = &left->recipients[i];
        const struct expanded_recipient *b = &right->recipients[i];
        assert(strcmp(a->address, b->address) == 0 && a->class == b->class);
        assert(a->mailbox == NULL || strcmp(a->mailbox, b->mailbox) == 0);
        assert(a->via_count == b->via_count);
        for (size_t j = 0; j < a->via_count; j++) {
            assert(strcmp(a->via[j].address, b->via[j].address) == 0);
            assert(a->via[j].match == b->via[j].match && a->via[j].line == b->via[j].line);
        }
    }
}

static void check_model(struct arena *arena, const struct snapshot *snapshot,
                        const struct address *address, const char *asked,
                        const struct expansion *expansion)
{
    enum expansion_status status = model_status(arena, snapshot, address);
    if (status == EXPANSION_UNKNOWN || status == EXPANSION_ERROR) {
        assert(expansion->status == status);
        return;
    }
    if (expansion->fault == FAULT_DEPTH &&
        strstr(expansion->fault_reason, "200000 steps") != NULL) {
        return; /* a bound of our own, of which the model knows nothing */
    }
    struct model_result result = model_expand(arena, snapshot, asked);
    assert((expansion->fault != FAULT_NONE) == result.fails);
    assert((expansion->fault == FAULT_TABLE) == (result.fails && result.by_table));
    assert(expansion->status ==
           (result.fails && status == EXPANSION_OK ? EXPANSION_ERROR : status));
    assert(result.fails || expansion->recipient_count == result.count);
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        const struct expanded_recipient *got = &expansion->recipients[i];
        const struct model_recipient *want = &result.recipients[i];
        assert(strcmp(got->address, address_quote(arena, want->internal)) == 0);
        assert(got->class == want->class);
        assert(got->mailbox == NULL || strcmp(got->mailbox, want->mailbox) == 0);
    }
}

/* A recipient at which the virtual aliases stopped comes to itself alone, in the same
 * class, unless it lists itself: then it is among what it comes to. Not so where the
 * address was routed at the end, or local delivery has made something of it. */
static void check_stays(struct arena *arena, const struct snapshot *snapshot,
                        const char *asked, const struct expanded_recipient *recipient)
{
    size_t count = recipient->via_count;
    const char *internal = internal_of(arena, recipient->address);
    struct address address;
    struct error error = {0};
    bool by_local = recipient->note != NULL ||
                    (count > 0 && recipient->via[count - 1].match == MATCH_LOCAL);
    const char *last =
        count > 0 ? internal_of(arena, recipient->via[count - 1].address) : asked;
    if (internal == NULL || by_local || last == NULL ||
        !address_parse(arena, recipient->address, &settings.rules, &address, &error) ||
        address.is_null) {
        return;
    }
    struct model_step before = model_step(arena, snapshot, last);
    if (count > 0 ? !model_has(&before.targets, internal) : strcmp(internal, asked) != 0) {
        return; /* routed */
    }
    assert(strcmp(address.internal, internal) == 0);
    const struct expansion *again =
        resolve_address(arena, &address, &(struct directory){.snapshot = snapshot});
    struct model_step step = model_step(arena, snapshot, internal);
    assert(!step.found || model_has_folded(&step.targets, internal));
    if (again->status == EXPANSION_UNKNOWN || again->fault != FAULT_NONE) {
        /* Judged on the folded address, as strangers may write it in more ways. */
        assert(step.found || again->fault != FAULT_NONE ||
               recipient->class == CLASS_UNKNOWN || recipient->class == CLASS_LOCAL);
        assert(step.found || again->fault == FAULT_NONE || again->fault == FAULT_TABLE ||
               again->fault == FAULT_SYNTAX);
        assert(again->fault != FAULT_SYNTAX || recipient->class == CLASS_UNKNOWN);
        return;
    }
    size_t i = 0;
    while (i < again->recipient_count &&
           !text_equal_folded(again->recipients[i].address, recipient->address)) {
        i++;
    }
    assert(i < again->recipient_count);
    assert(again->recipients[i].class == recipient->class);
    assert(step.found ||
           (again->recipient_count == 1 && again->recipients[0].via_count == 0));
}

/* Whether strangers are relayed decides nothing about who gets what. */
static void check_relay(struct arena *arena, const struct snapshot *snapshot,
                        const struct address *address)
{
    const char *routed = local_route(arena, &settings, address->internal);
    const char *at = strrchr(routed, '@');
    const char *domain = text_fold_copy(arena, at != NULL ? at + 1 : "");
    struct twist ours = {.failing = SIZE_MAX, .managed = domain};
    struct twist foreign = {.failing = SIZE_MAX, .unmanaged = domain};
    const struct expansion *a = resolve_twisted(arena, address, snapshot, &ours);
    const struct expansion *b = resolve_twisted(arena, address, snapshot, &foreign);
    if (a->recipient_count == 0 || b->recipient_count == 0) {
        return;
    }
    assert(a->recipient_count == b->recipient_count);
    for (size_t i = 0; i < a->recipient_count; i++) {
        assert(strcmp(a->recipients[i].address, b->recipients[i].address) == 0);
        assert(a->recipients[i].via_count == b->recipients[i].via_count);
    }
}

/* A source that fails, wherever, gives an error and nobody. */
static void check_failures(const struct address *address, const struct snapshot *snapshot,
                           size_t questions)
{
    size_t answers = 0;
    size_t stride = questions / FAILURES + 1;
    for (size_t failing = 0; failing < questions && answers < ANSWERS; failing += stride) {
        answers += failing;
        struct arena *arena = arena_new();
        struct twist twist = {.failing = failing};
        const struct expansion *expansion =
            resolve_twisted(arena, address, snapshot, &twist);
        assert(twist.asked == failing + 1);
        assert(expansion->status == EXPANSION_ERROR ||
               expansion->status == EXPANSION_RELAY);
        assert(expansion->fault == FAULT_TABLE);
        assert(strcmp(expansion->fault_reason, "away") == 0);
        check_shape(expansion);
        arena_free(&arena);
    }
}

/* alice's own mailbox, whatever its detail, unless that makes it another account. */
static bool is_alice(struct arena *arena, const struct snapshot *snapshot,
                     const char *external)
{
    struct address address;
    address_from_internal(arena, address_complete(arena, external, &settings.rules),
                          &settings.rules, &address);
    const char *base = arena_format(arena, "%s@%s", address.base, address.domain);
    const struct question question = {.kind = QUESTION_MAILBOX, .key = address.key};
    return strcmp(address.key, "alice@a.test") == 0 ||
           (address.detail[0] != '\0' && text_equal_folded(base, "alice@a.test") &&
            snapshot_answer(snapshot, &question, arena).kind == ANSWER_NOT_FOUND);
}

/* Is one of the addresses on the way to this recipient, before any local alias, alice's? */
static bool passes_alice(struct arena *arena, const struct snapshot *snapshot,
                         const struct expanded_recipient *recipient)
{
    bool passes = false;
    for (size_t i = 1; i <= recipient->via_count && !passes; i++) {
        if (recipient->via[i - 1].match == MATCH_LOCAL) {
            return false;
        }
        passes = is_alice(arena, snapshot,
                          i < recipient->via_count ? recipient->via[i].address
                                                   : recipient->address);
    }
    return passes;
}

static bool leads_to_alice(struct arena *arena, const struct snapshot *snapshot,
                           const struct expansion *expansion)
{
    bool leads = false;
    for (size_t i = 0; i < expansion->recipient_count && !leads; i++) {
        leads = passes_alice(arena, snapshot, &expansion->recipients[i]);
    }
    for (size_t i = 0; i < expansion->double_count && !leads; i++) {
        leads = passes_alice(arena, snapshot, &expansion->doubles[i]);
    }
    return leads;
}

static void check_owner(const struct ownership *owner)
{
    assert((owner->kind == ANSWER_FOUND) == (owner->reason == NULL));
    assert((owner->kind == ANSWER_FOUND) == (owner->proof != NULL));
    assert(owner->kind == ANSWER_FOUND || owner->path_count == 0);
    assert(owner->kind != ANSWER_NOT_FOUND ||
           strncmp(owner->reason, "best match ", strlen("best match ")) == 0);
    for (size_t i = 0; i < owner->path_count; i++) {
        assert(owner->path[i].match != MATCH_LOCAL);
    }
}

/* Whoever gets its mail by virtual aliases owns it. Fewer options never give more. Patterns
 * know case, and are asked for one spelling of an address only. */
static void check_ownership(struct arena *arena, const struct snapshot *snapshot,
                            const struct address *address,
                            const struct expansion *expansion)
{
    enum { OPTIONS = 6 };

    bool leads = leads_to_alice(arena, snapshot, expansion);
    bool has_patterns = pattern_table_count(snapshot->patterns) > 0;
    /* What runs away takes 20000 steps with each: there, none of the options, and all. */
    unsigned last = (1U << OPTIONS) - 1;
    unsigned stride = expansion->fault != FAULT_NONE ? last : 1;
    for (unsigned mask = 0; mask <= last; mask += stride) {
        struct arena *own = arena_new();
        const struct ownership_options options = {.nested = (mask & 1) != 0,
                                                  .catch_all = (mask & 2) != 0,
                                                  .regexp = (mask & 4) != 0,
                                                  .group = (mask & 8) != 0,
                                                  .subaddress = (mask & 16) != 0,
                                                  .account_alias = (mask & 32) != 0};
        struct ownership owner =
            ownership_find(own, "alice@a.test", address,
                           &(struct directory){.snapshot = snapshot}, &options);
        check_owner(&owner);
        bool is_all = mask == last;
        assert(owner.kind != ANSWER_FOUND || options.nested || owner.path_count <= 1);
        assert(!is_all || !leads || has_patterns || owner.kind == ANSWER_FOUND);
        assert(owner.kind != ANSWER_FOUND || leads || owner.path_count == 0 ||
               expansion->fault != FAULT_NONE || has_patterns ||
               expansion->status == EXPANSION_UNKNOWN);
        arena_free(&own);
    }
}

static void check_address(struct arena *arena, const struct snapshot *snapshot,
                          const struct address *address)
{
    const char *asked = address->internal;
    const char *typed = address->raw + (address->raw[0] == '<');
    if (text_equal_folded(asked, "double-bounce@host.test") && strchr(typed, '@') != NULL &&
        strncmp(typed, "\"@", 2) != 0) {
        asked = text_fold_copy(arena, asked);
    }
    struct twist plain = {.failing = SIZE_MAX};
    struct arena *own = arena_new();
    const struct expansion *expansion = resolve_twisted(own, address, snapshot, &plain);
    assert(arena_used(own) < ARENA_BYTES);
    check_shape(expansion);
    check_same(expansion,
               resolve_address(arena, address, &(struct directory){.snapshot = snapshot}));
    check_model(arena, snapshot, address, asked, expansion);
    check_recipients(arena, snapshot, asked, expansion);
    for (size_t i = 0; i < expansion->recipient_count && i < RECIPIENTS; i++) {
        check_stays(arena, snapshot, asked, &expansion->recipients[i]);
    }
    check_failures(address, snapshot, plain.asked);
    if (plain.asked < LARGE) {
        check_relay(arena, snapshot, address);
        check_ownership(arena, snapshot, address, expansion);
    }
    arena_free(&own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct part rest = {(const char *)data, size};
    struct part typed = part_next(&rest);
    struct snapshot *snapshot = build(arena, rest);
    char *text = arena_copy_bytes(arena, typed.bytes, typed.length);
    struct address address;
    struct error error = {0};
    if (address_parse(arena, text_trim(text), &settings.rules, &address, &error)) {
        check_address(arena, snapshot, &address);
    }
    snapshot_release(&snapshot);
    arena_free(&arena);
    return 0;
}
