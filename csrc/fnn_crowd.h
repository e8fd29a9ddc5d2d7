/* Whether other programs want the cores that a team of threads runs on.
 *
 * A parallel region ends when its last thread does. A thread that lost its core waits for it for milliseconds, and the
 * others burn their own time meanwhile: with two busy programs on two cores a step takes several times as long on two
 * threads as on one. Linux tells how long each thread has waited for a core while it had work: where that is a good
 * part of the time, the next regions are left to one thread for a while, ever longer while it goes on. Results do not
 * depend on the number of threads, in no bit.
 */
#ifndef FNN_CROWD_H
#define FNN_CROWD_H

#include <stdint.h>

#define FNN_CROWD_SHARE 0.25            /* of its time that a thread waits where cores are crowded; 0 to 0.04 alone */
#define FNN_CROWD_LOOK INT64_C(20000000)       /* nanoseconds from look to look, and half of it of work to judge by */
#define FNN_CROWD_LOOKS 4               /* so many in a row must find one: a team that wakes up meets itself first */
#define FNN_CROWD_FIRST INT64_C(100000000)     /* to stay alone for the first time */
#define FNN_CROWD_LONGEST INT64_C(1600000000)

/* What is to be done next, a function of what was seen: kept apart from the looking so that it can be tested. */
typedef struct {
    int alone;          /* one thread only */
    int found;          /* looks in a row that found a crowd */
    int64_t next;       /* when to look again */
    int64_t patience;   /* how long to stay alone the next time */
} fnn_crowd;

/* share: of the busiest waiting thread's time that it waited, or -1 where there is too little to judge by. */
static inline void fnn_crowd_saw(fnn_crowd *crowd, int64_t now, double share)
{
    crowd->next = now + FNN_CROWD_LOOK;
    if (crowd->patience < FNN_CROWD_FIRST) crowd->patience = FNN_CROWD_FIRST;
    if (crowd->alone) {
        crowd->alone = share > FNN_CROWD_SHARE; /* even one thread has to wait: a team need not be tried */
        if (crowd->alone) crowd->next = now + FNN_CROWD_FIRST;
    } else if (share > FNN_CROWD_SHARE) {
        if (++crowd->found < FNN_CROWD_LOOKS) return;
        crowd->found = 0;
        crowd->alone = 1;
        crowd->next = now + crowd->patience;
        if (crowd->patience < FNN_CROWD_LONGEST) crowd->patience *= 2;
    } else if (share >= 0) {
        crowd->found = 0;
        crowd->patience /= 2;
    }
}

#if defined(__linux__) && defined(_OPENMP)

#include <fcntl.h>
#include <omp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FNN_CROWD_TEAM = 64 };

/* The team of the thread that asks: who they are, and how much they had run and waited when it last looked. */
typedef struct {
    fnn_crowd crowd;
    int threads;
    int tid[FNN_CROWD_TEAM];
    uint64_t ran[FNN_CROWD_TEAM], waited[FNN_CROWD_TEAM];
} fnn_team;

static __thread fnn_team fnn_my_team;

static inline int fnn_read_times(int tid, uint64_t *ran, uint64_t *waited)
{
    char path[64], text[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", tid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t n = read(file, text, sizeof text - 1);
    close(file);
    unsigned long long times[2];
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%llu %llu", &times[0], &times[1]) != 2) return 0;
    *ran = times[0];
    *waited = times[1];
    return 1;
}

/* What fnn_crowd_saw wants to know, of the time since it last could be told; *readable: whether the system says. */
static double fnn_look(fnn_team *team, int threads, int *readable)
{
    double share = -1;
    int known = threads <= team->threads;
    *readable = 1;
    if (!known) {
#pragma omp parallel num_threads(threads)
        team->tid[omp_get_thread_num()] = (int)syscall(SYS_gettid);
        team->threads = threads;
    }
    for (int i = 0; i < threads; i++) {
        uint64_t ran, waited;
        if (!fnn_read_times(team->tid[i], &ran, &waited)) {
            *readable = i > 0; /* a thread may have ended: the next look asks for them again */
            team->threads = 0;
            return -1;
        }
        if (known) {
            double work = (double)(ran - team->ran[i]) + (double)(waited - team->waited[i]);
            double part = (double)(waited - team->waited[i]) / (work + 1);
            if (work < (double)FNN_CROWD_LOOK / 2) continue; /* more of it may have come together by the next look */
            if (part > share) share = part;
        }
        team->ran[i] = ran;
        team->waited[i] = waited;
    }
    return share;
}

/* Whether a region of so many threads is better left to one. Costs a look at the clock, but for a look in 20 ms. */
static inline int fnn_is_crowded(int threads)
{
    fnn_team *team = &fnn_my_team;
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &clock);
    int64_t now = (int64_t)clock.tv_sec * 1000000000 + clock.tv_nsec;
    if (now < team->crowd.next) return team->crowd.alone;
    if (threads > FNN_CROWD_TEAM || omp_in_parallel()) return 0;
    int readable;
    double share = fnn_look(team, team->crowd.alone ? 1 : threads, &readable);
    fnn_crowd_saw(&team->crowd, now, share);
    if (!readable) {
        team->crowd.alone = 0;
        team->crowd.next = INT64_MAX;
    }
    return team->crowd.alone;
}

#else
static inline int fnn_is_crowded(int threads)
{
    (void)threads;
    return 0;
}
#endif

#endif
