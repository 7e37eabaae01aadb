/* options.c: flags come from the table of settings; the help does, too. */
#include "run/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/help.h"

#define WHY_BYTES    640
#define SETTINGS_MAX 64
#define HELP_COLUMN  28
#define FIRST_CODE   256 /* of the settings' flags; below are the flags that are no settings */

enum {
    CODE_CONFIG = 'c',
    CODE_CHECK = 'k',
    CODE_VERIFY = 'v',
    CODE_RESTORE = 'r',
    CODE_VERSION = 'V',
    CODE_HELP = 'h'
};

/* What the flags said. */
struct flags {
    const char *file, *check, *restore;
    const char *values[SETTINGS_MAX]; /* by setting; NULL: not given */
    bool verify, version, help;
};

static int complain(const char *what)
{
    fprintf(stderr, "musterd: %s\n", what);
    return MUSTER_EINVAL;
}

static void fill_table(struct option *table)
{
    static const struct option extra[] = {
        {"config", required_argument, NULL, CODE_CONFIG},
        {"check-config", required_argument, NULL, CODE_CHECK},
        {"verify", no_argument, NULL, CODE_VERIFY},
        {"restore", required_argument, NULL, CODE_RESTORE},
        {"version", no_argument, NULL, CODE_VERSION},
        {"help", no_argument, NULL, CODE_HELP},
        {NULL, 0, NULL, 0},
    };
    for (size_t i = 0; i < config_setting_count; i++)
        table[i] = (struct option){config_settings[i].key,
                                   config_settings[i].kind == SETTING_SWITCH ? optional_argument
                                                                             : required_argument,
                                   NULL, FIRST_CODE + (int)i};
    memcpy(table + config_setting_count, extra, sizeof extra);
}

/* getopt found something that is no flag, or a flag without its value. */
static int explain_wrong(const char *word, bool missing)
{
    char what[256];
    if (missing)
        snprintf(what, sizeof what, "%s needs a value; see musterd --help", word);
    else if (strncmp(word, "--", 2) == 0)
        snprintf(what, sizeof what, "unknown flag %s; the nearest is --%s; see musterd --help",
                 word, config_nearest(slice_of(word + 2, strcspn(word + 2, "="))));
    else
        snprintf(what, sizeof what, "unknown flag %s; see musterd --help", word);
    return complain(what);
}

static int take_flag(struct flags *flags, int code)
{
    switch (code) {
    case CODE_CONFIG:
        flags->file = optarg;
        return 0;
    case CODE_CHECK:
        flags->check = optarg;
        return 0;
    case CODE_VERIFY:
        flags->verify = true;
        return 0;
    case CODE_RESTORE:
        flags->restore = optarg;
        return 0;
    case CODE_VERSION:
        flags->version = true;
        return 0;
    case CODE_HELP:
        flags->help = true;
        return 0;
    default:
        flags->values[code - FIRST_CODE] = optarg ? optarg : "true";
        return 0;
    }
}

static int read_flags(struct flags *flags, int argc, char **argv)
{
    struct option table[SETTINGS_MAX + 8];
    fill_table(table);
    opterr = 0;
    optind = 1;
    int code;
    while ((code = getopt_long(argc, argv, ":h", table, NULL)) != -1) {
        if (code == '?' || code == ':')
            return explain_wrong(argv[optind - 1], code == ':');
        take_flag(flags, code);
    }
    if (optind == argc)
        return 0;
    char what[256];
    snprintf(what, sizeof what, "\"%s\" is too much: musterd takes flags only; see musterd --help",
             argv[optind]);
    return complain(what);
}

static void print_setting(const struct setting *s)
{
    char flag[64], text[256];
    if (s->kind == SETTING_SWITCH)
        snprintf(flag, sizeof flag, "--%s", s->key);
    else
        snprintf(flag, sizeof flag, "--%s %s", s->key, config_kind_name(s->kind));
    snprintf(text, sizeof text, "%s (%s)", s->about, *s->def ? s->def : s->said);
    printf("  %-*s", HELP_COLUMN - 2, flag);
    help_print(text, HELP_COLUMN);
}

static void print_help(void)
{
    printf("Usage: musterd [flags]\n\n"
           "The broker of muster: takes jobs from clients, hands them to workers, keeps them on "
           "disk.\n\n"
           "  --config FILE          read settings from this YAML file\n"
           "  --check-config FILE    say whether the file is valid, and exit\n"
           "  --verify               check every record of the data directory or of a backup, and "
           "exit\n"
           "  --restore BACKUP       check a backup, copy it into the empty data directory, and "
           "exit\n"
           "  --version              print the version, and exit\n"
           "  --help                 print this, and exit\n\n"
           "Settings. Each is also a variable (MUSTERD_LEASE) and a key of the file (lease: 10s);\n"
           "a flag goes before the variable, the variable before the file:\n\n");
    for (size_t i = 0; i < config_setting_count; i++)
        print_setting(&config_settings[i]);
    printf(
        "\nSizes are written 256KiB, durations 250ms, 10s or 1h30m. A port may be *: a free one.\n"
        "When it serves, musterd prints one line that names the endpoints. SIGTERM stops it.\n\n"
        "Exit status: 0 stopped, or all is good; 1 the store failed; 2 usage or configuration;\n"
        "3 the data directory is in use, damaged or newer; 4 cannot bind.\n");
}

/* Defaults, file, environment, flags: each over the one before. */
static int gather(struct config *c, const struct flags *flags, const char *file)
{
    char why[WHY_BYTES], what[WHY_BYTES + 64];
    if (config_init(c))
        return complain("out of memory");
    if (file && config_from_file(c, file, why, sizeof why))
        return complain(why);
    if (!flags->check && config_from_environment(c, why, sizeof why))
        return complain(why);
    for (size_t i = 0; i < config_setting_count; i++) {
        if (!flags->values[i] ||
            config_set(c, &config_settings[i], flags->values[i], why, sizeof why) == 0)
            continue;
        snprintf(what, sizeof what, "--%s: %s", config_settings[i].key, why);
        return complain(what);
    }
    if (config_check(c, why, sizeof why))
        return complain(why);
    return 0;
}

enum options_verdict options_read(struct config *c, int argc, char **argv)
{
    struct flags flags = {0};
    char why[WHY_BYTES];
    memset(c, 0, sizeof *c);
    if (read_flags(&flags, argc, argv))
        return OPTIONS_WRONG;
    if (flags.help || flags.version) {
        if (flags.help)
            print_help();
        else
            printf("musterd " MUSTER_VERSION "\n");
        return OPTIONS_DONE;
    }
    if (gather(c, &flags, flags.check ? flags.check : flags.file))
        return OPTIONS_WRONG;
    if (flags.check) {
        printf("%s: ok\n", flags.check);
        return OPTIONS_DONE;
    }
    if (config_default_data(c, why, sizeof why)) {
        complain(why);
        return OPTIONS_WRONG;
    }
    if (flags.verify && flags.restore) {
        complain("--verify and --restore are two tasks: --restore verifies the backup first");
        return OPTIONS_WRONG;
    }
    c->restore = flags.restore;
    return flags.verify ? OPTIONS_VERIFY : flags.restore ? OPTIONS_RESTORE : OPTIONS_RUN;
}
