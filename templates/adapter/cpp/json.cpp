#include "json.hpp"

const Json *Json::member(std::string_view name) const {
  if (kind != Kind::object) return nullptr;
  for (std::size_t index = names.size(); index-- > 0;) {
    if (names[index] == name) return &items[index];
  }
  return nullptr;
}

const Json *Json::member(std::string_view name, Kind wanted) const {
  const Json *found = member(name);
  return found != nullptr && found->is(wanted) ? found : nullptr;
}

std::optional<std::uint64_t> Json::count() const {
  std::uint64_t result = 0;
  if (kind != Kind::number || text.size() > 18) return std::nullopt;
  for (char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    result = result * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return result;
}

namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool value(Json &to, int depth) {
    skip_space();
    if (rest_.empty()) return false;
    switch (rest_.front()) {
      case 'n': return take("null");
      case 't': return truth(to, "true", true);
      case 'f': return truth(to, "false", false);
      case '"': to.kind = Json::Kind::text; return string(to.text);
      case '[': return depth > 0 && list(to, depth - 1);
      case '{': return depth > 0 && object(to, depth - 1);
      default: return number(to);
    }
  }

  bool is_at_end() {
    skip_space();
    return rest_.empty();
  }

 private:
  std::string_view rest_;

  void skip_space() {
    while (!rest_.empty() && std::string_view(" \t\n\r").find(rest_.front()) != std::string_view::npos) rest_.remove_prefix(1);
  }

  bool take(std::string_view word) {
    if (rest_.substr(0, word.size()) != word) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  bool truth(Json &to, std::string_view word, bool is_true) {
    to.kind = Json::Kind::boolean;
    to.truth = is_true;
    return take(word);
  }

  bool list(Json &to, int depth) {
    to.kind = Json::Kind::list;
    rest_.remove_prefix(1);
    skip_space();
    if (take("]")) return true;
    do {
      to.items.emplace_back();
      if (!value(to.items.back(), depth)) return false;
      skip_space();
    } while (take(","));
    return take("]");
  }

  bool object(Json &to, int depth) {
    to.kind = Json::Kind::object;
    rest_.remove_prefix(1);
    skip_space();
    if (take("}")) return true;
    do {
      to.names.emplace_back();
      to.items.emplace_back();
      skip_space();
      if (!string(to.names.back())) return false;
      skip_space();
      if (!take(":") || !value(to.items.back(), depth)) return false;
      skip_space();
    } while (take(","));
    return take("}");
  }

  bool digits() {
    std::size_t count = 0;
    while (count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9') count++;
    rest_.remove_prefix(count);
    return count > 0;
  }

  bool number(Json &to) {
    std::string_view start = rest_;
    to.kind = Json::Kind::number;
    take("-");
    if (!take("0") && !digits()) return false;
    if (take(".") && !digits()) return false;
    if (take("e") || take("E")) {
      if (!take("+")) take("-");
      if (!digits()) return false;
    }
    to.text = start.substr(0, start.size() - rest_.size());
    return true;
  }

  bool string(std::string &to) {
    if (!take("\"")) return false;
    while (!rest_.empty()) {
      std::size_t end = 0;
      while (end < rest_.size() && rest_[end] != '"' && rest_[end] != '\\' && static_cast<unsigned char>(rest_[end]) >= 0x20) end++;
      to.append(rest_.substr(0, end));
      rest_.remove_prefix(end);
      if (take("\"")) return true;
      if (!take("\\") || !escape(to)) return false;
    }
    return false;
  }

  bool escape(std::string &to) {
    static constexpr std::string_view from = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    if (rest_.empty()) return false;
    char letter = rest_.front();
    rest_.remove_prefix(1);
    std::size_t place = from.find(letter);
    if (place != std::string_view::npos) {
      to += meant[place];
      return true;
    }
    std::uint32_t code = 0, low = 0;
    if (letter != 'u' || !unit(code)) return false;
    if (code >= 0xD800 && code < 0xDC00 && take("\\u")) {
      if (!unit(low) || low < 0xDC00 || low >= 0xE000) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xD800 && code < 0xE000) {
      code = 0xFFFD;  // half of a pair stands for nothing
    }
    encode(to, code);
    return true;
  }

  bool unit(std::uint32_t &to) {
    if (rest_.size() < 4) return false;
    for (char digit : rest_.substr(0, 4)) {
      std::size_t value = std::string_view("0123456789abcdef").find(digit >= 'A' && digit <= 'F' ? static_cast<char>(digit | 0x20) : digit);
      if (value == std::string_view::npos) return false;
      to = to << 4 | static_cast<std::uint32_t>(value);
    }
    rest_.remove_prefix(4);
    return true;
  }

  static void encode(std::string &to, std::uint32_t code) {
    auto add = [&](std::uint32_t byte) { to += static_cast<char>(byte); };
    if (code < 0x80) {
      add(code);
    } else if (code < 0x800) {
      add(0xC0 | code >> 6), add(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      add(0xE0 | code >> 12), add(0x80 | (code >> 6 & 0x3F)), add(0x80 | (code & 0x3F));
    } else {
      add(0xF0 | code >> 18), add(0x80 | (code >> 12 & 0x3F)), add(0x80 | (code >> 6 & 0x3F)), add(0x80 | (code & 0x3F));
    }
  }
};

}  // namespace

std::optional<Json> Json::parse(std::string_view text) {
  Reader reader(text);
  Json value;
  if (!reader.value(value, 128) || !reader.is_at_end()) return std::nullopt;
  return value;
}

std::string quoted(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string result = "\"";
  for (char byte : text) {
    if (byte == '"' || byte == '\\') {
      result += '\\';
      result += byte;
    } else if (static_cast<unsigned char>(byte) < 0x20) {
      result += "\\u00";
      result += digits[byte >> 4 & 15];
      result += digits[byte & 15];
    } else {
      result += byte;
    }
  }
  return result + '"';
}
