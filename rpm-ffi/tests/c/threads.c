/* What may happen at the same time: one policy for engines of several threads, an engine that goes from
 * thread to thread, outputs that several threads read, and an engine that two threads want at once. With
 * the argument "misuse" what must not: a policy is freed while another thread reads it. */
#include <pthread.h>
#include <sched.h>

#include "check.h"

enum { THREADS = 4, ROUNDS = 200 };

static const rpmon_policy *shared_policy;
static const rpmon_output *shared_output;
static rpmon_engine *wanted;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void *own_engine(void *unused) {
    (void)unused;
    rpmon_engine *engine = NULL;
    OK(rpmon_engine_new(shared_policy, NULL, &engine));
    uint32_t patient;
    uint16_t device;
    OK(rpmon_engine_patient(engine, str(""), str("p1"), &patient));
    OK(rpmon_engine_device(engine, patient, str("d1"), &device));
    for (int i = 0; i < ROUNDS; i++) {
        rpmon_reading reading = spo2(i, i % 20 < 10 ? 97 : 80);
        rpmon_batch batch;
        rpmon_bytes lines;
        OK(rpmon_engine_handle_readings(engine, &reading, 1, &batch));
        OK(rpmon_engine_poll_lines(engine, &lines));
        rpmon_bytes_free(&lines);
        CHECK(rpmon_policy_version(shared_policy) == 1 && rpmon_output_json(shared_output).len > 0);
    }
    OK(rpmon_engine_free(&engine));
    return NULL;
}

/* By turns: the engine goes from thread to thread. */
static void *by_turns(void *unused) {
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&turn);
        OK(rpmon_engine_handle_timeout(wanted, i));
        pthread_mutex_unlock(&turn);
    }
    return NULL;
}

/* Without turns: each call is done, or told that another one is at work. */
static void *at_once(void *refused) {
    for (int i = 0; i < ROUNDS; i++) {
        rpmon_status status = rpmon_engine_handle_timeout(wanted, ROUNDS + i);
        CHECK(status == RPMON_OK || status == RPMON_IN_USE);
        *(int *)refused += status == RPMON_IN_USE;
    }
    return NULL;
}

static void *reads(void *unused) {
    (void)unused;
    CHECK(rpmon_policy_version(shared_policy) == 1);
    return NULL;
}

/* Most likely the reader is done before: only a checker that follows the library's own reads knows. */
static int misuse(void) {
    rpmon_policy *policy = a_policy(POLICY);
    shared_policy = policy;
    pthread_t reader;
    CHECK(!pthread_create(&reader, NULL, reads, NULL));
    for (int i = 0; i < ROUNDS; i++) sched_yield();
    rpmon_policy_free(&policy);
    CHECK(!pthread_join(reader, NULL));
    puts("misuse went unseen");
    return 0;
}

static void all(void *(*work)(void *)) {
    pthread_t threads[THREADS];
    int refused[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) CHECK(!pthread_create(&threads[i], NULL, work, &refused[i]));
    for (int i = 0; i < THREADS; i++) CHECK(!pthread_join(threads[i], NULL));
}

int main(int count, char **arguments) {
    if (count == 2 && !strcmp(arguments[1], "misuse")) return misuse();
    rpmon_policy *policy = a_policy(POLICY);
    rpmon_engine *engine = an_engine();
    rpmon_output *output = NULL;
    OK(rpmon_engine_handle_json(engine, "{}", 2, 0, NULL));
    OK(rpmon_engine_poll(engine, &output));
    shared_policy = policy;
    shared_output = output;
    wanted = engine;
    all(own_engine);
    all(by_turns);
    all(at_once);
    rpmon_output_free(&output);
    rpmon_policy_free(&policy);
    OK(rpmon_engine_free(&engine));
    puts("threads passed in C");
    return 0;
}
