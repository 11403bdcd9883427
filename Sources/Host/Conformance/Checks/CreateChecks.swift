import ABIRules
import AdapterHost
import JSON
import PluginAPI
import Shims

extension Check {
    static let creating: [Check] = [
        Check("create.instance", "makes an instance from the URL and the options given", isEssential: true) { bench in
            let backend = try bench.backend()
            backend.destroy()
            return "at \(try bench.url())"
        },
        Check("create.bad-url", "a URL that is none is refused with a message, or taken without harm") { bench in
            var seen: [String] = []
            for url in ["", "http://", "no url", "ftp://host", "http://host:99999", "http://" + long(100_000)] {
                seen.append(try refusal(bench, url: url))
            }
            return summary(seen)
        },
        Check("create.missing-option", "each required option that is missing is refused, and the message names it") {
            bench in
            let schema = try requireSchema(bench)
            let names = schema["required"]?.array?.compactMap(\.string) ?? []
            if names.isEmpty { throw CheckStop.skipped("no option is required") }
            var options = (try? JSONValue.parse(bench.subject.plan.options))?.object ?? JSONObject()
            for name in names {
                let kept = options[name]
                options[name] = nil
                try requireRefusal(bench, options, naming: name)
                options[name] = kept
            }
            return names.joined(separator: ", ")
        },
        Check("create.wrong-type", "an option of a wrong type is refused, and the message names it") { bench in
            let schema = try requireSchema(bench)
            let given = (try? JSONValue.parse(bench.subject.plan.options))?.object ?? JSONObject()
            var tried = 0
            for (name, property) in schema["properties"]?.object?.members ?? [] {
                guard let wrong = wrongValue(property) else { continue }
                var options = given
                options[name] = wrong
                try requireRefusal(bench, options, naming: name)
                tried += 1
            }
            if tried == 0 { throw CheckStop.skipped("no option has a type") }
            return "\(tried) options"
        },
        Check("create.unknown-option", "an option that is not known is refused, and the message names it") { bench in
            var options = (try? JSONValue.parse(bench.subject.plan.options))?.object ?? JSONObject()
            options["zz_unknown"] = 1
            let schema = try bench.subject.image().optionsSchema
            if !schema.isEmpty, try requireSchema(bench)["additionalProperties"]?.object != nil {
                throw CheckStop.skipped("the schema allows any option")
            }
            try requireRefusal(bench, options, naming: schema.isEmpty ? "" : "zz_unknown")
            return "refused"
        },
        Check("create.refusal-is-clean", "what create refuses has a negative status, a message and no instance") {
            bench in
            var seen: [String] = []
            for options in ["", "{", "[]", "null", "{\"zz_unknown\":1}", "{\"a\":\"\\ud800\"}"] {
                seen.append(try refusal(bench, options: options))
            }
            return summary(seen)
        },
        Check("create.message-room", "a message stays within the room it is given") { bench in
            let bound = try bench.boundLog()
            let name = "zz_" + long(2000)
            for capacity in [256, 1024] {
                for (url, options) in [("no url " + name, "{}"), (try bench.url(), "{\"\(name)\":1}"), ("", "{")] {
                    let made = try bench.create(bound, url: url, options: options, capacity: capacity)
                    try bench.destroy(made)
                    try require(!made.overran, "bytes were written behind the \(capacity) that were given")
                    try require(made.length <= capacity, "length was set to \(made.length) of \(capacity)")
                }
            }
            return "it does"
        },
        Check("create.no-memory-leak", "100 times create and destroy keep no memory", needsOwnProcess: true) { bench in
            let bound = try bench.boundLog()
            let grown = try Leaks.memory(times: 100) { try bench.backend(bound).destroy() }
            try require(grown < 100 * 32, "\(grown) bytes more in use, \(grown / 100) each time")
            return "\(max(0, grown)) bytes"
        },
        Check("create.no-descriptor-leak", "100 times create and destroy leave no file open") { bench in
            let bound = try bench.boundLog()
            try bench.backend(bound).destroy()
            let more = try Leaks.descriptors { for _ in 0..<100 { try bench.backend(bound).destroy() } }
            try require(more <= 0, "\(more) more files open")
            return "none"
        },
        Check("create.no-thread-leak", "100 times create and destroy leave no thread") { bench in
            let bound = try bench.boundLog()
            try bench.backend(bound).destroy()
            let before = ProcessState.threadCount
            for _ in 0..<100 { try bench.backend(bound).destroy() }
            let more = ProcessState.threadCount(expecting: before) - before
            try require(more <= 0, "\(more) more threads; destroy must join them")
            return "none"
        },
        Check("create.two-instances", "two instances are independent: each reports through its own callbacks") {
            bench in
            let first = try bench.backend(name: "first")
            let second = try bench.backend(name: "second")
            let loop = bench.loop()
            _ = first.probe(on: loop)
            loop.settle()
            let isMixed = !second.log.now.health.isEmpty || !second.log.now.models.isEmpty
            let firstReports = first.log.now.health.count
            first.destroy(after: loop)
            let other = bench.loop()
            _ = second.probe(on: other)
            other.settle()
            let secondReports = second.log.now.health.count
            second.destroy(after: other)
            try require(!isMixed, "a probe of the first reported for the second")
            try require(firstReports > 0, "the first one's probe reported nothing")
            try require(secondReports > 0, "the second reported nothing once the first was destroyed")
            return "they are"
        },
        Check("create.destroy-is-quiet", "nothing is called back once destroy has begun") { bench in
            let backend = try bench.backend()
            let loop = bench.loop()
            _ = backend.probe(on: loop)
            loop.settle()
            for kind in try bench.kinds() { _ = backend.submit(bench.ask(kind.bit, stream: true), on: loop) }
            loop.settle()
            backend.destroy(after: loop)
            // A thread that outlives its instance shows itself here.
            if ProcessState.threadCount > bench.subject.ownThreads { _ = loop.inbox.wait(milliseconds: 100) }
            loop.settle()
            try requireNone(bench.breaches.words(.lateCallback))
            return "nothing was"
        },
    ]

    // MARK: Helpers

    private static func long(_ count: Int) -> String { String(repeating: "x", count: count) }

    private static func requireSchema(_ bench: Bench) throws -> JSONValue {
        let schema = try bench.subject.image().optionsSchema
        if schema.isEmpty { throw CheckStop.skipped("the adapter takes no options") }
        guard let value = try? JSONValue.parse(schema) else { throw CheckStop.skipped("the schema is not JSON") }
        return value
    }

    private static func summary(_ seen: [String]) -> String {
        let refused = seen.count { $0 == "refused" }
        return "\(refused) of \(seen.count) were refused by create; the gateway's own checks come before it"
    }

    /// What create does with it; throws when a refusal is not as the header says.
    private static func refusal(_ bench: Bench, url: String? = nil, options: String? = nil) throws -> String {
        let bound = try bench.boundLog()
        let made = try bench.create(bound, url: url, options: options)
        let what = (url.map { "the URL \(Answer.excerpt(Array($0.utf8)))" } ?? "the options \(options ?? "")")
        if made.status == NEXUS_OK {
            guard let instance = made.instance else {
                throw CheckStop.failed("\(what): success was told without an instance")
            }
            try bench.subject.image().functions.destroy(instance)
            return "taken"
        }
        try require(made.status < 0, "\(what): the status \(made.status) is neither NEXUS_OK nor negative")
        try require(made.instance == nil, "\(what): refused, but *instance was set")
        try require(!made.message.isEmpty, "\(what): refused with status \(made.status) without a message")
        return "refused"
    }

    /// The host, which checks options against the schema first, or create itself refuses these options.
    private static func requireRefusal(_ bench: Bench, _ options: JSONObject, naming name: String) throws {
        let text = String(decoding: JSONValue.object(options).bytes, as: UTF8.self)
        let schema = try bench.subject.image().optionsSchema
        if let problem = OptionsSchema.problem(options: text, schema: schema) {
            return try require(problem.contains(name), "\(name): the schema refuses it with \"\(problem)\"")
        }
        let bound = try bench.boundLog()
        let made = try bench.create(bound, options: text)
        try bench.destroy(made)
        try require(made.status != NEXUS_OK, "\(text) was taken by the schema and by create")
        try require(made.message.contains(name), "\(text): the message \"\(made.message)\" does not name \(name)")
    }

    /// A value of none of the types that a property may have.
    private static func wrongValue(_ property: JSONValue) -> JSONValue? {
        guard let type = property["type"] else { return nil }
        let types = (type.array ?? [type]).compactMap(\.string)
        let values: [(String, JSONValue)] = [
            ("object", ["zz": 1]), ("array", [[1]]), ("string", "zz"), ("boolean", true),
        ]
        return values.first { !types.contains($0.0) }?.1
    }
}

/// Growth of what is in use, after a warm-up.
enum Leaks {
    /// Bytes that malloc has given out more after `times` calls. Single growths, such as of a cache, are in the warm-up.
    /// - Parameter settle: called before each measurement.
    static func memory(times: Int, settle: () throws -> Void = {}, _ body: () throws -> Void) rethrows -> Int {
        for _ in 0..<max(20, times / 2) { try body() }
        try settle()
        // What grows once, as a table that doubles, or is freed once, shows in one of three rounds only.
        var growths: [Int] = []
        for _ in 0..<3 {
            let before = nexus_heap_in_use()
            for _ in 0..<times { try body() }
            try settle()
            growths.append(Int(nexus_heap_in_use()) - Int(before))
        }
        return growths.sorted()[1]
    }

    /// Files that are open more after a round of what may leak: of three rounds the one with the fewest. What is opened once, as
    /// by the system's own libraries, is no leak.
    static func descriptors(_ round: () throws -> Void) rethrows -> Int {
        var least = Int.max
        for _ in 0..<3 where least > 0 {
            let before = ProcessState.descriptorCount
            try round()
            least = min(least, ProcessState.descriptorCount - before)
        }
        return least
    }
}
