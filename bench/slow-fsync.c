// Makes every fsync and fdatasync of a process take COUNTERSIGN_FSYNC_US microseconds longer, by LD_PRELOAD: a disk that
// answers an fsync at once, as virtual ones do, says nothing about one that really writes.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_as_told(void) {
  const char *us = getenv("COUNTERSIGN_FSYNC_US");
  if (us != NULL) usleep((useconds_t)strtoul(us, NULL, 10));
}

int fsync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_as_told();
  return real(fd);
}

int fdatasync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_as_told();
  return real(fd);
}
