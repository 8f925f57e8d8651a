/* A disk whose next sync of a database fails, once: as on a real one, the sync after that succeeds over what was lost.
   Loaded before the C library; armed by a file that FAIL_SYNC names, which is gone once it has failed. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ends_with(const char *text, const char *end) {
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static int is_database(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return ends_with(path, ".db") || ends_with(path, ".db-wal");
}

static int fails(int file) {
    const char *armed = getenv("FAIL_SYNC");
    if (armed == NULL || !is_database(file) || unlink(armed) != 0)
        return 0;
    errno = EIO;
    return 1;
}

int fsync(int file) { return fails(file) ? -1 : (int)syscall(SYS_fsync, file); }
int fdatasync(int file) { return fails(file) ? -1 : (int)syscall(SYS_fdatasync, file); }
