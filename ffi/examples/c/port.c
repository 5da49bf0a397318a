/* Opens the port of Redis on the engine inside this program, so that redis-cli and any other client can look into it:
 *
 *     port [SECONDS]     serves for so many seconds, or until its standard input ends
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <carnelian.h>

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, carnelian_last_error());
    exit(1);
}

int main(int argc, char **argv)
{
    carnelian_engine *engine = carnelian_open(NULL, NULL, 0);
    carnelian_session *session;
    const char *set[] = {"SET", "program", "port.c"}, *get[] = {"GET", "answer"};
    carnelian_reply *reply;
    int port;

    if (engine == NULL)
        die("open");
    /* 127.0.0.1, and any port that is free. A path in place of the host is a Unix socket. */
    port = carnelian_serve(engine, NULL, 0);
    if (port < 0)
        die("serve");
    session = carnelian_connect(engine);
    if (session == NULL)
        die("connect");
    reply = carnelian_command(session, 3, set, NULL);
    if (reply == NULL)
        die("SET");
    carnelian_reply_free(reply);

    printf("redis-cli -p %d\n", port);
    fflush(stdout);
    if (argc > 1)
        sleep((unsigned)atoi(argv[1]));
    else
        while (getchar() != EOF)
            ;

    /* What clients have done is here as well. */
    reply = carnelian_command(session, 2, get, NULL);
    if (reply == NULL)
        die("GET");
    if (carnelian_reply_type(reply) == CARNELIAN_STRING)
        printf("answer: %s\n", carnelian_reply_string(reply, NULL));
    carnelian_reply_free(reply);
    if (carnelian_close(engine) != 0)
        die("close");
    return 0;
}
