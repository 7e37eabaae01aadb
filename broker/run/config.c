/* config.c: the table of settings, values, and the checks across them. */
#include "run/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "base/text.h"
#include "run/endpoint.h"

const struct setting config_settings[] = {
#define SETTING(field, key, kind, def, least, most, said, about)                                   \
    {key, SETTING_##kind, offsetof(struct config, field), def, least, most, said, about},
#include "run/config.def"
};
const size_t config_setting_count = sizeof config_settings / sizeof config_settings[0];

static const char *const format_names[] = {"text", "json", NULL};
static const char *const level_names[] = {"error", "warn", "info", "debug", NULL};
static const char *const switch_names[] = {"false", "true", NULL};

/* ---- values ---- */

struct value_kind {
    const char *name, *rule;
    int (*parse)(const char *text, uint64_t *ret); /* NULL: text, or one of names */
    void (*format)(uint64_t value, char *out, size_t out_size);
    const char *const *names;
};

static int number_parse(const char *text, uint64_t *ret)
{
    if (*text < '0' || *text > '9')
        return MUSTER_EINVAL;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end || errno)
        return MUSTER_EINVAL;
    *ret = value;
    return 0;
}

static void number_format(uint64_t value, char *out, size_t out_size)
{
    snprintf(out, out_size, "%" PRIu64, value);
}

static void duration_print(uint64_t value, char *out, size_t out_size)
{
    char text[DURATION_TEXT_BYTES];
    duration_format(value, text);
    snprintf(out, out_size, "%s", text);
}

static const struct value_kind kinds[] = {
    [SETTING_ENDPOINT] = {.name = "ENDPOINT"},
    [SETTING_PATH] = {.name = "DIR"},
    [SETTING_DURATION] = {"DURATION", "a duration such as 250ms, 10s or 1h30m", duration_parse,
                          duration_print, NULL},
    [SETTING_SIZE] = {"SIZE", "a size such as 4096, 256KiB or 1GiB", size_parse, size_format, NULL},
    [SETTING_NUMBER] = {"NUMBER", "a whole number", number_parse, number_format, NULL},
    [SETTING_FORMAT] = {"FORMAT", "text or json", NULL, NULL, format_names},
    [SETTING_LEVEL] = {"LEVEL", "error, warn, info or debug", NULL, NULL, level_names},
    [SETTING_SWITCH] = {"true|false", "true or false", NULL, NULL, switch_names},
};

const char *config_kind_name(enum setting_kind kind)
{
    return kinds[kind].name;
}

static void *field_of(struct config *c, const struct setting *setting)
{
    return (char *)c + setting->offset;
}

static int set_text(struct config *c, const struct setting *setting, const char *value, char *why,
                    size_t why_size)
{
    bool local;
    if (!*value) {
        snprintf(why, why_size, "%s is empty", setting->key);
        return MUSTER_EINVAL;
    }
    if (setting->kind == SETTING_ENDPOINT && endpoint_check(value, &local, why, why_size))
        return MUSTER_EINVAL;
    char *copy = strdup(value);
    if (!copy) {
        snprintf(why, why_size, "out of memory");
        return MUSTER_ENOMEM;
    }
    char **field = field_of(c, setting);
    free(*field);
    *field = copy;
    return 0;
}

static int set_name(struct config *c, const struct setting *setting, const char *value, char *why,
                    size_t why_size)
{
    const struct value_kind *kind = &kinds[setting->kind];
    for (uint64_t i = 0; kind->names[i]; i++) {
        if (strcmp(kind->names[i], value) == 0) {
            *(uint64_t *)field_of(c, setting) = i;
            return 0;
        }
    }
    snprintf(why, why_size, "%s is %s, not \"%s\"", setting->key, kind->rule, value);
    return MUSTER_EINVAL;
}

static int set_number(struct config *c, const struct setting *setting, const char *text, char *why,
                      size_t why_size)
{
    const struct value_kind *kind = &kinds[setting->kind];
    uint64_t value;
    if (kind->parse(text, &value)) {
        snprintf(why, why_size, "%s is %s, not \"%s\"", setting->key, kind->rule, text);
        return MUSTER_EINVAL;
    }
    if (value < setting->least || value > setting->most) {
        bool low = value < setting->least;
        char limit[DURATION_TEXT_BYTES];
        kind->format(low ? setting->least : setting->most, limit, sizeof limit);
        snprintf(why, why_size, "%s is %s %s, not %s", setting->key, low ? "at least" : "at most",
                 limit, text);
        return MUSTER_EINVAL;
    }
    *(uint64_t *)field_of(c, setting) = value;
    return 0;
}

int config_set(struct config *c, const struct setting *setting, const char *value, char *why,
               size_t why_size)
{
    if (kinds[setting->kind].parse)
        return set_number(c, setting, value, why, why_size);
    if (kinds[setting->kind].names)
        return set_name(c, setting, value, why, why_size);
    return set_text(c, setting, value, why, why_size);
}

int config_init(struct config *c)
{
    char why[256];
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        if (*setting->def && config_set(c, setting, setting->def, why, sizeof why)) {
            config_fini(c);
            return MUSTER_ENOMEM;
        }
    }
    return 0;
}

void config_fini(struct config *c)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        if (setting->kind != SETTING_ENDPOINT && setting->kind != SETTING_PATH)
            continue;
        char **field = field_of(c, setting);
        free(*field);
        *field = NULL;
    }
}

/* ---- keys ---- */

const struct setting *config_find(struct slice key)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        if (slice_is(key, config_settings[i].key))
            return &config_settings[i];
    }
    return NULL;
}

const char *config_nearest(struct slice key)
{
    struct nearest nearest;
    nearest_init(&nearest, key);
    for (size_t i = 0; i < config_setting_count; i++)
        nearest_offer(&nearest, config_settings[i].key);
    return nearest.best;
}

/* The variable's name: MUSTERD_RESTART_GRACE. */
static void config_variable(const struct setting *setting, char *out, size_t out_size)
{
    snprintf(out, out_size, "MUSTERD_%s", setting->key);
    for (char *p = out; *p; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
}

int config_from_environment(struct config *c, char *why, size_t why_size)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        char name[64], reason[256];
        config_variable(&config_settings[i], name, sizeof name);
        const char *value = getenv(name);
        if (!value || !*value)
            continue;
        int error = config_set(c, &config_settings[i], value, reason, sizeof reason);
        if (error) {
            snprintf(why, why_size, "%s: %s", name, reason);
            return error;
        }
    }
    return 0;
}

/* Kubernetes and Docker tell every container of a service `musterd` by variables of these names. */
static bool from_elsewhere(const char *key)
{
    return strncmp(key, "SERVICE_", 8) == 0 || strncmp(key, "PORT", 4) == 0;
}

void config_stray_variables(void (*tell)(const char *name, const char *nearest))
{
    static const char prefix[] = "MUSTERD_";
    for (char **variable = environ; variable && *variable; variable++) {
        const char *equals = strchr(*variable, '=');
        if (strncmp(*variable, prefix, sizeof prefix - 1) != 0 || !equals || !equals[1])
            continue;
        char name[64], nearest[64];
        snprintf(name, sizeof name, "%.*s", (int)(equals - *variable), *variable);
        char *key = name + sizeof prefix - 1;
        bool known = from_elsewhere(key);
        for (size_t i = 0; !known && i < config_setting_count; i++) {
            config_variable(&config_settings[i], nearest, sizeof nearest);
            known = strcmp(nearest, name) == 0;
        }
        if (known)
            continue;
        char dashed[64];
        snprintf(dashed, sizeof dashed, "%s", key);
        for (char *p = dashed; *p; p++)
            *p = *p == '_' ? '-' : *p;
        config_variable(config_find(slice_str(config_nearest(slice_str(dashed)))), nearest,
                        sizeof nearest);
        tell(name, nearest);
    }
}

/* ---- checks ---- */

static int check_socket(const char *key, const char *endpoint, bool insecure, char *why,
                        size_t why_size)
{
    bool local = false;
    int error = endpoint_check(endpoint, &local, why, why_size);
    if (error || local || insecure)
        return error;
    snprintf(why, why_size,
             "%s: %s can be reached from other machines, and anyone who reaches it gets in. "
             "Bind 127.0.0.1 or ipc://, or set `insecure: true` (--insecure) on a trusted network",
             key, endpoint);
    return MUSTER_EINVAL;
}

int config_check(const struct config *c, char *why, size_t why_size)
{
    if (c->lease < 3 * c->heartbeat) {
        char lease[DURATION_TEXT_BYTES], heartbeat[DURATION_TEXT_BYTES];
        duration_format(c->lease, lease);
        duration_format(c->heartbeat, heartbeat);
        snprintf(why, why_size, "lease is at least 3 x heartbeat: %s is too short for %s", lease,
                 heartbeat);
        return MUSTER_EINVAL;
    }
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        if (setting->kind != SETTING_ENDPOINT)
            continue;
        const char *endpoint = *(char *const *)((const char *)c + setting->offset);
        int error = check_socket(setting->key, endpoint, c->insecure, why, why_size);
        if (error)
            return error;
    }
    return 0;
}

int config_default_data(struct config *c, char *why, size_t why_size)
{
    if (c->data)
        return 0;
    const char *state = getenv("STATE_DIRECTORY"), *home = getenv("HOME");
    int printed = 0;
    if (state && *state) /* systemd gives several, separated by colons: the first is ours */
        printed = asprintf(&c->data, "%.*s", (int)strcspn(state, ":"), state);
    else if (home && *home)
        printed = asprintf(&c->data, "%s/.local/state/muster", home);
    if (printed > 0)
        return 0;
    c->data = NULL;
    snprintf(why, why_size, "data: there is neither STATE_DIRECTORY nor HOME; set --data DIR");
    return printed < 0 ? MUSTER_ENOMEM : MUSTER_EINVAL;
}
