// See protocol.hpp.
#include "protocol.hpp"

#include <algorithm>

namespace protocol {

using Kind = Json::Kind;

// ----------------------------------------------------------------------------------------------- models ----

std::optional<std::vector<Model>> models(const Json &answer) {
  const Json *list = answer.member("models", Kind::list);
  if (list == nullptr) return std::nullopt;
  std::vector<Model> result;
  for (const Json &item : list->items) {
    const Json *name = item.member("name", Kind::text), *context = item.member("context");
    if (name == nullptr || name->text.empty()) continue;
    result.push_back({name->text, context == nullptr ? 0 : context->count().value_or(0)});
  }
  return result;
}

// ------------------------------------------------------------------------------------ a client's request ----

static Refusal wrong(const std::string &words) { return {NEXUS_FAIL_REJECTED, words}; }

static Refusal cannot(const std::string &words) { return {NEXUS_FAIL_UNSUPPORTED, words}; }

// The text of a message. A client may give it as a string, or as a list of parts:
// [{"type":"text","text":"What is this?"},{"type":"image_url",...}]. Parts that are no text cannot be left out: the answer
// would be one to another question.
static std::string content_of(const Json &message) {
  const Json *content = message.member("content");
  if (content != nullptr && content->is(Kind::text)) return content->text;
  if (content == nullptr || !content->is(Kind::list)) {
    throw wrong("the content of a message must be a text or a list of parts");
  }
  std::string result;
  for (const Json &part : content->items) {
    const Json *type = part.member("type", Kind::text), *text = part.member("text", Kind::text);
    if (type == nullptr || type->text != "text") {
      throw cannot("this server reads text alone: it cannot take a part of type \"" + (type ? type->text : "") + "\"");
    }
    if (text == nullptr) throw wrong("a part of type \"text\" must have a \"text\"");
    if (&part != &content->items.front()) result += '\n';
    result += text->text;
  }
  return result;
}

static std::string turns(const Json &request) {
  const Json *messages = request.member("messages", Kind::list);
  if (messages == nullptr) throw wrong("\"messages\" must be a list");
  std::string result;
  for (const Json &message : messages->items) {
    const Json *role = message.member("role", Kind::text);
    if (role == nullptr) throw wrong("a message must have a \"role\"");
    if (role->text == "tool" || message.member("tool_calls", Kind::list)) throw cannot("this server knows no tools");
    // "developer" is the newer name of the same.
    std::string who = role->text == "developer" ? "system" : role->text;
    if (!result.empty()) result += ',';
    result += "{\"who\":" + quoted(who) + ",\"says\":" + quoted(content_of(message)) + "}";
  }
  return "[" + result + "]";
}

// What asks for another answer than this server gives: leaving it out would be wrong.
static void check(const Json &request) {
  const Json *tools = request.member("tools", Kind::list), *format = request.member("response_format");
  const Json *type = format == nullptr ? nullptr : format->member("type", Kind::text);
  const Json *count = request.member("n", Kind::number);
  if (tools != nullptr && !tools->items.empty()) throw cannot("this server knows no tools");
  if (type != nullptr && type->text != "text") {
    throw cannot("this server cannot promise an answer in JSON (response_format)");
  }
  if (count != nullptr && count->count() != 1) throw cannot("this server gives one answer to a request, \"n\" must be 1");
}

static bool is_one_of(const std::string &name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Tells what only shapes the answer, such as "seed": the request is served without it.
static std::string dropped(const Json &request) {
  static constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyz_0123456789";
  std::string names;
  int count = 0;
  for (std::size_t index = 0; index < request.names.size() && count < 10; index++) {
    const std::string &name = request.names[index];
    bool is_taken = is_one_of(name, {"model", "messages", "stream", "temperature", "max_tokens", "max_completion_tokens"});
    // These change nothing for the reader, or were looked at in `check`.
    bool is_silent = is_one_of(name, {"stream_options", "user", "metadata", "store", "service_tier", "safety_identifier",
                                      "prompt_cache_key", "tools", "tool_choice", "parallel_tool_calls",
                                      "response_format", "n"});
    // It travels in a header field: whatever is not plain, and too many, are not repeated there.
    bool is_plain = !name.empty() && name.size() <= 40 && name.find_first_not_of(plain) == std::string::npos;
    if (is_taken || is_silent || !is_plain || request.items[index].is(Kind::null)) continue;
    names += (count++ > 0 ? ", " : "") + name;
  }
  if (count == 0) return "";
  return names + (count == 1 ? " was ignored: this server does not take it" : " were ignored: this server does not take them");
}

Translation translate(const Json &request, bool stream) {
  const Json *model = request.member("model", Kind::text);
  if (model == nullptr) throw wrong("\"model\" is missing");
  check(request);
  std::string body = "{\"model\":" + quoted(model->text) + ",\"turns\":" + turns(request);
  body += stream ? ",\"stream\":true" : ",\"stream\":false";
  const Json *max = request.member("max_completion_tokens", Kind::number);
  if (max == nullptr) max = request.member("max_tokens", Kind::number);
  if (max != nullptr) body += ",\"max\":" + max->text;
  if (const Json *temperature = request.member("temperature", Kind::number)) body += ",\"temperature\":" + temperature->text;
  return {body + "}", model->text, dropped(request)};
}

// ------------------------------------------------------------------------------------ the server's answer ----

std::optional<Piece> piece(const Json &value) {
  const Json *says = value.member("says", Kind::text), *why = value.member("why", Kind::text);
  const Json *read = value.member("read"), *wrote = value.member("wrote");
  if (says == nullptr && why == nullptr) return std::nullopt;
  Piece result;
  if (says != nullptr) result.text = says->text;
  if (why != nullptr) result.finish_reason = why->text == "max" ? "length" : "stop";
  if (read != nullptr) result.prompt_tokens = read->count();
  if (wrote != nullptr) result.completion_tokens = wrote->count();
  return result;
}

std::optional<std::string> error(const Json &value) {
  const Json *problem = value.member("problem", Kind::text);
  if (problem == nullptr || problem->text.empty()) return std::nullopt;
  return problem->text;
}

}  // namespace protocol
