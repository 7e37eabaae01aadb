/* args_input.c: where the ARGS of a command line come from. */
#include "cli/args_input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "json.h"

/* Above any sensible payload limit; the broker's own is checked later. */
#define INPUT_MAX_BYTES ((size_t)64 << 20)

static int read_file(const struct cli *cli, const char *word, struct buf *text)
{
    bool standard = strcmp(word, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(word + 1, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? MUSTER_EIO : file_read_all(fd, text);
    int status = 0;
    if (error == MUSTER_EIO)
        status = cli_usage(cli, "submit", "cannot read %s: %s",
                           standard ? "standard input" : word + 1, strerror(errno));
    else if (error)
        status = cli_usage(cli, "submit", "%s: %s", word, err_text(error));
    if (fd >= 0 && !standard)
        (void)close(fd);
    return status;
}

static int convert(const struct cli *cli, const char *word, const char *text, size_t len,
                   struct buf *out)
{
    char why[256];
    if (!json_to_msgpack(text, len, out, why, sizeof why))
        return 0;
    if (word[0] == '@' || strcmp(word, "-") == 0)
        return cli_usage(cli, "submit", "%s is not JSON: %s", word, why);
    return cli_usage(cli, "submit", "ARGS is not JSON: %s (a string needs quotes: '\"text\"')",
                     why);
}

int args_input_read(const struct cli *cli, const char *word, struct buf *out)
{
    if (!word)
        return convert(cli, "{}", "{}", 2, out);
    if (word[0] != '@' && strcmp(word, "-") != 0)
        return convert(cli, word, word, strlen(word), out);
    struct buf text;
    buf_init(&text, INPUT_MAX_BYTES);
    int status = read_file(cli, word, &text);
    if (!status)
        status = convert(cli, word, (const char *)text.data, text.len, out);
    buf_fini(&text);
    return status;
}
