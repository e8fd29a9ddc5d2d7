/* Tasks shared out among workers: each takes those of its own share in order, then what is left of the others'.
 *
 * The same worker meets the same data call after call and layer after layer, as with a static schedule; and a worker
 * that is held up (another process on its core) does not keep the others waiting, as with a dynamic one.
 * Help has its price: the results' memory goes to another core's cache, and in the next call back again, which makes
 * the worker slower that was behind already. So it comes only where a good part of a share is left.
 */
#ifndef FNN_TASKS_H
#define FNN_TASKS_H

#include <stddef.h>

#define FNN_SHARE_BYTES 128 /* lines of their own: workers do not disturb each other until they help out */
#define FNN_FEW 4           /* a share's part that is not worth another's help: 1 / FNN_FEW */

typedef struct {
    ptrdiff_t next, end;
    ptrdiff_t few;
    char rest_of_line[FNN_SHARE_BYTES - 3 * sizeof(ptrdiff_t)];
} fnn_share;

static inline void fnn_share_out(fnn_share *shares, ptrdiff_t workers, ptrdiff_t tasks)
{
    for (ptrdiff_t w = 0; w < workers; w++) {
        shares[w].next = tasks / workers * w + (w < tasks % workers ? w : tasks % workers);
        shares[w].end = shares[w].next + tasks / workers + (w < tasks % workers);
        shares[w].few = (shares[w].end - shares[w].next) / FNN_FEW;
    }
}

/* The next task of a worker, or -1 where none is left. */
static inline ptrdiff_t fnn_next_task(fnn_share *shares, ptrdiff_t workers, ptrdiff_t worker)
{
    for (ptrdiff_t i = 0; i < workers; i++) {
        fnn_share *share = &shares[worker + i < workers ? worker + i : worker + i - workers];
        ptrdiff_t next = __atomic_load_n(&share->next, __ATOMIC_RELAXED);
        if (next >= share->end - (i > 0 ? share->few : 0)) continue;
        ptrdiff_t task = __atomic_fetch_add(&share->next, 1, __ATOMIC_RELAXED);
        if (task < share->end) return task;
    }
    return -1;
}

#endif
