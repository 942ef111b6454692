/* umockdev shows /dev/sr0 as a block device to stat, but not to fstat, by which growisofs tells drives from files. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int fstat64(int fd, struct stat64 *st)
{
    static const char node[] = "/dev/sr0";
    char link[64], path[PATH_MAX];
    int result = fstatat64(fd, "", st, AT_EMPTY_PATH);

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (result == 0 && length > (ssize_t)strlen(node)) {
        path[length] = '\0';
        if (strcmp(path + length - strlen(node), node) == 0) {
            st->st_mode = S_IFBLK | 0660;
            /* A number that no drive has: what is mounted from the same device, growisofs unmounts. */
            st->st_rdev = makedev(11, 240);
        }
    }
    return result;
}

/* The name in programs that were linked with a C library before 2.33. */
int __fxstat64(int version, int fd, struct stat64 *st)
{
    (void)version;
    return fstat64(fd, st);
}
