import Core
import PluginAPI

extension Check {
    /// Servers that are well.
    static let exchanging: [Check] = [
        Check("exchange.unary", "each supported kind is answered with one JSON object, which holds the server's text") {
            bench in
            var done: [String] = []
            for kind in try bench.kinds() {
                let task = try bench.exchange(bench.ask(kind.bit, stream: false))
                try requireFinished(task, kind.name)
                let value = try Answer.object(task)
                try requireText(bench, task, Answer.text([value]), kind)
                if kind.bit == NEXUS_KIND_EMBEDDINGS, !task.sent.isEmpty, bench.server.isVariable {
                    try require(value["data"]?.array?.count == 2, "embeddings: not one vector for each of two inputs")
                }
                done.append(kind.name)
            }
            return done.joined(separator: ", ")
        },
        Check("exchange.stream", "a stream is events of JSON in the server's order, then one end mark") { bench in
            var done: [String] = []
            for kind in try bench.kinds() where kind.bit != NEXUS_KIND_EMBEDDINGS {
                let task = try bench.exchange(bench.ask(kind.bit, stream: true))
                try requireFinished(task, kind.name)
                try requireText(bench, task, Answer.text(try Answer.events(task)), kind)
                done.append(kind.name)
            }
            if done.isEmpty { throw CheckStop.skipped("the adapter supports no kind that streams") }
            return done.joined(separator: ", ")
        },
        Check("exchange.content-type", "an answer's type is empty or fits what the client asked for") { bench in
            let kind = try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT
            for (stream, expected) in [(false, "application/json"), (true, "text/event-stream")] {
                let ask = bench.ask(kind, stream: stream)
                if stream != ask.isStream { continue }
                let type = try bench.exchange(ask).contentType
                let isRight = type.isEmpty || type.prefix { $0 != ";" } == expected
                try require(isRight, "\"\(type)\" instead of \(expected)")
            }
            return "it does"
        },
        Check("exchange.unsupported-kind", "a kind that the adapter does not support is refused") { bench in
            let supported = try bench.kinds().map(\.bit)
            let kind = Bench.allKinds.first { !supported.contains($0.bit) }?.bit ?? 1 << 30
            var ask = bench.ask(kind, stream: false)
            if kind == 1 << 30 { ask.body = bench.ask(NEXUS_KIND_CHAT, stream: false).body }
            let task = try bench.exchange(ask)
            let isRefused =
                task.submitStatus == NEXUS_UNSUPPORTED || task.failure?.kind == NEXUS_FAIL_UNSUPPORTED
                || task.failure?.kind == NEXUS_FAIL_REJECTED
            try require(isRefused, "it \(task.outcome) instead of NEXUS_UNSUPPORTED")
            return task.outcome
        },
        Check(
            "exchange.returns-at-once",
            "submit returns at once: within 10 ms, tenfold on a busy machine, at best of five"
        ) { bench in
            let backend = try bench.backend()
            let ask = bench.ask(try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT, stream: true)
            var best = UInt64.max
            for _ in 0..<5 {
                let loop = bench.loop()
                let began = Clock.monotonicNanoseconds()
                _ = backend.submit(ask, on: loop)
                best = min(best, Clock.monotonicNanoseconds() - began)
                loop.settle()
            }
            backend.destroy()
            try require(best < 100_000_000, "the fastest of five took \(best / 1_000_000) ms")
            return "\(best / 1000) µs"
        },
        Check("exchange.begins-first", "begin comes once, with a success, and before the first write and finish") {
            bench in
            try runAll(bench)
            try requireNone(bench.breaches.words(.writeBeforeBegin, .finishBeforeBegin, .beganTwice, .badStatus))
            return "it does"
        },
        Check("exchange.ends-once", "every exchange ends by exactly one finish or fail") { bench in
            for (name, task) in try runAll(bench) {
                try require(
                    task.isFinished || task.failure != nil || task.ender == .refused, "\(name): \(task.outcome)")
            }
            try requireNone(bench.breaches.words(.endedTwice))
            return "it does"
        },
        Check("exchange.nothing-after-end", "nothing is written or started for an exchange that has ended") { bench in
            try runAll(bench)
            try requireNone(bench.breaches.words(.afterEnd))
            return "nothing is"
        },
        Check("exchange.valid-calls", "every call has valid arguments, sizes and handles, from the loop's own thread") {
            bench in
            try runAll(bench)
            _ = try bench.probe()
            try requireNone(bench.breaches.words(.badArgument, .unknownHandle, .wrongThread, .tooMany))
            return "they have"
        },
        Check("exchange.http-requests", "HTTP requests are valid, and leave to the host the fields that are its own") {
            bench in
            let count = try runAll(bench, key: Bench.key).reduce(0) { $0 + $1.task.sent.count }
            _ = try bench.probe(key: Bench.key)
            try requireNone(bench.breaches.words(.badRequest))
            if count == 0 { throw CheckStop.skipped("the adapter made no HTTP request") }
            return "\(count) requests"
        },
        Check("exchange.usage", "the tokens that the server counted are reported") { bench in
            guard let expected = bench.server.usage else { throw CheckStop.skipped("the script tells no usage") }
            for stream in [false, true] {
                let task = try bench.exchange(bench.ask(bench.textKind(), stream: stream))
                try bench.requireHTTP(task)
                let usage = task.usage ?? ScriptedTask.Usage()
                let isRight = usage.prompt == expected.prompt && usage.completion == expected.completion
                try require(
                    isRight,
                    "\(stream ? "stream" : "unary"): \(words(usage.prompt)) and \(words(usage.completion)) "
                        + "instead of \(expected.prompt) and \(expected.completion)")
            }
            return "\(expected.prompt) and \(expected.completion)"
        },
        Check("exchange.usage-unknown", "tokens that the server did not count are unknown, not 0") { bench in
            guard bench.server.isVariable else { throw CheckStop.skipped("the script cannot leave them out") }
            for stream in [false, true] {
                let task = try bench.exchange(
                    bench.ask(bench.textKind(), stream: stream, usage: false), Variation(tellsUsage: false))
                try bench.requireHTTP(task)
                guard let usage = task.usage else { continue }
                try require(
                    usage.prompt == nil && usage.completion == nil,
                    "\(words(usage.prompt)) and \(words(usage.completion))")
            }
            return "unknown"
        },
        Check("exchange.every-split", "the same answer wherever the server's bytes are cut") { bench in
            var splits = 0
            for stream in [false, true] {
                let ask = bench.ask(try bench.textKind(), stream: stream)
                let whole = try bench.exchange(ask)
                try bench.requireHTTP(whole)
                try requireFinished(whole, "whole")
                let length = whole.sent.map { bench.server.answer($0, Variation()).body.count }.max() ?? 0
                let backend = try bench.backend()
                // Every place of a short answer; of a long one as many places as keep the check short.
                let places = stride(from: 1, to: max(2, length), by: max(1, length / 1000))
                for variation in [Variation(pieceSize: 1)] + places.map({ Variation(splitAt: $0) }) {
                    let loop = bench.loop(variation)
                    let task = backend.submit(ask, on: loop)
                    loop.settle()
                    splits += 1
                    guard task.isFinished, task.usage == whole.usage, same(task, whole) else {
                        backend.destroy(after: loop)
                        let place = variation.splitAt.map { "cut at byte \($0)" } ?? "byte by byte"
                        throw CheckStop.failed("\(stream ? "stream" : "unary"), \(place): \(difference(task, whole))")
                    }
                }
                backend.destroy()
            }
            return "\(splits) ways"
        },
        Check("exchange.borrowed-memory", "what was lent for one call is not looked at after it") { bench in
            for stream in [false, true] {
                let ask = bench.ask(try bench.textKind(), stream: stream)
                let plain = try bench.exchange(ask)
                for size in [nil, 5, 50] as [Int?] {
                    let task = try bench.exchange(ask, Variation(pieceSize: size, scribbles: true))
                    try require(
                        task.isFinished == plain.isFinished && same(task, plain),
                        "\(stream ? "stream" : "unary"): \(difference(task, plain))")
                    let asked = zip(task.sent, plain.sent).allSatisfy { $0.path == $1.path && $0.body == $1.body }
                    try require(asked, "the server was asked for something else")
                }
            }
            return "it is not"
        },
        Check("exchange.unknown-flags", "a request with flags of a later version is answered all the same") { bench in
            var ask = bench.ask(try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT, stream: true)
            ask.flags |= 1 << 20 | 1 << 31
            let task = try bench.exchange(ask)
            try requireFinished(task, "with unknown flags")
            return "it is"
        },
        Check(
            "exchange.refused-services", "when the host refuses requests, timers and work, the exchange still ends"
        ) { bench in
            let kind = try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT
            for refusal in [NEXUS_TOO_LARGE, NEXUS_BAD_STATE] {
                let backend = try bench.backend()
                let loop = bench.loop(refusal: refusal)
                let tasks = [false, true].map { backend.submit(bench.ask(kind, stream: $0), on: loop) }
                loop.settle()
                backend.destroy(after: loop)
                for task in tasks where task.ender == .deadline {
                    throw CheckStop.failed("it \(task.outcome) after status \(refusal)")
                }
            }
            return "it does"
        },
        Check("exchange.awkward-requests", "hard requests end once, with a valid answer or a failure") { bench in
            var count = 0
            for kind in try bench.kinds() {
                for (name, ask) in Asks.awkward(kind.bit) {
                    let task = try bench.exchange(ask)
                    try require(task.ender != .deadline, "\(kind.name), \(name): \(task.outcome)")
                    if task.isFinished { _ = try Answer.object(task) }
                    count += 1
                }
            }
            return "\(count) requests"
        },
    ]
}
