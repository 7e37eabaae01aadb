/* main.c: musterd, the broker. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "run/broker.h"
#include "run/offline.h"
#include "run/options.h"
#include "run/start.h"

/* Each connection is a descriptor: as many as the system allows. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Blocked in all threads, so before the first thread starts; read from a descriptor. -1 on failure.
 */
static int take_signals(void)
{
    sigset_t set;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* the store sees EFBIG and deals with it as with a full disk */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void warn_of_variable(const char *name, const char *nearest)
{
    log_write(LEVEL_WARN, "an environment variable that is no setting is ignored",
              LOG_FIELDS(log_text("variable", name), log_text("nearest", nearest)));
}

static int run(const struct config *config)
{
    log_setup((enum log_level)config->log_level, (enum log_format)config->log_format);
    config_stray_variables(warn_of_variable);
    raise_descriptors();
    int signal_fd = take_signals();
    if (signal_fd < 0) {
        perror("musterd: cannot take signals");
        return EXIT_STORE;
    }
    return start_broker(config, signal_fd);
}

int main(int argc, char **argv)
{
    struct config config;
    enum options_verdict verdict = options_read(&config, argc, argv);
    int status = verdict == OPTIONS_DONE ? EXIT_STOPPED : EXIT_USAGE;
    if (verdict == OPTIONS_RUN)
        status = run(&config);
    else if (verdict == OPTIONS_VERIFY)
        status = offline_verify(config.data);
    else if (verdict == OPTIONS_RESTORE)
        status = offline_restore(config.restore, config.data);
    config_fini(&config);
    return status;
}
