/*
 * What is particular to this kind of server: its paths, how a client's request becomes one of its own, and how its answer
 * is read. Functions of text alone: nothing here calls the gateway. CHANGE protocol.c FIRST, and check.json with it.
 *
 * As it stands it is for a server of this kind:
 *
 *     GET  /list   {"models":[{"name":"tiny","context":4096}]}
 *     POST /say    {"model":"tiny","turns":[{"who":"user","says":"Hi"}],"stream":true,"max":100,"temperature":0.5}
 *
 *     whole        {"says":"Hello!","read":3,"wrote":2,"why":"end"}       why: "end", or "max": no more was allowed
 *     a stream     lines of JSON: {"says":"Hel"}  {"says":"lo!"}  {"read":3,"wrote":2,"why":"end"}
 *     an error     {"problem":"words"}, with an error status or as a line of a stream
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "json.h"
#include "nexus_plugin.h"

#define WORDS_ROOM 512 /* of a message for people */

extern const char models_path[];
extern const char answer_path[];
extern const char stream_type[]; /* the content type of a stream; whatever has another one is a whole answer */

/* ---------------------------------------------------------------------------------------------- models -- */

/* The list in the server's answer to GET models_path. False: that is not what the answer is. */
bool read_models(json answer, json *list);

/* One item of it: its name, a JSON string, and its context in tokens, 0 if it is not told. False: it is none. */
bool read_model(json item, json *name, uint64_t *context);

/* ----------------------------------------------------------------------------------- a client's request -- */

/* What becomes of a client's request. Starts as {0}; free `body` and `dropped`. */
typedef struct translation {
  buffer body;    /* the server's request */
  buffer dropped; /* what of the client's request the server does not take, for x-nexus-warning; may be empty */
  nexus_failure_kind refusal; /* if there is none: NEXUS_FAIL_REJECTED: the request is wrong, the client is told at once;
                                 NEXUS_FAIL_UNSUPPORTED: this server cannot do it, perhaps another backend can */
  char words[WORDS_ROOM];     /* then: what the client reads */
} translation;

/* False: the request is refused. */
bool translate(json request, bool stream, translation *to);

/* ----------------------------------------------------------------------------------- the server's answer -- */

/* A whole answer, or a line of a stream. */
typedef struct piece {
  json text; /* a JSON string with its quotes; `at` is NULL if there is none */
  bool is_last;
  const char *finish_reason; /* of the last one, in OpenAI's words: "stop" or "length" */
  uint64_t prompt_tokens;    /* NEXUS_TOKENS_UNKNOWN: the server did not count */
  uint64_t completion_tokens;
} piece;

/* False: it is no piece of an answer. */
bool read_piece(json value, piece *to);

/* False: it is no error. */
bool read_error(json value, char words[WORDS_ROOM]);

#endif
