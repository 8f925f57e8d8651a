/* A disk whose next sync fails, once: as on a real one, the sync after that succeeds over what was lost.
   Loaded before the C library; armed by a file that FAIL_SYNC names, which is gone once it has failed. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failing(void) {
    const char *armed = getenv("FAIL_SYNC");
    if (armed == NULL || unlink(armed) != 0)
        return 0;
    errno = EIO;
    return 1;
}

int fsync(int file) { return failing() ? -1 : (int)syscall(SYS_fsync, file); }
int fdatasync(int file) { return failing() ? -1 : (int)syscall(SYS_fdatasync, file); }
