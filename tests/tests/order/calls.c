/* Loaded before a program's libraries: writes down, in order, what the program does to files that a power cut could undo.
 * A line is a call that has succeeded and the paths that it was about. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int out = -1;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("ORDER_OF_CALLS");
    if (path) out = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void tell(const char *call, const char *path, const char *to) {
    char line[9000];
    int n = snprintf(line, sizeof line, "%s\t%s\t%s\n", call, path, to);
    if (out >= 0 && write(out, line, (size_t)n) != n) abort();
}

static int tell_of(int result, const char *call, int file) {
    char link[64], path[4000];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t n = result == 0 ? readlink(link, path, sizeof path - 1) : -1;
    if (n >= 0) {
        path[n] = 0;
        tell(call, path, "");
    }
    return result;
}

int fsync(int file) { return tell_of(REAL(fsync)(file), "sync", file); }
int fdatasync(int file) { return tell_of(REAL(fdatasync)(file), "sync", file); }
int ftruncate64(int file, off64_t len) { return tell_of(REAL(ftruncate64)(file, len), "cut", file); }

int rename(const char *from, const char *to) {
    int result = REAL(rename)(from, to);
    if (result == 0) tell("rename", from, to);
    return result;
}

int unlink(const char *path) {
    int result = REAL(unlink)(path);
    if (result == 0) tell("unlink", path, "");
    return result;
}
