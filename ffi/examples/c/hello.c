/* What every program does: opens an engine, runs commands, reads replies, handles errors, and hears messages.
 *
 *     cc hello.c $(pkg-config --cflags --libs carnelian) -o hello && ./hello
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <carnelian.h>

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, carnelian_last_error());
    exit(1);
}

/* Shows a reply as redis-cli would. */
static void show(const carnelian_reply *reply, int depth)
{
    size_t length = 0;
    const char *text = carnelian_reply_string(reply, &length);
    switch (carnelian_reply_type(reply)) {
    case CARNELIAN_NIL:
        printf("(nil)\n");
        break;
    case CARNELIAN_INTEGER:
    case CARNELIAN_BOOLEAN:
        printf("(integer) %lld\n", (long long)carnelian_reply_integer(reply));
        break;
    case CARNELIAN_DOUBLE:
        printf("(double) %g\n", carnelian_reply_double(reply));
        break;
    case CARNELIAN_ERROR:
        printf("(error) %s\n", text);
        break;
    case CARNELIAN_STRING:
        /* It may hold zeros: its length says how long it is. */
        printf("\"%.*s\"\n", (int)length, text);
        break;
    case CARNELIAN_STATUS:
    case CARNELIAN_VERBATIM:
    case CARNELIAN_BIG_NUMBER:
        printf("%s\n", text);
        break;
    default:
        printf("%zu elements\n", carnelian_reply_length(reply));
        for (size_t i = 0; i < carnelian_reply_length(reply); i++) {
            printf("%*s%zu) ", 2 * depth + 2, "", i + 1);
            show(carnelian_reply_element(reply, i), depth + 1);
        }
    }
}

/* Runs a command of words, shows its reply and says whether it was an error. */
static int run(carnelian_session *session, size_t argc, const char *const *argv)
{
    carnelian_reply *reply = carnelian_command(session, argc, argv, NULL);
    int failed;
    if (reply == NULL)
        die(argv[0]);
    printf("%-10s", argv[0]);
    show(reply, 0);
    failed = carnelian_reply_type(reply) == CARNELIAN_ERROR;
    carnelian_reply_free(reply);
    return failed;
}

#define RUN(session, ...) \
    run(session, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

int main(void)
{
    const char *options[] = {"maxmemory", "100mb", "maxmemory-policy", "allkeys-lru"};
    carnelian_engine *engine = carnelian_open(NULL, options, 2);
    carnelian_session *session, *listener;
    char buffer[256];
    int64_t n;

    if (engine == NULL)
        die("open");
    printf("carnelian %s\n", carnelian_version());
    session = carnelian_connect(engine);
    listener = carnelian_connect(engine);
    if (session == NULL || listener == NULL)
        die("connect");

    RUN(session, "SET", "greeting", "hello", "EX", "60");
    RUN(session, "GET", "greeting");
    RUN(session, "INCR", "hits");
    RUN(session, "RPUSH", "queue", "a", "b", "c");
    RUN(session, "LRANGE", "queue", "0", "-1");
    RUN(session, "EVAL", "return redis.call('GET', KEYS[1]) .. ', world'", "1", "greeting");
    if (!RUN(session, "INCR", "greeting"))
        return 1;

    /* Bytes with zeros among them. */
    {
        const char *argv[] = {"SET", "bytes", "a\0b"};
        const size_t lengths[] = {3, 5, 3};
        carnelian_reply *reply = carnelian_command(session, 3, argv, lengths);
        if (reply == NULL)
            die("SET");
        carnelian_reply_free(reply);
        RUN(session, "STRLEN", "bytes");
    }

    /* Messages come as bytes in RESP, and the descriptor of carnelian_wakeup_fd tells when. */
    RUN(listener, "SUBSCRIBE", "news");
    RUN(session, "PUBLISH", "news", "it works");
    n = carnelian_take(listener, buffer, sizeof buffer - 1);
    if (n < 0)
        die("take");
    buffer[n] = 0;
    printf("message   %s\n", strstr(buffer, "it works") != NULL ? "it works" : "is missing");

    /* What is no use of the library is NULL or -1, and says so. */
    if (carnelian_disconnect(listener) != 0)
        die("disconnect");
    if (carnelian_take(listener, buffer, sizeof buffer) == -1)
        printf("error     %s\n", carnelian_last_error());

    if (carnelian_close(engine) != 0)
        die("close");
    return 0;
}
