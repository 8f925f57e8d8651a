/* A disk that cannot sync: while the file named by EIO_WHILE exists, fsync and fdatasync fail with EIO.
   Loaded with LD_PRELOAD by tests/faults/shims.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int failing(void) {
    const char *path = getenv("EIO_WHILE");
    return path != NULL && access(path, F_OK) == 0;
}

static int sync_or_fail(const char *name, int file) {
    int (*real)(int);
    if (failing()) {
        errno = EIO;
        return -1;
    }
    *(void **)&real = dlsym(RTLD_NEXT, name);
    return real(file);
}

int fsync(int file) { return sync_or_fail("fsync", file); }
int fdatasync(int file) { return sync_or_fail("fdatasync", file); }
