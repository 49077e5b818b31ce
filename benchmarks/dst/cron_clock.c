/* A clock for measuring cron: sleep() takes no time and moves time() on, so that a day passes in seconds and
   every run is the same. A command that cron starts finds the moment of its start in $CRON_CLOCK.
   Preloaded by measure.py; reads CRON_CLOCK_START and CRON_CLOCK_END (seconds since 1970). */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static time_t moment, last;

static void begin(void) {
    if (moment == 0) {
        moment = atoll(getenv("CRON_CLOCK_START"));
        last = atoll(getenv("CRON_CLOCK_END"));
    }
}

time_t time(time_t *out) {
    begin();
    if (out) *out = moment;
    return moment;
}

unsigned sleep(unsigned seconds) {
    begin();
    moment += seconds;
    usleep(moment > last ? 1000000 : 2000); /* what it started gets a moment to write */
    if (moment > last) _exit(0);
    return 0;
}

int execle(const char *path, const char *arg, ...) {
    char *argv[16], *envp[256], stamp[40];
    int n = 0, m = 0;
    va_list rest;
    va_start(rest, arg);
    argv[n++] = (char *)arg;
    while (n < 15 && (argv[n] = va_arg(rest, char *))) n++;
    argv[n] = NULL;
    char **given = va_arg(rest, char **);
    va_end(rest);
    snprintf(stamp, sizeof stamp, "CRON_CLOCK=%lld", (long long)moment);
    while (m < 254 && given[m]) { envp[m] = given[m]; m++; }
    envp[m++] = stamp;
    envp[m] = NULL;
    return execve(path, argv, envp);
}
