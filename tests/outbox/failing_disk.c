/* The disk of one folder, as the tests of the store want it. It stands before the C library (LD_PRELOAD).

   Files in FAILING_DISK are copied to PLATTER as often as they are synced: what is there is what a power cut leaves.
   Names that were removed before are removed there then, for file systems keep the order in which names change. While the folder holds a file `full`, writing fails as on a full disk; with `no-write` or `no-sync`, writing or
   syncing fails as on a broken one. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int on_the_disk(int fd, char *path)
{
    char link[64];
    const char *folder = getenv("FAILING_DISK");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = folder ? readlink(link, path, PATH_MAX - 1) : -1;
    if (length < 0)
        return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0 && path[strlen(folder)] == '/';
}

static int has(const char *fault)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", getenv("FAILING_DISK"), fault);
    return access(path, F_OK) == 0;
}

static int cannot_write(int fd)
{
    char path[PATH_MAX];
    if (!on_the_disk(fd, path) || strstr(path, "-shm"))
        return 0;
    errno = has("full") ? ENOSPC : has("no-write") ? EIO : 0;
    return errno != 0;
}

static ssize_t (*real(const char *name))()
{
    return (ssize_t (*)())dlsym(RTLD_NEXT, name);
}

static void keep(const char *path)
{
    char to[PATH_MAX], beside[PATH_MAX + 8], buffer[65536];
    const char *name = strrchr(path, '/') + 1;
    snprintf(to, sizeof to, "%s/%s", getenv("PLATTER"), name);
    snprintf(beside, sizeof beside, "%s.new", to);
    int in = open(path, O_RDONLY), out = open(beside, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (ssize_t length; in >= 0 && out >= 0 && (length = read(in, buffer, sizeof buffer)) > 0;)
        if (real("write")(out, buffer, (size_t)length) != length)
            abort();
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    rename(beside, to);
}

static void keep_names(void)
{
    struct dirent *entry;
    char there[PATH_MAX], here[PATH_MAX];
    DIR *platter = opendir(getenv("PLATTER"));
    while (platter && (entry = readdir(platter))) {
        snprintf(there, sizeof there, "%s/%s", getenv("PLATTER"), entry->d_name);
        snprintf(here, sizeof here, "%s/%s", getenv("FAILING_DISK"), entry->d_name);
        if (access(here, F_OK) != 0)
            unlink(there);
    }
    if (platter)
        closedir(platter);
}

static int synced(int fd, const char *how)
{
    char path[PATH_MAX];
    int watched = on_the_disk(fd, path);
    if (watched && has("no-sync")) {
        errno = EIO;
        return -1;
    }
    int result = (int)real(how)(fd);
    if (watched && result == 0 && strstr(path, ".db")) {
        keep(path);
        keep_names();
    }
    return result;
}

int fsync(int fd) { return synced(fd, "fsync"); }

int fdatasync(int fd) { return synced(fd, "fdatasync"); }

ssize_t write(int fd, const void *from, size_t length)
{
    return cannot_write(fd) ? -1 : real("write")(fd, from, length);
}

ssize_t pwrite(int fd, const void *from, size_t length, off_t at)
{
    return cannot_write(fd) ? -1 : real("pwrite")(fd, from, length, at);
}

ssize_t pwrite64(int fd, const void *from, size_t length, off64_t at)
{
    return cannot_write(fd) ? -1 : real("pwrite64")(fd, from, length, at);
}
