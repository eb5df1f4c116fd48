#include "bnnc_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#define SPINS 4000 /* rounds that are waited for work before a thread sleeps: some microseconds */
#define YIELDS 50

/* Parts are taken from `next`: the number of the task in the upper half, of the part in the lower. So a
 * thread that comes late cannot take a part of another task than the one it saw. */
static _Atomic uint64_t next;
static _Atomic int32_t n_parts, n_done;
static bnnc_task *_Atomic task_now;
static void *_Atomic context_now;

static pthread_mutex_t in_use = PTHREAD_MUTEX_INITIALIZER; /* by a caller of bnnc_pool_run */
static pthread_mutex_t sleeping = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t awake = PTHREAD_COND_INITIALIZER;
static _Atomic int n_sleeping;
static atomic_bool is_ending;
static pthread_t workers[BNNC_POOL_MOST];
static int n_workers;

static bool is_open(uint64_t at) {
    return (int32_t)(uint32_t)at < atomic_load(&n_parts);
}

/* Take one part and do it; false when there is none. */
static bool do_part(void) {
    uint64_t at = atomic_load(&next);
    do {
        if (!is_open(at)) return false;
    } while (!atomic_compare_exchange_weak(&next, &at, at + 1));
    /* The task cannot change before this part is done. */
    atomic_load (&task_now)(atomic_load(&context_now), (int32_t)(uint32_t)at, atomic_load(&n_parts));
    atomic_fetch_add(&n_done, 1);
    return true;
}

static void rest(int round) {
    if (round > SPINS) sched_yield();
}

static void sleep_until_work(void) {
    pthread_mutex_lock(&sleeping);
    atomic_fetch_add(&n_sleeping, 1);
    while (!atomic_load(&is_ending) && !is_open(atomic_load(&next))) pthread_cond_wait(&awake, &sleeping);
    atomic_fetch_sub(&n_sleeping, 1);
    pthread_mutex_unlock(&sleeping);
}

static void *work(void *unused) {
    (void)unused;
    for (int round = 0; !atomic_load(&is_ending); round++) {
        if (do_part()) round = 0;
        if (round > SPINS + YIELDS) {
            sleep_until_work();
            round = 0;
        }
        rest(round);
    }
    return NULL;
}

static void wake(void) {
    if (atomic_load(&n_sleeping) == 0) return;
    pthread_mutex_lock(&sleeping);
    pthread_cond_broadcast(&awake);
    pthread_mutex_unlock(&sleeping);
}

int bnnc_pool_start(int threads) {
    if (threads > BNNC_POOL_MOST) threads = BNNC_POOL_MOST;
    while (n_workers < threads - 1 && pthread_create(&workers[n_workers], NULL, work, NULL) == 0) n_workers++;
    return n_workers + 1;
}

void bnnc_pool_stop(void) {
    atomic_store(&is_ending, true);
    wake();
    for (; n_workers > 0; n_workers--) pthread_join(workers[n_workers - 1], NULL);
    atomic_store(&is_ending, false);
}

void bnnc_pool_run(bnnc_task *task, void *context, int32_t parts) {
    if (n_workers == 0 || pthread_mutex_trylock(&in_use) != 0) {
        for (int32_t part = 0; part < parts; part++) task(context, part, parts);
        return;
    }
    const uint64_t number = (atomic_load(&next) >> 32) + 1;
    atomic_store(&n_parts, 0); /* nobody takes a part before all is said */
    atomic_store(&n_done, 0);
    atomic_store(&task_now, task);
    atomic_store(&context_now, context);
    atomic_store(&next, number << 32);
    atomic_store(&n_parts, parts);
    wake();
    while (do_part()) continue;
    for (int round = 0; atomic_load(&n_done) < parts; round++) rest(round);
    pthread_mutex_unlock(&in_use);
}
