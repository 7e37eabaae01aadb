/* endpoint.c: tcp://HOST:PORT and ipc://PATH, looked at before they are bound. */
#include "run/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define HOST_MAX_BYTES 256

static int refuse(const char *endpoint, const char *reason, char *why, size_t why_size)
{
    snprintf(why, why_size, "\"%s\" is no endpoint: %s", endpoint, reason);
    return MUSTER_EINVAL;
}

static bool port_valid(const char *port)
{
    if (strcmp(port, "*") == 0)
        return true;
    if (*port < '0' || *port > '9')
        return false;
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    return *end == '\0' && number <= 65535;
}

/* 127.0.0.0/8, or ::1 with or without brackets. */
static bool is_loopback(const char *host, size_t len)
{
    char text[HOST_MAX_BYTES];
    struct in_addr v4;
    struct in6_addr v6;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len >= sizeof text)
        return false;
    memcpy(text, host, len);
    text[len] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int check_tcp(const char *endpoint, const char *address, bool *ret_local, char *why,
                     size_t why_size)
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address || (size_t)(colon - address) >= HOST_MAX_BYTES)
        return refuse(endpoint, "it is tcp://ADDRESS:PORT", why, why_size);
    if (!port_valid(colon + 1))
        return refuse(endpoint, "the port is a number up to 65535, or * for a free one", why,
                      why_size);
    *ret_local = is_loopback(address, (size_t)(colon - address));
    return 0;
}

int endpoint_check(const char *endpoint, bool *ret_local, char *why, size_t why_size)
{
    if (strncmp(endpoint, "tcp://", 6) == 0)
        return check_tcp(endpoint, endpoint + 6, ret_local, why, why_size);
    if (strncmp(endpoint, "ipc://", 6) == 0) {
        size_t len = strlen(endpoint + 6);
        if (len == 0 || len >= sizeof((struct sockaddr_un *)NULL)->sun_path)
            return refuse(endpoint, "the path after ipc:// has 1 to 107 bytes", why, why_size);
        *ret_local = true;
        return 0;
    }
    return refuse(endpoint, "it begins with tcp:// or ipc://", why, why_size);
}
