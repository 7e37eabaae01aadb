/* manifest.c: reading accepts what writing writes, byte for byte, and nothing else. */
#include "store/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/text.h"
#include "store/files.h"

#define HEAD    "muster backup 1\n"
#define HEAD_OF "muster backup "

static void id_text(const uint8_t id[16], char ret[33])
{
    for (size_t i = 0; i < 16; i++)
        snprintf(ret + 2 * i, 3, "%02x", id[i]);
}

size_t manifest_format(const struct manifest *m, char ret[MANIFEST_BYTES])
{
    char id[33], time[TIME_TEXT_BYTES];
    id_text(m->store_id, id);
    time_format(m->taken_ms, time);
    int len = snprintf(ret, MANIFEST_BYTES,
                       HEAD "time %s\nms %" PRIu64 "\nstore %s\nepoch %" PRIu64 "\nid-high %" PRIu64
                            "\nready %" PRIu64 "\nscheduled %" PRIu64 "\nparked %" PRIu64
                            "\nrecords %" PRIu64 "\nbytes %" PRIu64 "\ncrc32c %08" PRIx32 "\n",
                       time, m->taken_ms, id, m->epoch, m->id_high, m->ready, m->scheduled,
                       m->parked, m->records, m->bytes, m->sum);
    uint32_t sum = crc32c(0, ret, (size_t)len);
    len += snprintf(ret + len, MANIFEST_BYTES - (size_t)len, "check %08" PRIx32 "\n", sum);
    return (size_t)len;
}

static int read_text(const char *path, char ret[MANIFEST_BYTES], size_t *ret_len, char *why,
                     size_t why_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return file_failed(why, why_size, "open", path);
    ssize_t n = read(fd, ret, MANIFEST_BYTES - 1);
    int error = n < 0 ? file_failed(why, why_size, "read", path) : 0;
    *ret_len = n > 0 ? (size_t)n : 0;
    ret[*ret_len] = '\0';
    close(fd);
    return error;
}

static bool parse(const char *text, struct manifest *m)
{
    char id[33] = "", time[TIME_TEXT_BYTES + 8] = "";
    int end = 0;
    int n = sscanf(text,
                   HEAD "time %31s ms %" SCNu64 " store %32s epoch %" SCNu64 " id-high %" SCNu64
                        " ready %" SCNu64 " scheduled %" SCNu64 " parked %" SCNu64
                        " records %" SCNu64 " bytes %" SCNu64 " crc32c %" SCNx32 "%n",
                   time, &m->taken_ms, id, &m->epoch, &m->id_high, &m->ready, &m->scheduled,
                   &m->parked, &m->records, &m->bytes, &m->sum, &end);
    if (n != 11 || !end || strlen(id) != 32)
        return false;
    for (size_t i = 0; i < 16; i++) {
        unsigned byte;
        if (sscanf(id + 2 * i, "%2x", &byte) != 1)
            return false;
        m->store_id[i] = (uint8_t)byte;
    }
    return true;
}

int manifest_read(struct manifest *ret, const char *directory, char *why, size_t why_size)
{
    char path[FILE_PATH_BYTES], text[MANIFEST_BYTES], again[MANIFEST_BYTES];
    size_t len;
    *ret = (struct manifest){0};
    int error = file_path(path, directory, MANIFEST_FILE, why, why_size);
    if (!error)
        error = read_text(path, text, &len, why, why_size);
    if (error)
        return error;
    bool ours = strncmp(text, HEAD_OF, strlen(HEAD_OF)) == 0;
    if (ours && text[strlen(HEAD_OF)] > '1' && text[strlen(HEAD_OF)] <= '9') {
        snprintf(why, why_size, "%.180s was written by a newer version: use that version", path);
        return MUSTER_ENEWER;
    }
    if (parse(text, ret) && manifest_format(ret, again) == len && memcmp(text, again, len) == 0)
        return 0;
    snprintf(why, why_size, "%.180s is damaged: use another backup", path);
    return MUSTER_EDAMAGED;
}
