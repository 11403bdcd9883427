// What is particular to this kind of server: its paths, how a client's request becomes one of its own, and how its answer
// is read. Functions of values alone: nothing here calls the gateway. CHANGE protocol.cpp FIRST, and check.json with it.
//
// As it stands it is for a server of this kind:
//
//     GET  /list   {"models":[{"name":"tiny","context":4096}]}
//     POST /say    {"model":"tiny","turns":[{"who":"user","says":"Hi"}],"stream":true,"max":100,"temperature":0.5}
//
//     whole        {"says":"Hello!","read":3,"wrote":2,"why":"end"}       why: "end", or "max": no more was allowed
//     a stream     lines of JSON: {"says":"Hel"}  {"says":"lo!"}  {"read":3,"wrote":2,"why":"end"}
//     an error     {"problem":"words"}, with an error status or as a line of a stream
#ifndef PROTOCOL_HPP
#define PROTOCOL_HPP

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "json.hpp"
#include "nexus_plugin.h"

namespace protocol {

inline constexpr char models_path[] = "/list";
inline constexpr char answer_path[] = "/say";
inline constexpr char stream_type[] = "application/x-ndjson";  // whatever has another one is a whole answer

struct Model {
  std::string name;
  std::uint64_t context;  // tokens; 0: the server does not tell
};

// The models in the server's answer to GET models_path. Nothing: that is not what the answer is.
std::optional<std::vector<Model>> models(const Json &answer);

// Why a request is not sent; the client reads the words.
struct Refusal : std::runtime_error {
  nexus_failure_kind kind;  // NEXUS_FAIL_REJECTED: the request is wrong, the client is told at once;
                            // NEXUS_FAIL_UNSUPPORTED: this server cannot do it, perhaps another backend can
  Refusal(nexus_failure_kind kind, const std::string &words) : std::runtime_error(words), kind(kind) {}
};

struct Translation {
  std::string body;     // the server's request
  std::string model;    // as the client wrote it
  std::string dropped;  // what of the client's request the server does not take, for x-nexus-warning; may be empty
};

// Throws a Refusal.
Translation translate(const Json &request, bool stream);

// A whole answer, or a line of a stream.
struct Piece {
  std::optional<std::string> text;
  std::optional<std::string> finish_reason;     // of the last one, in OpenAI's words: "stop" or "length"
  std::optional<std::uint64_t> prompt_tokens;   // nothing: the server did not count
  std::optional<std::uint64_t> completion_tokens;
};

// Nothing: it is no piece of an answer.
std::optional<Piece> piece(const Json &value);

// What an error says. Nothing: it is no error.
std::optional<std::string> error(const Json &value);

}  // namespace protocol

#endif
