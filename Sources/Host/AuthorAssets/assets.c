/* Written by scripts/assets.py. A text ends with the NUL that `suffix` adds. */
#include "author_assets.h"

static const nexus_author_file files[] = {
    {"Sources/PluginAPI/header.c",
     (const char[]){
#embed "../../../Sources/PluginAPI/header.c" suffix(, 0)
     }},
    {"Sources/PluginAPI/include/nexus_plugin.h",
     (const char[]){
#embed "../../../Sources/PluginAPI/include/nexus_plugin.h" suffix(, 0)
     }},
    {"Sources/PluginAPI/rust/nexus_plugin.rs",
     (const char[]){
#embed "../../../Sources/PluginAPI/rust/nexus_plugin.rs" suffix(, 0)
     }},
    {"Sources/PluginAPI/zig/nexus_plugin.zig",
     (const char[]){
#embed "../../../Sources/PluginAPI/zig/nexus_plugin.zig" suffix(, 0)
     }},
    {"Sources/AdapterKit/ActionContext.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/ActionContext.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/Actions.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/Actions.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/Adapter.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/Adapter.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/AdapterClock.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/AdapterClock.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/BorrowedText.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/BorrowedText.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/EntryPoint.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/EntryPoint.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/ForeignFigures.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/ForeignFigures.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/HTTPDate.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/HTTPDate.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/HTTPHandler.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/HTTPHandler.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/Host.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/Host.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/KeyRing.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/KeyRing.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/Later.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/Later.swift" suffix(, 0)
     }},
    {"Sources/AdapterKit/Reports.swift",
     (const char[]){
#embed "../../../Sources/AdapterKit/Reports.swift" suffix(, 0)
     }},
    {"Sources/EventStream/EventData.swift",
     (const char[]){
#embed "../../../Sources/EventStream/EventData.swift" suffix(, 0)
     }},
    {"Sources/EventStream/EventStreamLine.swift",
     (const char[]){
#embed "../../../Sources/EventStream/EventStreamLine.swift" suffix(, 0)
     }},
    {"Sources/EventStream/EventStreamLines.swift",
     (const char[]){
#embed "../../../Sources/EventStream/EventStreamLines.swift" suffix(, 0)
     }},
    {"Sources/EventStream/EventText.swift",
     (const char[]){
#embed "../../../Sources/EventStream/EventText.swift" suffix(, 0)
     }},
    {"Sources/EventStream/InlineThinking.swift",
     (const char[]){
#embed "../../../Sources/EventStream/InlineThinking.swift" suffix(, 0)
     }},
    {"Sources/EventStream/LineDecoder.swift",
     (const char[]){
#embed "../../../Sources/EventStream/LineDecoder.swift" suffix(, 0)
     }},
    {"Sources/EventStream/SplitCharacters.swift",
     (const char[]){
#embed "../../../Sources/EventStream/SplitCharacters.swift" suffix(, 0)
     }},
    {"Sources/JSON/ErrorMeaning.swift",
     (const char[]){
#embed "../../../Sources/JSON/ErrorMeaning.swift" suffix(, 0)
     }},
    {"Sources/JSON/ErrorMember.swift",
     (const char[]){
#embed "../../../Sources/JSON/ErrorMember.swift" suffix(, 0)
     }},
    {"Sources/JSON/JSONBrackets.swift",
     (const char[]){
#embed "../../../Sources/JSON/JSONBrackets.swift" suffix(, 0)
     }},
    {"Sources/JSON/JSONBytes.swift",
     (const char[]){
#embed "../../../Sources/JSON/JSONBytes.swift" suffix(, 0)
     }},
    {"Sources/JSON/JSONParser.swift",
     (const char[]){
#embed "../../../Sources/JSON/JSONParser.swift" suffix(, 0)
     }},
    {"Sources/JSON/JSONScan.swift",
     (const char[]){
#embed "../../../Sources/JSON/JSONScan.swift" suffix(, 0)
     }},
    {"Sources/JSON/JSONScanMembers.swift",
     (const char[]){
#embed "../../../Sources/JSON/JSONScanMembers.swift" suffix(, 0)
     }},
    {"Sources/JSON/JSONScanSteps.swift",
     (const char[]){
#embed "../../../Sources/JSON/JSONScanSteps.swift" suffix(, 0)
     }},
    {"Sources/JSON/JSONScanStrings.swift",
     (const char[]){
#embed "../../../Sources/JSON/JSONScanStrings.swift" suffix(, 0)
     }},
    {"Sources/JSON/JSONScanValues.swift",
     (const char[]){
#embed "../../../Sources/JSON/JSONScanValues.swift" suffix(, 0)
     }},
    {"Sources/JSON/JSONShortText.swift",
     (const char[]){
#embed "../../../Sources/JSON/JSONShortText.swift" suffix(, 0)
     }},
    {"Sources/JSON/JSONValue.swift",
     (const char[]){
#embed "../../../Sources/JSON/JSONValue.swift" suffix(, 0)
     }},
    {"Sources/JSON/JSONWriter.swift",
     (const char[]){
#embed "../../../Sources/JSON/JSONWriter.swift" suffix(, 0)
     }},
    {"Sources/JSON/MissingPath.swift",
     (const char[]){
#embed "../../../Sources/JSON/MissingPath.swift" suffix(, 0)
     }},
    {"Sources/JSON/ToldError.swift",
     (const char[]){
#embed "../../../Sources/JSON/ToldError.swift" suffix(, 0)
     }},
    {"templates/adapter/c/Makefile",
     (const char[]){
#embed "../../../templates/adapter/c/Makefile" suffix(, 0)
     }},
    {"templates/adapter/c/README.md",
     (const char[]){
#embed "../../../templates/adapter/c/README.md" suffix(, 0)
     }},
    {"templates/adapter/c/adapter.c",
     (const char[]){
#embed "../../../templates/adapter/c/adapter.c" suffix(, 0)
     }},
    {"templates/adapter/c/adapter.h",
     (const char[]){
#embed "../../../templates/adapter/c/adapter.h" suffix(, 0)
     }},
    {"templates/adapter/c/events.h",
     (const char[]){
#embed "../../../templates/adapter/c/events.h" suffix(, 0)
     }},
    {"templates/adapter/c/exchange.c",
     (const char[]){
#embed "../../../templates/adapter/c/exchange.c" suffix(, 0)
     }},
    {"templates/adapter/c/failure.c",
     (const char[]){
#embed "../../../templates/adapter/c/failure.c" suffix(, 0)
     }},
    {"templates/adapter/c/gitignore",
     (const char[]){
#embed "../../../templates/adapter/c/gitignore" suffix(, 0)
     }},
    {"templates/adapter/c/headers.h",
     (const char[]){
#embed "../../../templates/adapter/c/headers.h" suffix(, 0)
     }},
    {"templates/adapter/c/json.c",
     (const char[]){
#embed "../../../templates/adapter/c/json.c" suffix(, 0)
     }},
    {"templates/adapter/c/json.h",
     (const char[]){
#embed "../../../templates/adapter/c/json.h" suffix(, 0)
     }},
    {"templates/adapter/c/probe.c",
     (const char[]){
#embed "../../../templates/adapter/c/probe.c" suffix(, 0)
     }},
    {"templates/adapter/c-custom/README.md",
     (const char[]){
#embed "../../../templates/adapter/c-custom/README.md" suffix(, 0)
     }},
    {"templates/adapter/c-custom/adapter.c",
     (const char[]){
#embed "../../../templates/adapter/c-custom/adapter.c" suffix(, 0)
     }},
    {"templates/adapter/c-custom/adapter.h",
     (const char[]){
#embed "../../../templates/adapter/c-custom/adapter.h" suffix(, 0)
     }},
    {"templates/adapter/c-custom/buffer.h",
     (const char[]){
#embed "../../../templates/adapter/c-custom/buffer.h" suffix(, 0)
     }},
    {"templates/adapter/c-custom/check.json",
     (const char[]){
#embed "../../../templates/adapter/c-custom/check.json" suffix(, 0)
     }},
    {"templates/adapter/c-custom/exchange.c",
     (const char[]){
#embed "../../../templates/adapter/c-custom/exchange.c" suffix(, 0)
     }},
    {"templates/adapter/c-custom/probe.c",
     (const char[]){
#embed "../../../templates/adapter/c-custom/probe.c" suffix(, 0)
     }},
    {"templates/adapter/c-custom/protocol.c",
     (const char[]){
#embed "../../../templates/adapter/c-custom/protocol.c" suffix(, 0)
     }},
    {"templates/adapter/c-custom/protocol.h",
     (const char[]){
#embed "../../../templates/adapter/c-custom/protocol.h" suffix(, 0)
     }},
    {"templates/adapter/cpp/Makefile",
     (const char[]){
#embed "../../../templates/adapter/cpp/Makefile" suffix(, 0)
     }},
    {"templates/adapter/cpp/README.md",
     (const char[]){
#embed "../../../templates/adapter/cpp/README.md" suffix(, 0)
     }},
    {"templates/adapter/cpp/adapter.cpp",
     (const char[]){
#embed "../../../templates/adapter/cpp/adapter.cpp" suffix(, 0)
     }},
    {"templates/adapter/cpp/adapter.hpp",
     (const char[]){
#embed "../../../templates/adapter/cpp/adapter.hpp" suffix(, 0)
     }},
    {"templates/adapter/cpp/events.hpp",
     (const char[]){
#embed "../../../templates/adapter/cpp/events.hpp" suffix(, 0)
     }},
    {"templates/adapter/cpp/exchange.cpp",
     (const char[]){
#embed "../../../templates/adapter/cpp/exchange.cpp" suffix(, 0)
     }},
    {"templates/adapter/cpp/exports.map",
     (const char[]){
#embed "../../../templates/adapter/cpp/exports.map" suffix(, 0)
     }},
    {"templates/adapter/cpp/gitignore",
     (const char[]){
#embed "../../../templates/adapter/cpp/gitignore" suffix(, 0)
     }},
    {"templates/adapter/cpp/json.cpp",
     (const char[]){
#embed "../../../templates/adapter/cpp/json.cpp" suffix(, 0)
     }},
    {"templates/adapter/cpp/json.hpp",
     (const char[]){
#embed "../../../templates/adapter/cpp/json.hpp" suffix(, 0)
     }},
    {"templates/adapter/cpp/nexus.cpp",
     (const char[]){
#embed "../../../templates/adapter/cpp/nexus.cpp" suffix(, 0)
     }},
    {"templates/adapter/cpp/nexus.hpp",
     (const char[]){
#embed "../../../templates/adapter/cpp/nexus.hpp" suffix(, 0)
     }},
    {"templates/adapter/cpp/probe.cpp",
     (const char[]){
#embed "../../../templates/adapter/cpp/probe.cpp" suffix(, 0)
     }},
    {"templates/adapter/cpp-custom/README.md",
     (const char[]){
#embed "../../../templates/adapter/cpp-custom/README.md" suffix(, 0)
     }},
    {"templates/adapter/cpp-custom/adapter.cpp",
     (const char[]){
#embed "../../../templates/adapter/cpp-custom/adapter.cpp" suffix(, 0)
     }},
    {"templates/adapter/cpp-custom/adapter.hpp",
     (const char[]){
#embed "../../../templates/adapter/cpp-custom/adapter.hpp" suffix(, 0)
     }},
    {"templates/adapter/cpp-custom/check.json",
     (const char[]){
#embed "../../../templates/adapter/cpp-custom/check.json" suffix(, 0)
     }},
    {"templates/adapter/cpp-custom/exchange.cpp",
     (const char[]){
#embed "../../../templates/adapter/cpp-custom/exchange.cpp" suffix(, 0)
     }},
    {"templates/adapter/cpp-custom/probe.cpp",
     (const char[]){
#embed "../../../templates/adapter/cpp-custom/probe.cpp" suffix(, 0)
     }},
    {"templates/adapter/cpp-custom/protocol.cpp",
     (const char[]){
#embed "../../../templates/adapter/cpp-custom/protocol.cpp" suffix(, 0)
     }},
    {"templates/adapter/cpp-custom/protocol.hpp",
     (const char[]){
#embed "../../../templates/adapter/cpp-custom/protocol.hpp" suffix(, 0)
     }},
    {"templates/adapter/rust/Cargo.toml",
     (const char[]){
#embed "../../../templates/adapter/rust/Cargo.toml" suffix(, 0)
     }},
    {"templates/adapter/rust/Makefile",
     (const char[]){
#embed "../../../templates/adapter/rust/Makefile" suffix(, 0)
     }},
    {"templates/adapter/rust/README.md",
     (const char[]){
#embed "../../../templates/adapter/rust/README.md" suffix(, 0)
     }},
    {"templates/adapter/rust/events.rs",
     (const char[]){
#embed "../../../templates/adapter/rust/events.rs" suffix(, 0)
     }},
    {"templates/adapter/rust/exchange.rs",
     (const char[]){
#embed "../../../templates/adapter/rust/exchange.rs" suffix(, 0)
     }},
    {"templates/adapter/rust/failure.rs",
     (const char[]){
#embed "../../../templates/adapter/rust/failure.rs" suffix(, 0)
     }},
    {"templates/adapter/rust/gitignore",
     (const char[]){
#embed "../../../templates/adapter/rust/gitignore" suffix(, 0)
     }},
    {"templates/adapter/rust/headers.rs",
     (const char[]){
#embed "../../../templates/adapter/rust/headers.rs" suffix(, 0)
     }},
    {"templates/adapter/rust/json.rs",
     (const char[]){
#embed "../../../templates/adapter/rust/json.rs" suffix(, 0)
     }},
    {"templates/adapter/rust/lib.rs",
     (const char[]){
#embed "../../../templates/adapter/rust/lib.rs" suffix(, 0)
     }},
    {"templates/adapter/rust/probe.rs",
     (const char[]){
#embed "../../../templates/adapter/rust/probe.rs" suffix(, 0)
     }},
    {"templates/adapter/rust-custom/README.md",
     (const char[]){
#embed "../../../templates/adapter/rust-custom/README.md" suffix(, 0)
     }},
    {"templates/adapter/rust-custom/check.json",
     (const char[]){
#embed "../../../templates/adapter/rust-custom/check.json" suffix(, 0)
     }},
    {"templates/adapter/rust-custom/exchange.rs",
     (const char[]){
#embed "../../../templates/adapter/rust-custom/exchange.rs" suffix(, 0)
     }},
    {"templates/adapter/rust-custom/lib.rs",
     (const char[]){
#embed "../../../templates/adapter/rust-custom/lib.rs" suffix(, 0)
     }},
    {"templates/adapter/rust-custom/probe.rs",
     (const char[]){
#embed "../../../templates/adapter/rust-custom/probe.rs" suffix(, 0)
     }},
    {"templates/adapter/rust-custom/protocol.rs",
     (const char[]){
#embed "../../../templates/adapter/rust-custom/protocol.rs" suffix(, 0)
     }},
    {"templates/adapter/rust-custom/quoted.rs",
     (const char[]){
#embed "../../../templates/adapter/rust-custom/quoted.rs" suffix(, 0)
     }},
    {"templates/adapter/swift/Answer.swift",
     (const char[]){
#embed "../../../templates/adapter/swift/Answer.swift" suffix(, 0)
     }},
    {"templates/adapter/swift/Backend.swift",
     (const char[]){
#embed "../../../templates/adapter/swift/Backend.swift" suffix(, 0)
     }},
    {"templates/adapter/swift/Entry.swift",
     (const char[]){
#embed "../../../templates/adapter/swift/Entry.swift" suffix(, 0)
     }},
    {"templates/adapter/swift/Makefile",
     (const char[]){
#embed "../../../templates/adapter/swift/Makefile" suffix(, 0)
     }},
    {"templates/adapter/swift/Options.swift",
     (const char[]){
#embed "../../../templates/adapter/swift/Options.swift" suffix(, 0)
     }},
    {"templates/adapter/swift/Package.swift",
     (const char[]){
#embed "../../../templates/adapter/swift/Package.swift" suffix(, 0)
     }},
    {"templates/adapter/swift/Probe.swift",
     (const char[]){
#embed "../../../templates/adapter/swift/Probe.swift" suffix(, 0)
     }},
    {"templates/adapter/swift/README.md",
     (const char[]){
#embed "../../../templates/adapter/swift/README.md" suffix(, 0)
     }},
    {"templates/adapter/swift/ServerError.swift",
     (const char[]){
#embed "../../../templates/adapter/swift/ServerError.swift" suffix(, 0)
     }},
    {"templates/adapter/swift/exports.map",
     (const char[]){
#embed "../../../templates/adapter/swift/exports.map" suffix(, 0)
     }},
    {"templates/adapter/swift/gitignore",
     (const char[]){
#embed "../../../templates/adapter/swift/gitignore" suffix(, 0)
     }},
    {"templates/adapter/swift-custom/Answer.swift",
     (const char[]){
#embed "../../../templates/adapter/swift-custom/Answer.swift" suffix(, 0)
     }},
    {"templates/adapter/swift-custom/Backend.swift",
     (const char[]){
#embed "../../../templates/adapter/swift-custom/Backend.swift" suffix(, 0)
     }},
    {"templates/adapter/swift-custom/Options.swift",
     (const char[]){
#embed "../../../templates/adapter/swift-custom/Options.swift" suffix(, 0)
     }},
    {"templates/adapter/swift-custom/Probe.swift",
     (const char[]){
#embed "../../../templates/adapter/swift-custom/Probe.swift" suffix(, 0)
     }},
    {"templates/adapter/swift-custom/Protocol.swift",
     (const char[]){
#embed "../../../templates/adapter/swift-custom/Protocol.swift" suffix(, 0)
     }},
    {"templates/adapter/swift-custom/README.md",
     (const char[]){
#embed "../../../templates/adapter/swift-custom/README.md" suffix(, 0)
     }},
    {"templates/adapter/swift-custom/check.json",
     (const char[]){
#embed "../../../templates/adapter/swift-custom/check.json" suffix(, 0)
     }},
    {"templates/adapter/zig/Makefile",
     (const char[]){
#embed "../../../templates/adapter/zig/Makefile" suffix(, 0)
     }},
    {"templates/adapter/zig/README.md",
     (const char[]){
#embed "../../../templates/adapter/zig/README.md" suffix(, 0)
     }},
    {"templates/adapter/zig/adapter.zig",
     (const char[]){
#embed "../../../templates/adapter/zig/adapter.zig" suffix(, 0)
     }},
    {"templates/adapter/zig/buffer.zig",
     (const char[]){
#embed "../../../templates/adapter/zig/buffer.zig" suffix(, 0)
     }},
    {"templates/adapter/zig/events.zig",
     (const char[]){
#embed "../../../templates/adapter/zig/events.zig" suffix(, 0)
     }},
    {"templates/adapter/zig/exchange.zig",
     (const char[]){
#embed "../../../templates/adapter/zig/exchange.zig" suffix(, 0)
     }},
    {"templates/adapter/zig/gitignore",
     (const char[]){
#embed "../../../templates/adapter/zig/gitignore" suffix(, 0)
     }},
    {"templates/adapter/zig/headers.zig",
     (const char[]){
#embed "../../../templates/adapter/zig/headers.zig" suffix(, 0)
     }},
    {"templates/adapter/zig/json.zig",
     (const char[]){
#embed "../../../templates/adapter/zig/json.zig" suffix(, 0)
     }},
    {"templates/adapter/zig/probe.zig",
     (const char[]){
#embed "../../../templates/adapter/zig/probe.zig" suffix(, 0)
     }},
    {"templates/adapter/zig-custom/README.md",
     (const char[]){
#embed "../../../templates/adapter/zig-custom/README.md" suffix(, 0)
     }},
    {"templates/adapter/zig-custom/adapter.zig",
     (const char[]){
#embed "../../../templates/adapter/zig-custom/adapter.zig" suffix(, 0)
     }},
    {"templates/adapter/zig-custom/check.json",
     (const char[]){
#embed "../../../templates/adapter/zig-custom/check.json" suffix(, 0)
     }},
    {"templates/adapter/zig-custom/exchange.zig",
     (const char[]){
#embed "../../../templates/adapter/zig-custom/exchange.zig" suffix(, 0)
     }},
    {"templates/adapter/zig-custom/probe.zig",
     (const char[]){
#embed "../../../templates/adapter/zig-custom/probe.zig" suffix(, 0)
     }},
    {"templates/adapter/zig-custom/protocol.zig",
     (const char[]){
#embed "../../../templates/adapter/zig-custom/protocol.zig" suffix(, 0)
     }},
};

size_t nexus_author_file_count(void) { return sizeof files / sizeof *files; }
nexus_author_file nexus_author_file_at(size_t index) { return files[index]; }
