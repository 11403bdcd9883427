// Reads a stream of server-sent events that comes in pieces, cut anywhere. It knows all line ends (LF, CR LF, CR), a byte
// order mark at the start, and events with several lines of data. It holds one event, up to a limit.
//
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
#ifndef EVENTS_HPP
#define EVENTS_HPP

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

struct Event {
  std::string text;                 // all of it, up to and with the empty line; lines end with LF
  std::optional<std::string> data;  // nothing for one without, like a comment that only keeps the connection alive
};

class Events {
 public:
  // The event exceeds the limit. The stream cannot be read further.
  struct TooLarge : std::runtime_error {
    TooLarge() : std::runtime_error("the server sent an event that is too large") {}
  };

  explicit Events(std::size_t limit) : limit_(limit) {}

  // Takes bytes up to the end of the next event, and moves `bytes` behind them. Nothing: all were taken, and no event is
  // complete.
  std::optional<Event> next(std::string_view &bytes) {
    while (!bytes.empty()) {
      if (std::exchange(after_return_, false) && bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
      std::size_t end = bytes.find_first_of("\r\n");
      std::string_view line = bytes.substr(0, end);
      bool is_complete = end != std::string_view::npos;
      if (event_.text.size() + line.size() + (is_complete ? 1 : 0) > limit_) throw TooLarge();
      event_.text += line;
      bytes.remove_prefix(line.size());
      if (!is_complete) break;
      after_return_ = bytes.front() == '\r';
      bytes.remove_prefix(1);
      if (auto event = end_line()) return event;
    }
    return std::nullopt;
  }

 private:
  std::size_t limit_;
  Event event_;             // so far; every complete line ends with LF
  std::size_t line_ = 0;    // where in its text the last line begins
  bool after_return_ = false;  // the last byte was CR: if LF comes now, both are one line end
  bool has_begun_ = false;     // the first line of the stream is complete

  std::optional<Event> end_line() {
    if (!std::exchange(has_begun_, true) && event_.text.rfind("\xEF\xBB\xBF", 0) == 0) event_.text.erase(0, 3);
    std::string_view line = std::string_view(event_.text).substr(line_);
    if (line.empty()) {
      if (line_ == 0) return std::nullopt;  // an empty line before the event
      event_.text += '\n';
      line_ = 0;
      return std::exchange(event_, Event());
    }
    // "data" alone is a line of data without a value; one space after the colon does not belong to the value.
    if (line == "data" || line.substr(0, 5) == "data:") {
      std::string_view value = line.size() > 5 ? line.substr(line[5] == ' ' ? 6 : 5) : std::string_view();
      if (event_.data) *event_.data += '\n';
      else event_.data.emplace();
      *event_.data += value;
    }
    event_.text += '\n';
    line_ = event_.text.size();
    return std::nullopt;
  }
};

#endif
