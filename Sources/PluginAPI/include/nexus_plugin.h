/*
 * nexus_plugin.h - the ABI between the Nexus gateway (the host) and a backend adapter.
 *
 * An adapter is a shared object that teaches Nexus one type of LLM server. It exports ONE function,
 * nexus_adapter_v1(), which returns a static table of functions. The host loads the file, creates one
 * instance per configured backend, and from then on
 *
 *   - probes it      (is the server up, which models does it have?) and
 *   - submits to it  (here is a client's request: get it answered).
 *
 * The adapter needs no networking code: it asks the host to send HTTP requests (`http_start`) through the
 * host's pooled, TLS-capable, non-blocking client and receives events. It answers an exchange through
 * `exchange_begin`, `exchange_write` and one of `exchange_finish` or `exchange_fail`, and it reports what a
 * probe found through callbacks that the host has bound to that one backend.
 *
 *        client --> host --submit--> adapter --http_start--> host --> LLM server
 *        client <-- host <--exchange_write-- adapter <--on_body-- host <-- LLM server
 *
 * THE RULES, once for all functions
 *
 *  Threads. Each comment carries a mark:
 *    [any]   callable from any thread, also from threads the adapter started itself.
 *    [loop]  called by the host on the event loop that owns the task, or to be called by the adapter on that
 *            loop only, that is: from inside submit, probe, cancel or an HTTP handler of the same task. From
 *            another thread it returns NEXUS_WRONG_THREAD and does nothing.
 *    [main]  called by the host on a thread that may block for a short time; never twice at once for one
 *            instance.
 *    [worker] on a thread of its own that may block for as long as it takes: a function given to
 *            `run_blocking`, and an action.
 *    Functions marked [loop] must return at once (well under a millisecond): they hold up every other exchange
 *    of that loop. The host notices a call that takes longer than 100 ms, and names the adapter and the call in
 *    its log. Different tasks of one instance run on different loops at the same time, so an instance's own
 *    state needs a lock or must not change.
 *
 *    What may be called from any thread is bound to one backend (nexus_callbacks); what is bound to a loop
 *    stands in the table of the host (nexus_host). An adapter with threads of its own comes back to the loop of
 *    a task with `post`.
 *
 *  Re-entrancy. A host service never calls back into the adapter before it has returned (except the blocking
 *    `http` of actions, whose purpose that is). The host holds no lock while it calls the adapter; the adapter
 *    must hold none of its own while it calls the host.
 *
 *  Memory. Whoever allocates frees. Every pointer that crosses, in either direction, is borrowed for the
 *    duration of that call only; copy what you keep. Exceptions, which live as long as the image: the table
 *    nexus_adapter_v1() returns and all it points to, and the host and callback tables given to create().
 *
 *  Strings. UTF-8, pointer and length, no terminator needed, may be empty (then the pointer may be NULL). The
 *    host repairs invalid UTF-8 and cuts what exceeds a limit before it shows or stores anything.
 *
 *  Handles. nexus_task, nexus_http and nexus_timer are integers with an index and a generation, never pointers.
 *    Zero is never valid. A stale, forged or foreign handle is answered with NEXUS_STALE, never undefined behaviour.
 *
 *  User pointers. A function that takes a function of yours and a `user` for it, and that returned NEXUS_OK, calls
 *    it with that `user` until one last call, which always comes, also when the task was cancelled or the host
 *    shuts down, and always before destroy(): the place to free what `user` points to. Where it returned something
 *    else, no call comes.
 *
 *  Failure. Functions return nexus_status; zero is success, everything negative did nothing.
 *
 *  Unwinding. No exception or longjmp may cross this border; catch it on your side.
 *
 *  Growth. Structures are only ever appended to, and start with `struct_size`, the size the side that fills
 *    the structure knows. A reader reads no field beyond `struct_size`; where it must be known that a field is
 *    there, use NEXUS_HAS(). What a reader does not know it ignores; a field that is missing counts as zero. The
 *    minor version counts such additions. The major version changes when a structure changes in any other way,
 *    and then the entry's name changes too, so that a host never calls what it cannot understand.
 *
 *  Limits. The NEXUS_LIMIT_... constants. What exceeds one is refused with NEXUS_TOO_LARGE where the function has a
 *    status, else it is cut or dropped and the host's log says so under the backend's name.
 *
 *  Unknown. In everything added since 1.2, zero means unknown, and a measured value that would be zero is given as 1.
 *    So what one side does not fill in, or is too old to know, is unknown. Older fields have spellings of their own;
 *    these are all of them:
 *      0                     context_length, max_output_tokens, created, loaded_until, state, size and memory of a
 *                            nexus_model; slots of a nexus_load; kinds of a nexus_health; prompt_us and completion_us
 *                            of a nexus_outcome; status and retry_after_ms of a nexus_failure; total of a
 *                            nexus_progress
 *      NEXUS_TOKENS_UNKNOWN  prompt_tokens, completion_tokens and cached_tokens of a nexus_outcome; also taken in a
 *                            nexus_failure, where 0 means the same
 *      NEXUS_LOAD_UNKNOWN    running and waiting of a nexus_load
 *      UINT64_MAX            device_memory of a nexus_model
 *      negative, or NaN      latency_ms of a nexus_health, cache_use of a nexus_load
 *      empty text            wherever a text may be empty
 *
 *  Zeroed structures. A structure that is zero but for its struct_size says nothing: each field is unknown, left out
 *    or the default. These fields are the exceptions, in which zero is a value; set them:
 *      nexus_outcome         prompt_tokens, completion_tokens, cached_tokens: no tokens at all
 *      nexus_load            running, waiting, cache_use: the server is idle
 *      nexus_health          latency_ms: no time passed. A status of 0 counts as NEXUS_UNHEALTHY
 *      nexus_model           device_memory: none of its memory is on a device. A model without an id is dropped
 *      nexus_failure         kind: 0 counts as NEXUS_FAIL_INTERNAL
 *      nexus_response_head   status: 0 is refused
 *      nexus_http_end        result: NEXUS_HTTP_COMPLETE
 *
 *  States. What a call that concerns a task returns, if its arguments are right and no limit is exceeded. "new": after
 *    submit(), "begun": after exchange_begin, "written": after the first exchange_write that was not empty, "over":
 *    after exchange_finish, exchange_fail, cancel(), or the end of a probe. "late": the deadline has passed and the
 *    on_end calls with NEXUS_HTTP_TIMED_OUT are being made; the column of the state before it holds, except as given.
 *
 *                        new         begun       written     late        a probe     over
 *      http_start        OK          OK          OK          BAD_STATE   OK          STALE
 *       with EXCHANGE_BODY OK        OK          OK          BAD_STATE   INVALID     STALE
 *      exchange_begin    OK          BAD_STATE   BAD_STATE   as before   STALE       STALE
 *      exchange_write    BAD_STATE   OK          OK          as before   STALE       STALE
 *      exchange_finish   BAD_STATE   OK          OK          as before   STALE       STALE
 *      exchange_fail     OK          OK          OK          as before   STALE       STALE
 *      timer_start       OK          OK          OK          OK          OK          STALE
 *      run_blocking      OK          OK          OK          OK          OK          STALE
 *
 *    http_cancel is OK until the request's on_end has returned, and timer_cancel until the timer's function has been
 *    called; then they are STALE. post is OK as long as the backend exists, and its function learns whether the task is
 *    over. An exchange_write that finds the client gone or the answer unusable ends the exchange and is BAD_STATE.
 *
 *  Process. An adapter shares the process with others. It leaves alone: signal handlers, the locale, the working
 *    directory, umask, the environment, standard input, output and error; it never calls exit() or abort(), and
 *    does not fork. Nothing runs before create(): no static constructor that does more than fill memory, no thread.
 *
 * `nexus adapter check FILE.so` tries all of this on an adapter and says what is wrong.
 *
 * This header needs only <stdint.h> and <stddef.h>, and is valid C11 and C++17.
 */
#ifndef NEXUS_PLUGIN_H
#define NEXUS_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. An adapter states the version it was compiled with in its table. */
#define NEXUS_ABI_MAJOR 1u
#define NEXUS_ABI_MINOR 3u

/* Whether the side that filled the structure knows this field. `field` is a member of the structure's type. */
#define NEXUS_HAS(pointer, field) \
  ((pointer)->struct_size >= \
   (size_t)((const char *)&(pointer)->field - (const char *)(pointer)) + sizeof((pointer)->field))

/* Name of the one exported symbol; it carries the major version. */
#define NEXUS_ENTRY_SYMBOL "nexus_adapter_v1"

/* Put before the definition of the entry, in an image compiled with hidden visibility. */
#if defined(__GNUC__)
#define NEXUS_EXPORT __attribute__((visibility("default")))
#else
#define NEXUS_EXPORT
#endif

/* ---------------------------------------------------------------------------------------------- basics -- */

/* Borrowed text or bytes. */
typedef struct nexus_str {
  const char *ptr; /* may be NULL when len is 0 */
  size_t len;      /* bytes */
} nexus_str;

/* One exchange attempt or one probe. Valid from submit()/probe() until it has ended. */
typedef uint64_t nexus_task;

/* One HTTP request to the LLM server. Valid from http_start() until its on_end has returned. */
typedef uint64_t nexus_http;

/* One timer. Valid from timer_start() until its function is called. */
typedef uint64_t nexus_timer;

/* Result of a call. */
typedef int32_t nexus_status;
#define NEXUS_OK 0
#define NEXUS_INVALID (-1)      /* an argument is wrong: NULL where required, length without data, bad value */
#define NEXUS_STALE (-2)        /* the handle names nothing that lives (any more) */
#define NEXUS_WRONG_THREAD (-3) /* a [loop] function was called from another thread */
#define NEXUS_BAD_STATE (-4)    /* not allowed now, e.g. write before begin, or http_start after the deadline */
#define NEXUS_TOO_LARGE (-5)    /* a named limit was exceeded; nothing was taken */
#define NEXUS_UNSUPPORTED (-6)  /* this side does not offer that */
#define NEXUS_FAILED (-7)       /* it went wrong; a message says why where one can be given */

/* Limits; bytes unless something else is said. A later minor version may raise them, never lower them. Those marked
 * "1.2" applied before as well, and got their names then. */
#define NEXUS_LIMIT_ID 256u               /* an id of a model, a name of an action, a type */
#define NEXUS_LIMIT_MESSAGE 1024u         /* a message, a line of the log */
#define NEXUS_LIMIT_SCHEMA 65536u         /* options_schema */
#define NEXUS_LIMIT_MODELS 10000u         /* models of one backend */
#define NEXUS_LIMIT_WRITE 16777216u       /* one exchange_write */
#define NEXUS_LIMIT_UNSENT 67108864u      /* what was written for a client that has not taken it yet */
#define NEXUS_LIMIT_FAILURE_BODY 65536u   /* `body` of a nexus_failure */
#define NEXUS_LIMIT_RESULT 8388608u       /* the result of an action */
#define NEXUS_LIMIT_HTTP_BODY 67108864u   /* the body of an HTTP request */
#define NEXUS_LIMIT_HTTP_REQUESTS 16u     /* HTTP requests of one task under way at once */
#define NEXUS_LIMIT_TIMERS 16u            /* timers of one task at once */
#define NEXUS_LIMIT_POSTS 65536u          /* functions of one backend given to post, not called yet */
#define NEXUS_LIMIT_BLOCKING 64u          /* functions of one backend given to run_blocking, not ended yet */
#define NEXUS_LIMIT_ACTIONS 64u           /* actions of one adapter */
#define NEXUS_LIMIT_PARAMETERS 12u        /* parameters of one action */
#define NEXUS_LIMIT_KEYS 64u              /* API keys of one backend */
#define NEXUS_LIMIT_DETAILS 4096u         /* details of one model */
/* 1.2 */
#define NEXUS_LIMIT_TYPE 64u              /* `type` of an adapter */
#define NEXUS_LIMIT_NAME 256u             /* display_name and version of an adapter, `name` of a model */
#define NEXUS_LIMIT_SERVER 128u           /* `server` of a nexus_health */
#define NEXUS_LIMIT_DEFAULT_URLS 16u      /* default_urls of an adapter */
#define NEXUS_LIMIT_URL 256u              /* one of them */
#define NEXUS_LIMIT_CONTENT_TYPE 256u     /* content_type of an answer */
#define NEXUS_LIMIT_HTTP_HEADERS 64u      /* headers of an HTTP request of an adapter */
#define NEXUS_LIMIT_HTTP_HEAD 65536u      /* its path, and its whole head */
#define NEXUS_LIMIT_TIMER_MS 86400000u    /* milliseconds of a timer; a day */
#define NEXUS_LIMIT_ACTION_NAME 64u       /* name of an action, and of one of its parameters */
#define NEXUS_LIMIT_SIGNATURE 8192u       /* signature of an action */
#define NEXUS_LIMIT_STRUCT 4096u          /* struct_size of anything */
#define NEXUS_LIMIT_CREATE_MS 10000u      /* milliseconds that create() may take */
#define NEXUS_LIMIT_TIME 253402300799     /* Unix seconds: the end of the year 9999; later times are taken as that */
#define NEXUS_LIMIT_COUNT 9007199254740992u /* a count: larger ones are unknown, or taken as that */
/* New in 1.2. */
#define NEXUS_LIMIT_ERROR_BODY 65536u     /* the body of an answer that is an error: the rest is not read */
#define NEXUS_LIMIT_ERROR_BODY_MS 1000u   /* milliseconds that it may take, from its head */
#define NEXUS_LIMIT_PROBE_BODY 67108864u  /* the body of one answer to a probe; more is NEXUS_HTTP_GARBAGE */
#define NEXUS_LIMIT_PASSED_HEADERS 32u    /* headers of a client given to an adapter, or of an adapter to a client */
#define NEXUS_LIMIT_PASSED_BYTES 8192u    /* their names and values together */
#define NEXUS_LIMIT_OFFERED_HEADERS 256u  /* headers of an answer or a failure that are looked at */

/* Room for an error message that the caller of a function provides and its implementer may fill. */
typedef struct nexus_message {
  char *ptr;       /* `capacity` writable bytes */
  size_t capacity; /* at least 256 */
  size_t length;   /* set this to the number of bytes written; 0 on entry */
} nexus_message;

/* ------------------------------------------------------------------------------------ what is reported -- */

/* What a probe found. */
typedef uint32_t nexus_health_status;
#define NEXUS_HEALTHY 1u   /* it answers and can serve */
#define NEXUS_UNHEALTHY 2u /* it does not answer, or says that it cannot serve; `message` says why */
#define NEXUS_LOADING 3u   /* it is alive but not ready yet; counts as unhealthy without being an error */

typedef struct nexus_health {
  uint32_t struct_size;       /* sizeof(nexus_health) */
  nexus_health_status status; /* unknown values count as NEXUS_UNHEALTHY */
  double latency_ms;          /* round trip of the probe; negative or NaN: unknown, the host uses its own clock */
  nexus_str message;          /* for people: what is wrong and where; at most NEXUS_LIMIT_MESSAGE are kept */
  nexus_str server;           /* name and version of the server software, if it told; may be empty; at most
                                 NEXUS_LIMIT_SERVER are kept */
  /* since 1.1 */
  uint32_t kinds;             /* NEXUS_KIND_... bits that this server answers; those of the adapter's table alone count;
                                 0: all of them */
  uint32_t reserved;
} nexus_health;

/* How busy a server is, other clients' requests included. */
#define NEXUS_LOAD_UNKNOWN UINT32_MAX

/* Since 1.1. */
typedef struct nexus_load {
  uint32_t struct_size; /* sizeof(nexus_load) */
  uint32_t slots;       /* requests it works on at once at most; 0: unknown */
  uint32_t running;     /* requests it works on now; NEXUS_LOAD_UNKNOWN: it did not tell */
  uint32_t waiting;     /* requests that wait at it; NEXUS_LOAD_UNKNOWN: it did not tell */
  double cache_use;     /* share of its memory for contexts that is in use, 0...1; negative or NaN: unknown */
} nexus_load;

/* Capabilities of a model; a set of bits. Which of those that are not set it lacks is said by `told`. */
#define NEXUS_MODEL_VISION (1u << 0)
#define NEXUS_MODEL_TOOLS (1u << 1)
#define NEXUS_MODEL_JSON_MODE (1u << 2)
#define NEXUS_MODEL_THINKING (1u << 3)
#define NEXUS_MODEL_EMBEDDING (1u << 4)
#define NEXUS_MODEL_COMPLETION (1u << 5) /* since 1.3: it answers chats and completes text */

/* Whether a model is in the server's memory. */
typedef uint32_t nexus_model_state;
#define NEXUS_MODEL_STATE_UNKNOWN 0u
#define NEXUS_MODEL_LOADED 1u   /* it answers at once */
#define NEXUS_MODEL_UNLOADED 2u /* the first request loads it */

typedef struct nexus_model {
  uint32_t struct_size;       /* sizeof(nexus_model); also the stride of an array of them */
  uint32_t capabilities;      /* NEXUS_MODEL_... bits */
  nexus_str id;               /* what a client puts into "model"; not empty, at most NEXUS_LIMIT_ID, no control
                                 characters. Since 1.2 "*" stands for every name that no backend has: for a server that
                                 does not tell its models */
  nexus_str name;             /* for people; empty: the id */
  uint64_t context_length;    /* tokens; 0: unknown */
  uint64_t max_output_tokens; /* tokens; 0: unknown */
  int64_t created;            /* Unix seconds; 0: unknown */
  /* since 1.1 */
  nexus_model_state state;    /* unknown values count as NEXUS_MODEL_STATE_UNKNOWN */
  uint32_t reserved;
  int64_t loaded_until;       /* Unix seconds at which a loaded model goes if it is not used; 0: unknown; -1: never */
  uint64_t size;              /* bytes of its file; 0: unknown */
  uint64_t memory;            /* bytes it takes while loaded; 0: unknown */
  uint64_t device_memory;     /* of these, bytes on a GPU or another accelerator; UINT64_MAX: unknown */
  nexus_str details;          /* more for people and clients: a JSON object of strings, e.g. family, format,
                                 parameter_size, quantization_level, digest; empty: none; at most NEXUS_LIMIT_DETAILS */
  /* since 1.3 */
  uint32_t told;              /* NEXUS_MODEL_... bits of which it is known whether the model has them. A bit that is set here
                                 and not in `capabilities` is what the model certainly lacks: a request that needs it never
                                 goes there, and is refused where all lack it. A bit in neither is unknown; one in
                                 `capabilities` is known in any case. Set only what the server itself tells */
  uint32_t reserved_told;
} nexus_model;

typedef uint32_t nexus_log_level;
#define NEXUS_LOG_DEBUG 1u
#define NEXUS_LOG_INFO 2u
#define NEXUS_LOG_WARNING 3u
#define NEXUS_LOG_ERROR 4u

/*
 * A function that the host calls once on the loop of a task: NEXUS_OK: the task lives, and the services marked [loop]
 * may be called for it; NEXUS_STALE: it has ended meanwhile. [loop]
 */
typedef void (*nexus_posted)(void *user, nexus_task task, nexus_status status);

/*
 * Callbacks bound to ONE backend. They take no context argument: each backend gets its own functions, made at
 * run time, so an adapter cannot report for a backend that is not its own. After destroy() has been called they
 * are revoked: a late call is counted, logged once and ignored.
 *
 * All are [any] and return at once; none blocks on I/O. The table itself and the functions stay valid for the life of
 * the process, so that a thread which comes too late does no harm.
 *
 * Reports may come as often as an adapter likes. What comes faster than the host can show (some ten a second) is
 * coalesced: the newest health and the newest list count, lines of the log beyond that are counted and dropped.
 */
typedef struct nexus_callbacks {
  uint32_t struct_size;
  uint32_t reserved;

  /* Reports the backend's health. During a probe the first report ends that probe (see probe()); at any other
   * time it is taken as an observation of its own. [any] */
  void (*report_health)(const nexus_health *health);

  /* Reports the complete list of the backend's models, replacing the one before. `count` 0 means none. At most
   * NEXUS_LIMIT_MODELS are kept; duplicates of an id and models with an empty id are dropped, with a line in the log.
   * Report models BEFORE the health report that ends a probe, so that both appear together. [any] */
  void (*report_models)(const nexus_model *models, size_t count);

  /* Writes a line to the host's log under the backend's name. At most NEXUS_LIMIT_MESSAGE are kept. Never log a secret.
   * [any] */
  void (*log)(nexus_log_level level, const char *text, size_t length);

  /* Has `function` called once on the loop of `task`, where the services marked [loop] may be used: the way back from a
   * thread of the adapter's own. NEXUS_OK: it will be called, with NEXUS_STALE if the task has ended by then; anything
   * else: it will not (NEXUS_STALE: no such task, or the backend is gone; NEXUS_TOO_LARGE: NEXUS_LIMIT_POSTS wait).
   * Order is kept between posts of one thread to one task. [any] */
  nexus_status (*post)(nexus_task task, nexus_posted function, void *user);

  /* Since 1.1. Reports how busy the server is; the router sends less to one that others keep busy. Best before the
   * health report of a probe, and at any other time. [any] */
  void (*report_load)(const nexus_load *load);
} nexus_callbacks;

/* ------------------------------------------------------------------------------------ HTTP to a backend -- */

/*
 * Since 1.2. Headers that pass through the host, by name in lower case; "*" at the end stands for any ending. Nothing
 * else passes, in particular no credentials, no cookies, and nothing that concerns one connection. Of a header that
 * comes several times each one passes. A later minor version may add names, and never removes one.
 *
 * NEXUS_HEADERS_OF_CLIENTS: from a client to the adapter (nexus_request), which may pass them on to its server.
 *   `user-agent` names the client's software. A request to a server without a `user-agent` gets the gateway's.
 * NEXUS_HEADERS_OF_SERVERS: from an answer or a failure (nexus_response_head, nexus_failure) to the client. An adapter
 *   may hand over all headers its server sent: the host picks these, and drops what is no valid field or exceeds a
 *   limit. The server's own `x-request-id` reaches the client as `x-nexus-upstream-request-id`, since `x-request-id`
 *   is the gateway's.
 */
#define NEXUS_HEADERS_OF_CLIENTS \
  "anthropic-beta anthropic-version openai-* traceparent tracestate user-agent"
#define NEXUS_HEADERS_OF_SERVERS \
  "anthropic-ratelimit-* openai-processing-ms openai-version ratelimit ratelimit-* request-id retry-after \
retry-after-ms x-accel-buffering x-rate-limit-* x-ratelimit-* x-request-id x-should-retry"

typedef struct nexus_header {
  nexus_str name; /* an RFC 9110 token */
  nexus_str value;
} nexus_header;

typedef struct nexus_http_request {
  uint32_t struct_size; /* sizeof(nexus_http_request) */
  uint32_t flags;       /* NEXUS_HTTP_... bits */
  nexus_str method;     /* "GET", "POST", "DELETE", ... */
  nexus_str path;       /* starts with "/"; appended to the path of the backend's URL, unless the flags say
                           otherwise; may hold a query */
  const nexus_header *headers; /* without host, content-length, transfer-encoding and connection: those are the
                                  host's; without accept-encoding the host asks for "identity" */
  size_t header_count;  /* at most NEXUS_LIMIT_HTTP_HEADERS */
  nexus_str body;       /* copied before the call returns; ignored with NEXUS_HTTP_EXCHANGE_BODY */
  uint32_t timeout_ms;  /* from start to the last byte; 0: the task's own deadline alone */
  uint32_t reserved;
} nexus_http_request;

/* Send the request body of the exchange as it is. Costs no copy. */
#define NEXUS_HTTP_EXCHANGE_BODY (1u << 0)
/* `path` is the whole path: that of the backend's URL is left out. */
#define NEXUS_HTTP_FROM_ROOT (1u << 1)

typedef struct nexus_http_head {
  uint32_t struct_size;
  uint32_t status; /* 200...599; interim 1xx answers are not shown. A GET or HEAD that the server redirects (301, 302, 303,
                      307, 308) within its own scheme, host and port is followed, at most 5 times, and not shown either */
  const nexus_header *headers;
  size_t header_count;
} nexus_http_head;

/* Why an HTTP request ended. */
typedef uint32_t nexus_http_result;
#define NEXUS_HTTP_COMPLETE 0u  /* the whole answer was received */
#define NEXUS_HTTP_REFUSED 1u   /* no connection: refused, unreachable, unknown host name, TLS failure, not in time */
#define NEXUS_HTTP_TIMED_OUT 2u /* a time-out of the request or of the task */
#define NEXUS_HTTP_CLOSED 3u    /* the peer closed or reset the connection before the answer was complete */
#define NEXUS_HTTP_GARBAGE 4u   /* the peer does not speak HTTP/1.1, exceeded a limit, or its content coding is broken */
#define NEXUS_HTTP_CANCELLED 5u /* http_cancel, or the task has ended */

typedef struct nexus_http_end {
  uint32_t struct_size;
  nexus_http_result result;
  nexus_str message; /* for people, names the address; empty when complete */
  /* since 1.2 */
  uint64_t connected_us;  /* microseconds from http_start until a connection was ready, TLS included; 0: unknown, or
                             there never was one */
  uint64_t first_byte_us; /* likewise until the first byte of the answer */
  uint32_t flags;         /* NEXUS_HTTP_END_... bits */
  uint32_t reserved;
} nexus_http_end;

/* The connection was open already: it had served another request. */
#define NEXUS_HTTP_END_REUSED (1u << 0)

/* Events of one HTTP request, in this order: on_head at most once, on_body any number of times, on_end exactly once.
 * All three are required. Of an answer whose status is not 200...299, at most NEXUS_LIMIT_ERROR_BODY are delivered, and
 * only what comes within NEXUS_LIMIT_ERROR_BODY_MS of its head. Then it ends with NEXUS_HTTP_COMPLETE, so that an error
 * shows at once. */
typedef struct nexus_http_handlers {
  uint32_t struct_size;
  uint32_t reserved;

  /* The answer's status and header fields. [loop] */
  void (*on_head)(void *user, nexus_http request, const nexus_http_head *head);

  /* A piece of the answer's body with transfer and content codings removed, and without a byte order mark before a text; cut
   * anywhere. Of an answer that had content codings on_head does not show content-encoding and content-length. Passing exactly this range, or a
   * part of it, to exchange_write inside this call costs no copy. [loop] */
  void (*on_body)(void *user, nexus_http request, const char *bytes, size_t length);

  /* The end, and always the last call with this `user`, also after a cancellation: the place to free it. [loop] */
  void (*on_end)(void *user, nexus_http request, const nexus_http_end *end);
} nexus_http_handlers;

/* --------------------------------------------------------------------------------------- an exchange ---- */

/* What the client asks for. Also bits: an adapter's `kinds` is the set it supports. */
typedef uint32_t nexus_kind;
#define NEXUS_KIND_CHAT (1u << 0)        /* POST /v1/chat/completions */
#define NEXUS_KIND_COMPLETIONS (1u << 1) /* POST /v1/completions */
#define NEXUS_KIND_EMBEDDINGS (1u << 2)  /* POST /v1/embeddings */
/* Since 1.1. A client of MESSAGES or OLLAMA is served by backends without that kind as well: the host translates to
 * CHAT, COMPLETIONS or EMBEDDINGS. COUNT_TOKENS it estimates. */
#define NEXUS_KIND_RESPONSES (1u << 3)    /* POST /v1/responses */
#define NEXUS_KIND_RERANK (1u << 4)       /* POST /v1/rerank */
#define NEXUS_KIND_AUDIO (1u << 5)        /* POST /v1/audio/...: the request's `path` tells which */
#define NEXUS_KIND_IMAGES (1u << 6)       /* POST /v1/images/...: likewise */
#define NEXUS_KIND_MESSAGES (1u << 7)     /* POST /v1/messages, Anthropic's API */
#define NEXUS_KIND_COUNT_TOKENS (1u << 8) /* POST /v1/messages/count_tokens, likewise */
#define NEXUS_KIND_OLLAMA (1u << 9)       /* POST /api/chat, /api/generate, /api/embed, /api/embeddings, Ollama's API:
                                             `path` tells which; a stream is application/x-ndjson */

#define NEXUS_REQUEST_STREAM (1u << 0)        /* the client wants the answer in pieces: server-sent events, or lines of
                                                 JSON for NEXUS_KIND_OLLAMA */
#define NEXUS_REQUEST_INCLUDE_USAGE (1u << 1) /* stream_options.include_usage is true */
#define NEXUS_REQUEST_TOOLS (1u << 2)         /* tools are given */
#define NEXUS_REQUEST_IMAGES (1u << 3)        /* a message holds an image */

typedef struct nexus_request {
  uint32_t struct_size;
  nexus_kind kind;      /* exactly one bit */
  uint32_t flags;       /* NEXUS_REQUEST_... bits */
  uint32_t reserved;
  nexus_str model;      /* the name of the model at this backend; aliases are resolved, also inside `body` */
  nexus_str body;       /* the request's JSON, checked to be well-formed: an object with a string "model"; for AUDIO and
                           IMAGES perhaps a form, see `content_type` */
  nexus_str request_id; /* for logs and for x-request-id towards the server */
  /* since 1.1 */
  nexus_str path;         /* what the client asked for, without a query, e.g. "/v1/audio/speech" */
  nexus_str content_type; /* of `body`: application/json, or multipart/form-data with its boundary */
  /* since 1.2 */
  uint64_t deadline_ms;   /* milliseconds left until the host ends the exchange; 0: there is no such time, or it is
                             unknown */
  const nexus_header *headers; /* those of the client that an adapter may pass on: NEXUS_HEADERS_OF_CLIENTS, names in
                                  lower case */
  size_t header_count;    /* at most NEXUS_LIMIT_PASSED_HEADERS */
} nexus_request;

/* Start of an answer. The host sends nothing to the client before the first byte is written. */
typedef struct nexus_response_head {
  uint32_t struct_size;
  uint32_t status;        /* 200...299 */
  nexus_str content_type; /* empty: application/json, or text/event-stream (NEXUS_KIND_OLLAMA: application/x-ndjson)
                             when the client asked for a stream. These may have parameters, such as a charset. Anything
                             else is sent as it comes, never held back; cut at NEXUS_LIMIT_CONTENT_TYPE */
  /* since 1.1 */
  nexus_str warning;      /* what of the request was left out, for the client: the value of x-nexus-warning; may be
                             empty */
  /* since 1.2 */
  const nexus_header *headers; /* for the client; of these NEXUS_HEADERS_OF_SERVERS are taken. NULL: none */
  size_t header_count;
} nexus_response_head;

#define NEXUS_TOKENS_UNKNOWN UINT64_MAX

/* How an exchange went well. */
typedef struct nexus_outcome {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t prompt_tokens;     /* NEXUS_TOKENS_UNKNOWN when the server did not tell: never guess 0 */
  uint64_t completion_tokens; /* likewise */
  uint64_t cached_tokens;     /* part of prompt_tokens that came from a cache; likewise */
  /* since 1.1 */
  uint32_t flags;             /* NEXUS_OUTCOME_... bits */
  uint32_t reserved2;
  uint64_t prompt_us;         /* microseconds the server worked on the prompt, as it told; 0: it did not */
  uint64_t completion_us;     /* microseconds it generated, as it told; 0: it did not */
} nexus_outcome;

/* completion_tokens was counted from the pieces of a stream, since the server did not tell. */
#define NEXUS_OUTCOME_ESTIMATED (1u << 0)

/* Why an exchange failed; decides about a retry and about the status the client sees. With a status of 4xx other than 408,
 * 425 and 429 the server has refused the request: that is told to the client with its status, and tried nowhere else,
 * whatever the kind; what is said of a retry below is for the rest. */
typedef uint32_t nexus_failure_kind;
#define NEXUS_FAIL_CONNECT 1u     /* the server could not be reached; retried elsewhere */
#define NEXUS_FAIL_TIMEOUT 2u     /* it took too long */
#define NEXUS_FAIL_UPSTREAM 3u    /* the server failed: 5xx, broken answer, closed too early; retried elsewhere */
#define NEXUS_FAIL_BUSY 4u        /* 429, 503 overload; retried elsewhere; not an illness */
#define NEXUS_FAIL_REJECTED 5u    /* the caller's fault: 4xx; never retried, never counts against the backend */
#define NEXUS_FAIL_AUTH 6u        /* the server refuses the gateway's key: 401, 403; told to the client as 502 */
#define NEXUS_FAIL_UNSUPPORTED 7u /* this backend cannot do that: retried elsewhere with no status, or 501 */
#define NEXUS_FAIL_INTERNAL 8u    /* the adapter's own fault */

typedef struct nexus_failure {
  uint32_t struct_size;
  nexus_failure_kind kind;
  uint32_t status;         /* the server's HTTP status; 0: none */
  uint32_t retry_after_ms; /* when the server said so; 0: it did not */
  nexus_str message;       /* for people: what happened and what to do; no secrets; cut at NEXUS_LIMIT_MESSAGE */
  nexus_str body;          /* the server's own error answer as JSON, passed to the client unchanged when this
                              failure is what the client gets to see; may be empty; left out if it
                              is no JSON or exceeds NEXUS_LIMIT_FAILURE_BODY */
  /* since 1.2 */
  uint64_t prompt_tokens;     /* of an exchange that had begun: what is known of its work so far, as in
                                 nexus_outcome; 0 and NEXUS_TOKENS_UNKNOWN: unknown */
  uint64_t completion_tokens; /* likewise */
  uint64_t cached_tokens;     /* likewise */
  uint32_t flags;             /* NEXUS_OUTCOME_... bits */
  uint32_t reserved;
  const nexus_header *headers; /* for the client, when this failure is what it gets to see; of these
                                  NEXUS_HEADERS_OF_SERVERS are taken. NULL: none */
  size_t header_count;
} nexus_failure;

/* -------------------------------------------------------------------------------------- host services ---- */

/*
 * The end of a timer, called once: NEXUS_OK: the time is up; NEXUS_STALE: it was cancelled, or its task has ended.
 * [loop]
 */
typedef void (*nexus_timer_end)(void *user, nexus_timer timer, nexus_status status);

/*
 * The host's services: one table for the whole process, valid until it ends. The functions find what they are about by
 * the handle, and refuse what does not belong to the calling loop.
 */
typedef struct nexus_host {
  uint16_t abi_major;
  uint16_t abi_minor;
  uint32_t struct_size;
  nexus_str version; /* of the gateway, e.g. "0.1.0"; lives as long as the process */

  /* Starts an HTTP request on behalf of `task` to the backend's server. On NEXUS_OK `*out` is its handle and
   * events follow, never inside this call. Otherwise no event follows and `user` stays the caller's.
   * A task may have NEXUS_LIMIT_HTTP_REQUESTS under way. When the task ends they end too: after exchange_finish the
   * host may still read the rest of an answer, to keep the connection, but of a request's events only on_end follows.
   * [loop] */
  nexus_status (*http_start)(nexus_task task, const nexus_http_request *request, const nexus_http_handlers *handlers,
                             void *user, nexus_http *out);

  /* Ends an HTTP request; its on_end follows with NEXUS_HTTP_CANCELLED, never inside this call. [loop] */
  nexus_status (*http_cancel)(nexus_http request);

  /* Says what the answer will be. At most once per exchange, before the first write. Until the first write the
   * host may still try another backend if the exchange fails. [loop] */
  nexus_status (*exchange_begin)(nexus_task exchange, const nexus_response_head *head);

  /* Gives a piece of the answer. The first one commits the answer to the client. Pieces are sent as they come. The
   * host slows the HTTP requests of the exchange down when the client reads slowly. An adapter whose bytes come from
   * elsewhere may write NEXUS_LIMIT_UNSENT ahead of the client; with NEXUS_TOO_LARGE beyond that the exchange has ended
   * as failed. At most NEXUS_LIMIT_WRITE a call: more is refused with NEXUS_TOO_LARGE too, and ends nothing. [loop] */
  nexus_status (*exchange_write)(nexus_task exchange, const char *bytes, size_t length);

  /* Ends the exchange well; needs exchange_begin before. The task is over: the handle is stale after. [loop] */
  nexus_status (*exchange_finish)(nexus_task exchange, const nexus_outcome *outcome);

  /* Ends the exchange as failed. Before the first write the host may retry elsewhere or answers with an error; after
   * it the host ends a stream with one explicit error event. The task is over. [loop] */
  nexus_status (*exchange_fail)(nexus_task exchange, const nexus_failure *failure);

  /* Optional abilities of the host by name (terminated with NUL), e.g. NEXUS_ACTIONS; NULL when unknown. What it
   * returns lives as long as the process. [any] */
  const void *(*extension)(const char *id);

  /* Has `function` called once after `milliseconds` (at most NEXUS_LIMIT_TIMER_MS), or earlier with NEXUS_STALE if it
   * is cancelled or the task ends. Never inside this call. A task may have NEXUS_LIMIT_TIMERS. [loop] */
  nexus_status (*timer_start)(nexus_task task, uint32_t milliseconds, nexus_timer_end function, void *user,
                              nexus_timer *out);

  /* Ends a timer; its function is called with NEXUS_STALE, never inside this call. [loop] */
  nexus_status (*timer_cancel)(nexus_timer timer);

  /* Runs `work` on a thread that may block [worker], then `done` on the loop of the task, with NEXUS_STALE if the task
   * has ended meanwhile. `work` must come to an end: the backend is destroyed only after that. At most
   * NEXUS_LIMIT_BLOCKING of one backend may wait or run. [loop] */
  nexus_status (*run_blocking)(nexus_task task, void (*work)(void *user), nexus_posted done, void *user);
} nexus_host;

/* ------------------------------------------------------------------- extension: actions of an operator ---- */

/*
 * NEXUS_ACTIONS lets an adapter export commands that an operator runs on one backend: pull a model, unload one. The
 * adapter's extension(NEXUS_ACTIONS) returns a nexus_actions table; the host's returns a nexus_action_host.
 *
 * An action is a C function whose parameters a signature describes. The host checks the JSON arguments of
 * `POST /v1/backends/{id}/actions/{name}` against it and makes the C call:
 *
 *     "(model: string, insecure: bool = false, keep: int = 300) -> json"
 *
 *     nexus_status pull(void *instance, nexus_task action, nexus_str model, int32_t insecure, int64_t keep);
 *
 *   signature  =  "(" [ parameter *( "," parameter ) ] ")" "->" ( "json" / "none" )
 *   parameter  =  name ":" type [ "?" / "=" default ]        ; spaces may stand between all parts
 *   name       =  [a-z][a-z0-9_]*                            ; at most 64 characters, each name once
 *   type       =  "string" / "int" / "double" / "bool" / "json"
 *   default    =  a JSON value of that type
 *
 *   type    JSON                       C
 *   string  string                     nexus_str, UTF-8
 *   int     integer within 64 bits     int64_t
 *   double  number                     double
 *   bool    true or false              int32_t, 1 or 0
 *   json    any value                  nexus_str, its JSON text
 *
 * A parameter with a default or "?" may be left out or be null. "?" is for string and json: when left out, `ptr` is
 * NULL; an empty string has a `ptr` that is not NULL. All others are required.
 *
 * The function runs on a thread of its own [worker], may block, and returns NEXUS_OK, or a negative status after it has
 * said why with `error`. With "-> json" it gives its result with `result` before it returns.
 */
#define NEXUS_ACTIONS "nexus.actions/1"

/* The action destroys something that cannot be had back at once; a page asks before it runs it. */
#define NEXUS_ACTION_DESTRUCTIVE (1u << 0)

typedef struct nexus_action {
  uint32_t struct_size;   /* sizeof(nexus_action); also the stride of an array of them */
  uint32_t flags;         /* NEXUS_ACTION_... bits */
  nexus_str name;         /* matches [a-z][a-z0-9_]{0,63} */
  nexus_str help;         /* one sentence for the operator; not empty */
  nexus_str signature;    /* see above */
  void (*function)(void); /* cast from a function with exactly the parameters that the signature describes [worker] */
} nexus_action;

typedef struct nexus_actions {
  uint32_t struct_size;
  uint32_t reserved;
  const nexus_action *actions;
  size_t count; /* at most NEXUS_LIMIT_ACTIONS */

  /* Whether the backend's server offers the action at all; not zero: yes. NULL: all are always offered. Returns at
   * once. [any] */
  int32_t (*offers)(void *instance, nexus_str name);
} nexus_actions;

/* How far an action is. */
typedef struct nexus_progress {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t done;     /* in any unit; must not fall while `total` and `message` stay the same */
  uint64_t total;    /* in the same unit; 0: unknown */
  nexus_str message; /* what is being done, e.g. "pulling sha256:0123abcd" */
} nexus_progress;

/* The host's part. `action` is the task the function was given; it is stale once the function has returned. */
typedef struct nexus_action_host {
  uint32_t struct_size;
  uint32_t reserved;

  /* Tells how far it is. As often as you like: the host passes on what can be shown. [any] */
  nexus_status (*progress)(nexus_task action, const nexus_progress *progress);

  /* Gives the result, a JSON text; the last one counts. At most NEXUS_LIMIT_RESULT. NEXUS_INVALID: it is not JSON.
   * [any] */
  nexus_status (*result)(nexus_task action, const char *json, size_t length);

  /* Says why the action will fail; the first one counts. `kind` and `status` mean what they mean for an exchange.
   * [any] */
  nexus_status (*error)(nexus_task action, const nexus_failure *failure);

  /* NEXUS_OK: go on. NEXUS_STALE: the operator has cancelled it, its time is up or the host shuts down; return soon.
   * The action's HTTP requests end by themselves. [any] */
  nexus_status (*check)(nexus_task action);

  /* Sends an HTTP request to the backend's server and waits for its end: the handlers are called on the calling thread,
   * on_end last, before this returns. Only for the thread the action runs on. Flags of an exchange are refused.
   * NEXUS_OK: on_end was called. [worker] */
  nexus_status (*http)(nexus_task action, const nexus_http_request *request, const nexus_http_handlers *handlers,
                       void *user);
} nexus_action_host;

/* --------------------------------------------------------------------------------- the adapter's table ---- */

/* One configured backend, given to create(). */
typedef struct nexus_backend_config {
  uint32_t struct_size;
  uint32_t reserved;
  nexus_str name;       /* the operator's name for it */
  nexus_str url;        /* http(s)://host[:port][/path], checked by the host */
  nexus_str api_key;    /* empty: none. Must not reach a log, a message or a report */
  nexus_str options;    /* a JSON object, already checked against options_schema */
  /* since 1.1 */
  const nexus_str *api_keys; /* all keys, `api_key` first; an adapter goes to the next when the server refuses one or
                                has enough of it */
  size_t api_key_count;      /* at most NEXUS_LIMIT_KEYS */
} nexus_backend_config;

typedef struct nexus_adapter {
  uint16_t abi_major;   /* NEXUS_ABI_MAJOR */
  uint16_t abi_minor;   /* NEXUS_ABI_MINOR */
  uint32_t struct_size; /* sizeof(nexus_adapter) */

  nexus_str type;           /* what configurations name; matches [a-z][a-z0-9_-]{0,63} */
  nexus_str display_name;   /* for people */
  nexus_str version;        /* of the adapter */
  nexus_str options_schema; /* JSON Schema of `options`: an object schema; empty: no options are taken. The host checks
                               type, enum, minimum, maximum, required, properties, additionalProperties and items */
  const nexus_str *default_urls; /* where such a server listens by default, for discovery; may be NULL */
  size_t default_url_count; /* at most NEXUS_LIMIT_DEFAULT_URLS are looked at */
  uint32_t kinds;           /* NEXUS_KIND_... bits that submit() takes */
  uint32_t reserved;

  /* Makes an instance for one backend: checks the configuration and allocates. No network traffic here. On success
   * sets *instance to a non-NULL pointer that the host hands back and never looks into. On failure returns a
   * negative status, fills `error` with what the operator should change (name the option), and leaves nothing behind.
   * `host` and `callbacks` outlive the instance. After NEXUS_LIMIT_CREATE_MS the host gives the backend up; an
   * instance that comes later is destroyed at once. [main] */
  nexus_status (*create)(const nexus_backend_config *config, const nexus_host *host, const nexus_callbacks *callbacks,
                         void **instance, nexus_message *error);

  /* Ends an instance. All its tasks have ended and all last calls with a `user` were made before. Join your own
   * threads here. The callbacks are revoked before it is called: what calls them then or later is counted and ignored,
   * and does no harm. [main] */
  void (*destroy)(void *instance);

  /* Begins to find out how the server is and which models it has; returns at once. Must lead to exactly one
   * report_health, which ends the task; models are reported before it. No report by the deadline counts as a failed
   * probe, and the task's HTTP requests end with NEXUS_HTTP_TIMED_OUT. An instance has one probe at a time. Never
   * generate tokens in a probe. [loop] */
  void (*probe)(void *instance, nexus_task probe);

  /* Begins to answer a request; returns at once. NEXUS_OK: the adapter will end the exchange by exchange_finish or
   * exchange_fail, or has done so: to refuse a request with words that the client reads, call exchange_fail in here and
   * return NEXUS_OK. NEXUS_FAIL_REJECTED tells the client at once, NEXUS_FAIL_UNSUPPORTED first tries elsewhere. Another
   * status: the host ends it as failed, without words, and tries elsewhere. [loop] */
  nexus_status (*submit)(void *instance, nexus_task exchange, const nexus_request *request);

  /* Tells that a task is over because the client went away, its deadline passed or the host shuts down. The handle is
   * stale already; the HTTP requests of the task get their on_end right after. Nothing needs to be done here by an
   * adapter that uses http_start alone. May be NULL. [loop] */
  void (*cancel)(void *instance, nexus_task task);

  /* Optional abilities of the adapter by name (terminated with NUL), e.g. NEXUS_ACTIONS; NULL when unknown. What it
   * returns lives as long as the image. May be NULL. [any] */
  const void *(*extension)(const char *id);
} nexus_adapter;

/*
 * The entry: the one exported symbol. Called once, right after the image was loaded, on a thread that may block for
 * a short time. Returns the adapter's table, or NULL with a reason in `error`. `host` lives as long as the process. A
 * file that is replaced is loaded anew beside the old image, which is never unmapped: both may run at once for a while.
 * [main]
 */
typedef const nexus_adapter *(*nexus_adapter_entry)(const nexus_host *host, nexus_message *error);

/* What an adapter defines; see nexus_adapter_entry. [main] */
NEXUS_EXPORT const nexus_adapter *nexus_adapter_v1(const nexus_host *host, nexus_message *error);

#ifdef __cplusplus
}
#endif

#endif /* NEXUS_PLUGIN_H */
