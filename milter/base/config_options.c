/* SPDX-License-Identifier: MIT */
/* The program's own options. Those of a rule stand in the rule's file. */
#include "base/config_store.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOSTNAME_BYTES = 256, SECOND = 1000, MINUTE = 60 * SECOND };

/* Postfix waits 30 s for the answer to a command and 300 s at end of message: budgets stay
 * below. */
static const struct option program_options[] = {
    {"listen", OPTION_TEXT, "inet:8891@127.0.0.1", 0, 0, NULL, NULL,
     "the socket Postfix connects to: unix:/path, inet:port@host or inet6:port@host"},
    {"listen.mode", OPTION_TEXT, "0660", 0, 0, NULL, NULL,
     "access mode of a unix socket, octal"},
    {"listen.group", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "group of a unix socket; none: the group of the process"},
    {"hostname", OPTION_TEXT, NULL, 0, 0, NULL, "OVERRIDE_HOSTNAME",
     "the mail server's name, Postfix's myhostname; default: the host's"},
    {"myorigin", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "completes names without a domain, as in Postfix; default: hostname"},
    {"mydestination", OPTION_LIST, NULL, 0, 0, NULL, NULL,
     "domains of local delivery, as in Postfix; default: hostname (not with "
     "dms.provisioner = LDAP), localhost.domain, localhost"},
    {"dms.volume", OPTION_TEXT, "/tmp/docker-mailserver", 0, 0, NULL, NULL,
     "docker-mailserver's config volume: accounts, aliases, quotas"},
    {"dms.settings", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "a file of NAME='value' lines, like docker-mailserver's /etc/dms-settings"},
    {"dms.provisioner", OPTION_CHOICE, "FILE", 0, 0, "FILE LDAP", "ACCOUNT_PROVISIONER",
     "where docker-mailserver keeps accounts and aliases: FILE, in the config volume, or "
     "LDAP; then the volume still has patterns, local aliases and domains"},
    {"dms.postmaster", OPTION_TEXT, NULL, 0, 0, NULL, "POSTMASTER_ADDRESS",
     "where docker-mailserver sends mail for the local root; default: postmaster@domain"},
    {"directory.sources", OPTION_LIST, "dms", 0, 0, NULL, NULL,
     "where accounts, aliases and domains are known, in the order to ask: dms (the config "
     "volume), ldap, dovecot (its userdb), lua (lua.script); with dms.provisioner = LDAP "
     "by "
     "default ldap dms"},
    {"directory.domains", OPTION_LIST, NULL, 0, 0, NULL, NULL,
     "domains of ours beside those that the sources know; a userdb and a script know none"},
    {"directory.sample", OPTION_ADDRESS, NULL, 0, 0, NULL, NULL,
     "an account that `foregate check` asks the sources about; none: the first of the "
     "volume, or postmaster"},
    {"recipient_delimiter", OPTION_TEXT, "+", 0, 0, NULL, NULL,
     "set of characters that begin the detail of an address, as in Postfix; empty: none; "
     "not set: as postfix-main.cf in the volume says"},
    {"trusted_networks", OPTION_NETWORKS, "127.0.0.0/8 [::1]/128", 0, 0, NULL, NULL,
     "clients that are not judged as strangers (quota applies to them as well)"},
    {"rules", OPTION_LIST, "subaddress alias recipient quota spoof", 0, 0, NULL, NULL,
     "the rules that run, in this order"},
    {"rules.path", OPTION_LIST, FOREGATE_RULES_DIR " /etc/foregate/rules", 0, 0, NULL, NULL,
     "folders of rules; a rule in a later folder wins over one of the same name"},
    {"lua.path", OPTION_TEXT, FOREGATE_LUA_DIR, 0, 0, NULL, NULL,
     "folder of the Lua library that rules are run with"},
    {"mode", OPTION_CHOICE, "enforce", 0, 0, "enforce shadow", NULL,
     "shadow: decide and log, change nothing; per rule: RULE.mode"},
    {"on_error", OPTION_CHOICE, "defer", 0, 0, "defer continue", NULL,
     "when a rule itself fails: defer (451 4.3.0) or continue; per rule: RULE.on_error"},
    {"rewrite.alias", OPTION_CHOICE, "keep", 0, 0, "keep expand", NULL,
     "expand: recipients are replaced by what they expand to"},
    {"rewrite.subaddress", OPTION_CHOICE, "keep", 0, 0, "keep external strip", NULL,
     "strip: the detail is removed from recipients; external: only from addresses "
     "elsewhere, which an alias hands it on to"},
    {"rewrite.header", OPTION_TEXT, "X-Original-To", 0, 0, NULL, NULL,
     "header that names a rewritten recipient as the client gave it, or off"},
    {"rewrite.max_recipients", OPTION_COUNT, "1000", 1, 50000, NULL, NULL,
     "that one message may have once its aliases are expanded"},
    {"quota.service", OPTION_TEXT, "inet:127.0.0.1:65265", 0, 0, NULL, NULL,
     "Dovecot's quota-status: inet:host:port, tls:host:port or unix:/path"},
    {"quota.tls_ca", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "a file of certificates (PEM) that tls: trusts; none: those of the system"},
    {"quota.tls_name", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "host name or address that the certificate must bear; none: the service's host"},
    {"quota.tls_certificate", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "a file with our own certificate and its chain (PEM), for a service that demands one"},
    {"quota.tls_key", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "a file with the key of quota.tls_certificate (PEM, without a passphrase)"},
    {"quota.timeout", OPTION_DURATION, "1s", 1, 20 * SECOND, NULL, NULL,
     "for one answer of quota-status"},
    {"quota.connections", OPTION_COUNT, "4", 1, 64, NULL, NULL,
     "kept-open connections to quota-status, at most"},
    {"quota.breaker_failures", OPTION_COUNT, "3", 1, 1000, NULL, NULL,
     "failures in a row, until quota-status counts as away and is only probed"},
    {"quota.lease", OPTION_SIZE, "64MiB", 0, INT64_C(1) << 40, NULL, NULL,
     "room asked for beyond a message, and spent without asking again; 0: always ask"},
    {"quota.lease_time", OPTION_DURATION, "10s", 0, 5 * MINUTE, NULL, NULL,
     "how long such room may be spent"},
    {"quota.refusal_time", OPTION_DURATION, "2s", 0, 5 * MINUTE, NULL, NULL,
     "how long a full mailbox counts as full without asking again"},
    {"quota.settle_time", OPTION_DURATION, "10s", 0, 10 * MINUTE, NULL, NULL,
     "from accepting a message until Dovecot must have counted it"},
    {"quota.overhead", OPTION_SIZE, "1KiB", 0, 1024 * 1024, NULL, NULL,
     "what a message gains in header lines on its way to a mailbox"},
    {"quota.max_mail_size", OPTION_SIZE, "10000000", 0, INT64_C(1) << 40, NULL,
     "POSTFIX_MESSAGE_SIZE_LIMIT",
     "Dovecot's quota_max_mail_size: it refuses larger questions whatever the room; 0: "
     "none"},
    {"quota.grace", OPTION_COUNT, "10", 0, 100, NULL, NULL,
     "Dovecot's quota_grace: percent of the limit by which the last message may exceed it"},
    {"quota.limit", OPTION_SIZE, "0", 0, INT64_C(1) << 50, NULL,
     "POSTFIX_MAILBOX_SIZE_LIMIT",
     "of a mailbox that has none of its own in the volume; 0: not known"},
    {"dns.servers", OPTION_LIST, NULL, 0, 0, NULL, NULL,
     "whom rules' questions to the DNS go to, like 192.0.2.1 127.0.0.1:5353 [::1]:53; "
     "none: "
     "those of /etc/resolv.conf"},
    {"dns.timeout", OPTION_DURATION, "1s", 1, 20 * SECOND, NULL, NULL,
     "for one answer of the DNS"},
    {"dns.queries", OPTION_COUNT, "256", 1, 10000, NULL, NULL,
     "questions to the DNS under way at a time; further ones fail at once"},
    {"http.timeout", OPTION_DURATION, "1s", 1, 20 * SECOND, NULL, NULL,
     "for one answer to an HTTP request of a rule"},
    {"http.requests", OPTION_COUNT, "64", 1, 1000, NULL, NULL,
     "HTTP requests of rules under way at a time, and connections; further ones fail at "
     "once"},
    {"http.max_body", OPTION_SIZE, "64KiB", 1, 1024 * 1024, NULL, NULL,
     "of an answer to an HTTP request; a longer one is no answer"},
    {"http.ca", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "a file of certificates (PEM) that HTTP requests to https: trust; none: those of the "
     "system"},
    {"lua.script", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "the Lua file of Dovecot's passdb or userdb { driver = lua }; none: no such accounts"},
    {"lua.settings", OPTION_LIST, NULL, 0, 0, NULL, NULL,
     "name=value words for its script_init, as Dovecot 2.4's lua_settings"},
    {"lua.scheme", OPTION_TEXT, "PLAIN", 0, 0, NULL, NULL,
     "of its passwords that name no {SCHEME}"},
    {"lua.timeout", OPTION_DURATION, "5s", 1, 25 * SECOND, NULL, NULL,
     "for one call of its functions, with all that it waits for"},
    {"lua.cache", OPTION_DURATION, "10s", 0, 5 * MINUTE, NULL, NULL,
     "how long lua is not asked again for what it knew (at most 1s for what it did not)"},
    {"lua.stale", OPTION_DURATION, "10m", 0, 24 * 60 * MINUTE, NULL, NULL,
     "while lua cannot tell, its last answer serves up to this age; 0: never"},
    {"lua.on_failure", OPTION_CHOICE, "defer", 0, 0, "defer continue", NULL,
     "when lua cannot tell: defer (451), or continue with the next source; what nobody "
     "else "
     "knows is deferred all the same"},
    {"ldap.path", OPTION_TEXT, "/etc/postfix", 0, 0, NULL, NULL,
     "folder of docker-mailserver's ldap-users.cf, -aliases, -groups, -domains and "
     "-senders; "
     "those that are missing are as it ships them"},
    {"ldap.server_host", OPTION_TEXT, NULL, 0, 0, NULL, "LDAP_SERVER_HOST",
     "in place of server_host in the files: hosts or URLs, in the order to try"},
    {"ldap.search_base", OPTION_TEXT, NULL, 0, 0, NULL, "LDAP_SEARCH_BASE",
     "in place of search_base in the files"},
    {"ldap.bind_dn", OPTION_TEXT, NULL, 0, 0, NULL, "LDAP_BIND_DN",
     "in place of bind_dn in the files"},
    {"ldap.bind_pw", OPTION_SECRET, NULL, 0, 0, NULL, "LDAP_BIND_PW",
     "in place of bind_pw in the files"},
    {"ldap.start_tls", OPTION_BOOL, "no", 0, 0, NULL, "LDAP_START_TLS",
     "if set, in place of start_tls in the files; certificates are always verified"},
    {"ldap.ca", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "a file of certificates (PEM) that LDAP servers are verified with; none: that of the "
     "files, or the system's"},
    {"ldap.query_filter_user", OPTION_TEXT, NULL, 0, 0, NULL, "LDAP_QUERY_FILTER_USER",
     "in place of query_filter in ldap-users.cf"},
    {"ldap.query_filter_alias", OPTION_TEXT, NULL, 0, 0, NULL, "LDAP_QUERY_FILTER_ALIAS",
     "in place of query_filter in ldap-aliases.cf"},
    {"ldap.query_filter_group", OPTION_TEXT, NULL, 0, 0, NULL, "LDAP_QUERY_FILTER_GROUP",
     "in place of query_filter in ldap-groups.cf"},
    {"ldap.query_filter_domain", OPTION_TEXT, NULL, 0, 0, NULL, "LDAP_QUERY_FILTER_DOMAIN",
     "in place of query_filter in ldap-domains.cf"},
    {"ldap.query_filter_senders", OPTION_TEXT, NULL, 0, 0, NULL,
     "LDAP_QUERY_FILTER_SENDERS", "in place of query_filter in ldap-senders.cf"},
    {"ldap.quota_attribute", OPTION_TEXT, "mailQuota", 0, 0, NULL, NULL,
     "of users, whose value is shown as the limit of the quota; empty: none"},
    {"ldap.timeout", OPTION_DURATION, "1s", 1, 20 * SECOND, NULL, NULL,
     "for one answer of LDAP, connecting included"},
    {"ldap.cache", OPTION_DURATION, "10s", 0, 5 * MINUTE, NULL, NULL, "like lua.cache"},
    {"ldap.stale", OPTION_DURATION, "10m", 0, 24 * 60 * MINUTE, NULL, NULL,
     "like lua.stale"},
    {"ldap.on_failure", OPTION_CHOICE, "defer", 0, 0, "defer continue", NULL,
     "like lua.on_failure"},
    {"dovecot.userdb", OPTION_TEXT, "unix:/run/dovecot/auth-userdb", 0, 0, NULL, NULL,
     "Dovecot's userdb, a listener of its service auth: unix:/path or inet:host:port"},
    {"dovecot.service", OPTION_TEXT, "lmtp", 0, 0, NULL, NULL,
     "the name of the service that Dovecot is told, for its %s and for `protocol NAME`"},
    {"dovecot.timeout", OPTION_DURATION, "1s", 1, 20 * SECOND, NULL, NULL,
     "for one answer of Dovecot's userdb, connecting included"},
    {"dovecot.cache", OPTION_DURATION, "10s", 0, 5 * MINUTE, NULL, NULL, "like lua.cache"},
    {"dovecot.stale", OPTION_DURATION, "10m", 0, 24 * 60 * MINUTE, NULL, NULL,
     "like lua.stale"},
    {"dovecot.on_failure", OPTION_CHOICE, "defer", 0, 0, "defer continue", NULL,
     "like lua.on_failure"},
    {"states", OPTION_COUNT, "0", 0, 256, NULL, NULL,
     "Lua states, each runs one rule at a time; 0: one a processor core"},
    {"deadline.command", OPTION_DURATION, "10s", 100, 25 * SECOND, NULL, NULL,
     "for all rules of one SMTP command"},
    {"deadline.message", OPTION_DURATION, "60s", 100, 4 * MINUTE, NULL, NULL,
     "for all rules at end of message"},
    {"state.memory", OPTION_SIZE, "64MiB", 1024 * 1024, INT64_C(4) << 30, NULL, NULL,
     "memory of one Lua state, at most"},
    {"messages.memory", OPTION_SIZE, "256MiB", 1024 * 1024, INT64_C(1) << 40, NULL, NULL,
     "what all open messages together may keep; then recipients are told to come back"},
    {"rule.instructions", OPTION_COUNT, "10000000", 10000, INT64_C(100000000000), NULL,
     NULL, "Lua instructions of one call of a rule, at most"},
    {"spoof.may_send_as", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "a file of `login: address, @domain or *` lines: further permissions to send"},
    {"reply.id", OPTION_BOOL, "no", 0, 0, NULL, NULL,
     "a refusal's text ends in the id of its decision, which finds it in the log"},
    {"record", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
     "a file that each transaction is recorded in, for `foregate compare`"},
    {"record.size", OPTION_SIZE, "64MiB", 1024 * 1024, INT64_C(1) << 40, NULL, NULL,
     "a record that would make the file larger begins a new one"},
    {"record.files", OPTION_COUNT, "4", 1, 1000, NULL, NULL,
     "files that are kept: FILE, FILE.1 and so on, the highest number the oldest"},
    {"control", OPTION_TEXT, "unix:/run/foregate/control", 0, 0, NULL, NULL,
     "the socket where `foregate reload` reaches a running program; empty: none"},
    {"reload.watch", OPTION_BOOL, "yes", 0, 0, NULL, NULL,
     "take over rules and configuration when their files change; no: only when asked to"},
    {"reload.tests_timeout", OPTION_DURATION, "30s", 100, 5 * MINUTE, NULL, NULL,
     "for all tests that rules name, before they are taken over"},
    {"log.level", OPTION_CHOICE, "info", 0, 0, "error warning info debug", NULL,
     "the least important lines that are logged"},
    {"log.format", OPTION_CHOICE, "text", 0, 0, "text json", NULL,
     "text: key=value; json: one object a line"},
};

/* Taken over by a reload, as all settings of rules are. */
static const char *const reloaded[] = {
    "rules",
    "rules.path",
    "lua.path",
    "mode",
    "on_error",
    "states",
    "deadline.command",
    "deadline.message",
    "state.memory",
    "rule.instructions",
    "reload.watch",
    "reload.tests_timeout",
};

bool option_is_fixed(const char *name)
{
    for (size_t i = 0; i < sizeof reloaded / sizeof reloaded[0]; i++) {
        if (strcmp(reloaded[i], name) == 0) {
            return false;
        }
    }
    size_t i = 0;
    size_t count = sizeof program_options / sizeof program_options[0];
    while (i < count && strcmp(program_options[i].name, name) != 0) {
        i++;
    }
    return i < count;
}

/* As Postfix does: a bare name is completed with .localdomain (DEF_MYDOMAIN). */
static const char *host_name(struct arena *arena)
{
    char name[HOSTNAME_BYTES];
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') {
        return "localhost.localdomain";
    }
    name[sizeof name - 1] = '\0';
    text_fold(name);
    return strchr(name, '.') != NULL ? arena_copy(arena, name)
                                     : arena_format(arena, "%s.localdomain", name);
}

void config_declare_program(struct config *config)
{
    struct error error;
    for (size_t i = 0; i < sizeof program_options / sizeof program_options[0]; i++) {
        struct option option = program_options[i];
        if (strcmp(option.name, "hostname") == 0) {
            option.initial = host_name(config_memory(config));
        }
        bool declared = config_declare(config, &option, &error);
        assert(declared);
    }
}

int config_states(const struct config *config)
{
    int64_t wanted = config_number(config, "states");
    if (wanted == 0) {
        wanted = sysconf(_SC_NPROCESSORS_ONLN);
    }
    return wanted >= 1 ? (int)wanted : 1;
}

const char *config_domain(const char *hostname)
{
    const char *first = strchr(hostname, '.');
    return first == NULL                    ? "localdomain"
           : strchr(first + 1, '.') != NULL ? first + 1
                                            : hostname;
}

void config_derive(struct arena *arena, const char *hostname, bool is_ldap_mode,
                   const char **myorigin, const char **mydestination)
{
    const char *others =
        arena_format(arena, "localhost.%s, localhost", config_domain(hostname));
    *myorigin = hostname;
    *mydestination =
        is_ldap_mode ? others : arena_format(arena, "%s, %s", hostname, others);
}
