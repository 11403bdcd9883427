// A small JSON reader (RFC 8259). It takes nothing that is no JSON, and nothing deeper than it can read.
#ifndef JSON_HPP
#define JSON_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct Json {
  enum class Kind { null, boolean, number, text, list, object };

  Kind kind = Kind::null;
  bool truth = false;
  std::string text;                // a text decoded; a number as it is written, so that no digit is lost
  std::vector<std::string> names;  // of an object's members, whose values are the items
  std::vector<Json> items;

  bool is(Kind other) const { return kind == other; }

  // The member of an object; of two with one name the last counts. Null if there is none.
  const Json *member(std::string_view name) const;

  // The member of that name and kind.
  const Json *member(std::string_view name, Kind kind) const;

  // A whole number that is not negative.
  std::optional<std::uint64_t> count() const;

  // Nothing: it is no JSON, or deeper than 128 levels.
  static std::optional<Json> parse(std::string_view text);
};

// Text as a JSON string.
std::string quoted(std::string_view text);

#endif
