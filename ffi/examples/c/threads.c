/* Eight threads on one engine, each with sessions of its own: they hand on a token by blocking pops, tell all others by
 * a channel, and one of them waits in poll as an event loop would. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <carnelian.h>

enum { THREADS = 8, ROUNDS = 25 };

static carnelian_engine *engine;

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, carnelian_last_error());
    exit(1);
}

static void check(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "threads: %s\n", what);
        exit(1);
    }
}

static carnelian_session *connected(void)
{
    carnelian_session *session = carnelian_connect(engine);
    if (session == NULL)
        die("connect");
    return session;
}

/* Runs a command; the reply, which is no error. */
static carnelian_reply *run(carnelian_session *session, size_t argc, const char *const *argv)
{
    carnelian_reply *reply = carnelian_command(session, argc, argv, NULL);
    if (reply == NULL)
        die(argv[0]);
    if (carnelian_reply_type(reply) == CARNELIAN_ERROR) {
        fprintf(stderr, "%s: %s\n", argv[0], carnelian_reply_string(reply, NULL));
        exit(1);
    }
    return reply;
}

/* Takes a token out of its own queue and puts it into the next one's; with each round it tells the others. */
static void *worker(void *number)
{
    carnelian_session *session = connected();
    int own = *(int *)number;
    char mine[16], next[16];
    const char *pop[] = {"BLPOP", mine, "30"}, *push[] = {"RPUSH", next, NULL}, *tell[] = {"PUBLISH", "rounds", mine};
    snprintf(mine, sizeof mine, "queue:%d", own);
    snprintf(next, sizeof next, "queue:%d", (own + 1) % THREADS);
    for (int round = 0; round < ROUNDS; round++) {
        carnelian_reply *popped = run(session, 3, pop);
        check(carnelian_reply_length(popped) == 2, "the token has not come");
        push[2] = carnelian_reply_string(carnelian_reply_element(popped, 1), NULL);
        carnelian_reply_free(run(session, 3, push));
        carnelian_reply_free(popped);
        carnelian_reply_free(run(session, 3, tell));
    }
    if (carnelian_disconnect(session) != 0)
        die("disconnect");
    return NULL;
}

/* Counts in a text. */
static int count(const char *text, const char *word)
{
    int n = 0;
    while ((text = strstr(text, word)) != NULL) {
        text++;
        n++;
    }
    return n;
}

/* Hears all of it, with a descriptor. */
static void *listener(void *ready)
{
    static const char subscribe[] = "*2\r\n$9\r\nSUBSCRIBE\r\n$6\r\nrounds\r\n";
    carnelian_session *session = connected();
    struct pollfd fd = {.fd = carnelian_wakeup_fd(session), .events = POLLIN};
    static char heard[1 << 16];
    size_t length = 0;
    check(fd.fd >= 0, "no descriptor");
    check(carnelian_feed(session, subscribe, sizeof subscribe - 1) > 0, "SUBSCRIBE is not answered");
    check(carnelian_take(session, heard, sizeof heard) > 0, "SUBSCRIBE is not answered");
    pthread_barrier_wait(ready);
    while (count(heard, "message") < THREADS * ROUNDS) {
        int64_t n;
        check(poll(&fd, 1, 30000) == 1, "no message for long");
        while ((n = carnelian_take(session, heard + length, sizeof heard - 1 - length)) > 0)
            length += (size_t)n;
        check(n == 0, "take failed");
        heard[length] = 0;
    }
    return session;
}

int main(void)
{
    pthread_t threads[THREADS], hearing;
    pthread_barrier_t ready;
    int numbers[THREADS];
    void *session;
    carnelian_session *own;
    const char *first[] = {"RPUSH", "queue:0", "token"}, *left[] = {"LLEN", "queue:0"};
    carnelian_reply *reply;

    engine = carnelian_open(NULL, NULL, 0);
    if (engine == NULL)
        die("open");
    pthread_barrier_init(&ready, NULL, 2);
    pthread_create(&hearing, NULL, listener, &ready);
    pthread_barrier_wait(&ready);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, worker, &numbers[i]);
    }
    own = connected();
    carnelian_reply_free(run(own, 3, first));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_join(hearing, &session);
    reply = run(own, 2, left);
    check(carnelian_reply_integer(reply) == 1, "the token is lost");
    carnelian_reply_free(reply);
    /* Its session is still there; the engine ends it. */
    if (carnelian_close(engine) != 0)
        die("close");
    check(carnelian_disconnect(session) == -1, "a session outlived its engine");
    pthread_barrier_destroy(&ready);
    printf("%d threads, %d rounds\n", THREADS, ROUNDS);
    return 0;
}
