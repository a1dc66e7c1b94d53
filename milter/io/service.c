/* SPDX-License-Identifier: MIT */
#include "io/service.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static bool parse_unix(struct service *service, const char *path, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] != '/' || strlen(path) >= sizeof address.sun_path) {
        return error_set(error, ERROR_CONFIG,
                         "unix:%s: needs a path that begins with / and is below %zu bytes",
                         path, sizeof address.sun_path);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    memcpy(&service->addresses[0].address, &address, sizeof address);
    service->addresses[0].length = sizeof address;
    service->address_count = 1;
    return true;
}

static bool copy_part(char *to, size_t size, const char *from, size_t length)
{
    if (length == 0 || length >= size) {
        return false;
    }
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

static bool is_port(const char *port)
{
    return strspn(port, "0123456789") == strlen(port) && strtol(port, NULL, 10) >= 1 &&
           strtol(port, NULL, 10) <= 65535;
}

static bool split_inet(struct service *service, const char *text)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL ||
        !copy_part(service->port, sizeof service->port, colon + 1, strlen(colon + 1)) ||
        !is_port(service->port)) {
        return false;
    }
    const char *host = text;
    const char *end = colon;
    bool is_bracketed = host[0] == '[' && end > host && end[-1] == ']';
    if (is_bracketed) {
        host++;
        end--;
    }
    size_t length = (size_t)(end - host);
    /* Without brackets nobody can tell where an IPv6 address ends. */
    bool is_clear = is_bracketed == (memchr(host, ':', length) != NULL) &&
                    memchr(host, '[', length) == NULL && memchr(host, ']', length) == NULL;
    return is_clear && copy_part(service->host, sizeof service->host, host, length);
}

/* text begins with `inet:` or `tls:`. */
static bool parse_inet(struct service *service, const char *text, struct error *error)
{
    service->is_tls = text[0] == 't';
    if (!split_inet(service, strchr(text, ':') + 1)) {
        return error_set(error, ERROR_CONFIG,
                         "%s: needs %shost:port with a port from 1 to 65535, an IPv6 "
                         "address in brackets",
                         text, service->is_tls ? "tls:" : "inet:");
    }
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(service->host, service->port, &hints, &found) == 0) {
        service_set(service, found);
        freeaddrinfo(found);
        return true;
    }
    if (strchr(service->host, ':') != NULL) {
        return error_set(error, ERROR_CONFIG, "%s: not an IPv6 address", text);
    }
    service->is_name = true;
    return true;
}

bool service_parse(struct service *service, const char *text, struct error *error)
{
    *service = (struct service){0};
    if (strncmp(text, "unix:", 5) == 0) {
        return parse_unix(service, text + 5, error);
    }
    if (strncmp(text, "inet:", 5) == 0 || strncmp(text, "tls:", 4) == 0) {
        return parse_inet(service, text, error);
    }
    return error_set(error, ERROR_CONFIG,
                     "%s: needs inet:host:port, tls:host:port or unix:/path", text);
}

void service_set(struct service *service, const struct addrinfo *found)
{
    service->address_count = 0;
    for (; found != NULL && service->address_count < SERVICE_ADDRESSES;
         found = found->ai_next) {
        struct service_address *address = &service->addresses[service->address_count];
        if (found->ai_addrlen <= sizeof address->address) {
            memcpy(&address->address, found->ai_addr, found->ai_addrlen);
            address->length = found->ai_addrlen;
            service->address_count++;
        }
    }
}

void service_forget(struct service *service)
{
    if (service->is_name) {
        service->address_count = 0;
    }
}

int service_connect(const struct service_address *address)
{
    const struct sockaddr *name = (const struct sockaddr *)&address->address;
    int made = socket(name->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0) {
        return -1;
    }
    int yes = 1;
    if (name->sa_family != AF_UNIX) {
        setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    if (connect(made, name, address->length) != 0 && errno != EINPROGRESS) {
        int failure = errno;
        close(made);
        errno = failure;
        return -1;
    }
    return made;
}

int service_connect_error(int connecting)
{
    int failure = 0;
    socklen_t length = sizeof failure;
    bool is_told = getsockopt(connecting, SOL_SOCKET, SO_ERROR, &failure, &length) == 0;
    return is_told ? failure : errno;
}
