/* endpoint.c: tcp://host:port and ipc://path, checked before libzmq sees them. */
#include "endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define IPC_PATH_MAX 107u /* sun_path without its NUL */

static int refuse(const char *text, const char *what, char *why, size_t why_size)
{
    snprintf(why, why_size, "\"%s\": %s", text, what);
    return MUSTER_EINVAL;
}

static int check_port(const char *text, const char *port, char *why, size_t why_size)
{
    size_t digits = strspn(port, "0123456789");

    if (!digits || digits > 5 || port[digits] || strtoul(port, NULL, 10) < 1 ||
        strtoul(port, NULL, 10) > 65535)
        return refuse(text, "the port must be a number from 1 to 65535", why, why_size);
    return 0;
}

static int check_tcp(const char *text, const char *host, char *why, size_t why_size)
{
    const char *colon = strrchr(host, ':');

    if (!colon)
        return refuse(text, "the port is missing: tcp://host:port", why, why_size);
    if (colon == host || *host == '*')
        return refuse(text, "the host is missing: tcp://host:port", why, why_size);
    if (*host == '[' ? colon[-1] != ']' : memchr(host, ':', (size_t)(colon - host)) != NULL)
        return refuse(text, "an IPv6 address stands in brackets: tcp://[::1]:7671", why, why_size);
    if (strcspn(host, " \t\r\n/;") != strlen(host))
        return refuse(text, "after the port nothing may follow", why, why_size);
    return check_port(text, colon + 1, why, why_size);
}

int endpoint_check(const char *text, char *why, size_t why_size)
{
    if (!strncmp(text, "tcp://", 6))
        return check_tcp(text, text + 6, why, why_size);
    if (strncmp(text, "ipc://", 6))
        return refuse(text, "an endpoint is tcp://host:port or ipc://path", why, why_size);
    if (!text[6])
        return refuse(text, "the path is missing: ipc://path", why, why_size);
    if (strlen(text + 6) > IPC_PATH_MAX)
        return refuse(text, "the path is longer than 107 bytes", why, why_size);
    return 0;
}
