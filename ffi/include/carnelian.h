/*
 * Carnelian: Redis as a library. The engine inside your own program, without a server.
 *
 * Handles are opaque, and pointers in type only: one that was closed, or never was one, is an error and no crash. A call
 * that fails returns NULL, -1 or what its comment says, has changed nothing, and leaves its reason in carnelian_last_error.
 * No function ends the program.
 *
 * Threads: any number of threads may use an engine. A session is for one call at a time: another one meanwhile fails.
 * carnelian_disconnect and carnelian_close may be called while others wait in a session, whose commands then end with an
 * error. Replies belong to whoever received them, and outlive engine and session.
 *
 * After fork the child has no engine: its calls with handles of the parent fail, and touch nothing that is the parent's.
 *
 * This file is made of the sources of the library; do not change it.
 */

#ifndef CARNELIAN_H
#define CARNELIAN_H

#include <stddef.h>
#include <stdint.h>

/**
 * What a reply is.
 */
typedef enum carnelian_type {
  /**
   * No value.
   */
  CARNELIAN_NIL = 0,
  /**
   * Bytes.
   */
  CARNELIAN_STRING,
  /**
   * A status, such as OK.
   */
  CARNELIAN_STATUS,
  /**
   * What went wrong; the first word is its code.
   */
  CARNELIAN_ERROR,
  /**
   * An integer.
   */
  CARNELIAN_INTEGER,
  /**
   * A floating-point number (RESP3).
   */
  CARNELIAN_DOUBLE,
  /**
   * A truth value (RESP3).
   */
  CARNELIAN_BOOLEAN,
  /**
   * A list.
   */
  CARNELIAN_ARRAY,
  /**
   * Keys and values (RESP3).
   */
  CARNELIAN_MAP,
  /**
   * A set (RESP3).
   */
  CARNELIAN_SET,
  /**
   * Something that was not asked for: the reply to SUBSCRIBE, for one (RESP3).
   */
  CARNELIAN_PUSH,
  /**
   * Text for people (RESP3).
   */
  CARNELIAN_VERBATIM,
  /**
   * An integer of any size, as text (RESP3).
   */
  CARNELIAN_BIG_NUMBER,
} carnelian_type;

/**
 * A reply.
 */
typedef struct carnelian_reply carnelian_reply;

/**
 * An engine. Opaque: its value is never followed.
 */
typedef struct carnelian_engine carnelian_engine;

/**
 * A session. Opaque: its value is never followed.
 */
typedef struct carnelian_session carnelian_session;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of this library.
 */
const char *carnelian_version(void);

/**
 * What went wrong in the last call of this thread that failed; "" if none has. Valid until the thread's next call.
 */
const char *carnelian_last_error(void);

/**
 * Opens an engine. path: the directory that keeps its keys, which is made if it is not there; NULL for memory only.
 * options: n_options pairs of a name and a value: the directives of redis.conf ("maxmemory" "100mb", "appendfsync"
 * "always"), and for tests "manual-clock" with milliseconds since 1970 (see carnelian_advance_clock). NULL, with
 * carnelian_last_error, if it cannot be opened.
 */
struct carnelian_engine *carnelian_open(const char *path, const char *const *options, size_t n_options);

/**
 * Ends an engine for everybody: its sessions and its servers end, commands that wait are answered with an error, and
 * changes are brought to the disk. Returns 0, or -1 with carnelian_last_error; it is closed all the same, unless it was
 * none.
 */
int carnelian_close(struct carnelian_engine *engine);

/**
 * Serves Redis clients until the engine is closed. host and port: a TCP address, of which NULL is 127.0.0.1 and 0 a port
 * that is free; a host that begins with '/' is the path of a Unix socket. Returns the port (0 for a Unix socket), or -1.
 */
int carnelian_serve(struct carnelian_engine *engine,
                    const char *host,
                    int port);

/**
 * Turns a manual clock forward. Returns 0, or -1 if the engine was opened without one.
 */
int carnelian_advance_clock(struct carnelian_engine *engine, uint64_t millis);

/**
 * Opens a session: what is a connection to a server. NULL, with carnelian_last_error, if that cannot be.
 */
struct carnelian_session *carnelian_connect(struct carnelian_engine *engine);

/**
 * Ends a session, and returns when no call of another thread is in it any more; a command that waits there is answered
 * with an error. Returns 0, or -1 with carnelian_last_error.
 */
int carnelian_disconnect(struct carnelian_session *session);

/**
 * Runs a command and returns its reply, which is to be freed. What is wrong with the command is a reply of type
 * CARNELIAN_ERROR. A command that waits lets the calling thread wait. lengths may be NULL if the arguments are strings that
 * end with a 0. Replies are as the session's protocol has them: RESP2 until HELLO 3. Messages and invalidations do not
 * come here but are there to be taken. NULL, with carnelian_last_error, for misuse only.
 */
struct carnelian_reply *carnelian_command(struct carnelian_session *session,
                                          size_t argc,
                                          const char *const *argv,
                                          const size_t *lengths);

/**
 * Runs the requests in some bytes; a part of a request is kept until the rest comes. Returns how many bytes of replies are
 * there to be taken now, or -1. A request that has to wait (BLPOP, WAIT, CLIENT PAUSE) does not let the caller wait: its
 * reply comes later, and the session is woken.
 */
int64_t carnelian_feed(struct carnelian_session *session,
                       const void *bytes,
                       size_t length);

/**
 * Takes up to room bytes of replies, and of messages and invalidations. Returns how many: 0 if there are none now, -1 on
 * error, -2 when the session has ended (QUIT, CLIENT KILL, an error of the protocol) and everything has been taken.
 */
int64_t carnelian_take(struct carnelian_session *session,
                       void *buffer,
                       size_t room);

/**
 * carnelian_feed, and then carnelian_take, in one call: the quickest way for a request and its reply. With nothing there to
 * be taken it waits for something, for up to timeout_ms; -1: without end.
 */
int64_t carnelian_exchange(struct carnelian_session *session,
                           const void *bytes,
                           size_t length,
                           void *buffer,
                           size_t room,
                           int64_t timeout_ms);

/**
 * A descriptor that is readable while there may be something to be taken that no carnelian_feed has told of: a message, or
 * the reply of a request that waited. It is no longer readable when carnelian_take has taken everything. It belongs to the
 * session, and is made by the first call. -1 on error.
 */
int carnelian_wakeup_fd(struct carnelian_session *session);

/**
 * Has something called when that descriptor would become readable, by whichever thread makes it so. It must be quick, and
 * may not call this library. NULL: nothing is called any more when this returns. Returns 0, or -1 with
 * carnelian_last_error.
 */
int carnelian_on_wakeup(struct carnelian_session *session,
                        void (*callback)(void *data),
                        void *data);

/**
 * Frees a reply, with all its elements. NULL is nothing to free. An element is not freed by itself.
 */
void carnelian_reply_free(struct carnelian_reply *reply);

/**
 * What it is: one of carnelian_type; -1 for NULL.
 */
int carnelian_reply_type(const struct carnelian_reply *reply);

/**
 * The number of an INTEGER; 0 or 1 of a BOOLEAN. 0 for others.
 */
int64_t carnelian_reply_integer(const struct carnelian_reply *reply);

/**
 * The number of a DOUBLE. 0 for others.
 */
double carnelian_reply_double(const struct carnelian_reply *reply);

/**
 * The bytes of a STRING, STATUS, ERROR, VERBATIM or BIG_NUMBER, with a 0 behind them; how many goes to length, which may
 * be NULL. NULL for others.
 */
const char *carnelian_reply_string(const struct carnelian_reply *reply,
                                   size_t *length);

/**
 * How many elements an ARRAY, SET or PUSH has; twice the pairs of a MAP, whose keys and values come in turn. 0 for others.
 */
size_t carnelian_reply_length(const struct carnelian_reply *reply);

/**
 * An element, which belongs to its reply; NULL if there are not that many.
 */
const struct carnelian_reply *carnelian_reply_element(const struct carnelian_reply *reply, size_t index);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CARNELIAN_H */
