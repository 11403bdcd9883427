import ABIRules
import JSON
import PluginAPI

extension Check {
    /// Servers that fail.
    static let failing: [Check] = [
        status("exchange.status-400", 400, [NEXUS_FAIL_REJECTED]),
        status("exchange.status-401", 401, [NEXUS_FAIL_AUTH]),
        status("exchange.status-403", 403, [NEXUS_FAIL_AUTH, NEXUS_FAIL_REJECTED, NEXUS_FAIL_UNSUPPORTED]),
        status("exchange.status-404", 404, [NEXUS_FAIL_REJECTED, NEXUS_FAIL_UNSUPPORTED]),
        status("exchange.status-429", 429, [NEXUS_FAIL_BUSY]),
        status("exchange.status-500", 500, [NEXUS_FAIL_UPSTREAM]),
        status("exchange.status-503", 503, [NEXUS_FAIL_BUSY, NEXUS_FAIL_UPSTREAM]),
        Check("exchange.retry-after", "a 429 with retry-after: 7 is told with 7000 ms") { bench in
            let task = try failed(bench, .status(429, retryAfter: 7), stream: false)
            let told = task.failure?.retryAfter ?? 0
            try require(told == 7000, "retry_after_ms is \(told)")
            return "7000 ms"
        },
        fault("exchange.refused-server", "a server that refuses connections", .refused, [NEXUS_FAIL_CONNECT]),
        fault("exchange.silent-server", "a server that never answers", .silent, [NEXUS_FAIL_TIMEOUT]),
        fault("exchange.garbage-server", "a server that does not speak HTTP", .garbage, [NEXUS_FAIL_UPSTREAM]),
        fault("exchange.nonsense-server", "a success that is no answer", .nonsense, [NEXUS_FAIL_UPSTREAM]),
        Check("exchange.closed-early", "an answer that breaks off anywhere is a failure (UPSTREAM), never a finish") {
            bench in
            "\(try requireFailures(bench, "closed after") { .closesAfter($0) }) places"
        },
        Check("exchange.ended-early", "an answer that ends cleanly but too early is a failure (UPSTREAM)") { bench in
            "\(try requireFailures(bench, "ended after") { .endsAfter($0) }) places"
        },
        Check("exchange.error-inside", "an error inside a stream is a failure, and no end mark is written") { bench in
            guard bench.server.isVariable else { throw CheckStop.skipped("the script has no error inside a stream") }
            let ask = bench.ask(try bench.textKind(), stream: true)
            let task = try bench.exchange(ask, Variation(fault: .errorInside))
            try bench.requireHTTP(task)
            try require(task.failure != nil, "it \(task.outcome)")
            try require(!task.text.contains("[DONE]"), "an end mark was written")
            return task.outcome
        },
        Check(
            "exchange.failure-texts",
            "failures have a message, UTF-8 within the limit, and a body that is JSON or empty"
        ) {
            bench in
            for fault in [
                .status(400), .status(401), .status(429), .status(500), .refused, .silent, .garbage, .nonsense,
                .closes(500),
            ] as [Fault] {
                let task = try failed(bench, fault, stream: true)
                guard let failure = task.failure else { continue }
                try require(failure.text.count >= 4, "server \(fault): the message is \"\(failure.text)\"")
                try requireNone(
                    TextRules.problem(failure.message, "server \(fault): the message", limit: ABILimits.message))
                if !failure.body.isEmpty {
                    let isJSON = (try? JSONValue.parse(failure.body)) != nil
                    try require(isJSON, "server \(fault): body is not JSON: \(Answer.excerpt(failure.body))")
                }
            }
            return "they have"
        },
        Check("exchange.key-stays-secret", "the API key is in no message, report, line of the log or answer") { bench in
            let key = Bench.key
            for variation in [Variation(fault: .tellsKey), Variation(fault: .status(500)), Variation()] {
                let backend = try bench.backend(key: key)
                let loop = bench.loop(variation)
                let kind = try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT
                let tasks = [false, true].map { backend.submit(bench.ask(kind, stream: $0), on: loop) }
                loop.settle()
                _ = backend.probe(on: loop)
                loop.settle()
                let log = backend.log.now
                backend.destroy(after: loop)
                var texts = log.health.flatMap { [$0.message, $0.server] } + log.lines
                texts += tasks.flatMap { [$0.failure?.message ?? [], $0.failure?.body ?? [], $0.written] }
                let headers = tasks.flatMap { $0.headers + ($0.failure?.headers ?? []) }
                texts += headers.flatMap { [Array($0.name.utf8), Array($0.value.utf8)] }
                for text in texts where String(decoding: text, as: UTF8.self).contains(key) {
                    throw CheckStop.failed("it is in \(Answer.excerpt(text))")
                }
            }
            let bound = try bench.boundLog()
            let refused = try bench.create(bound, url: "no url", options: "{\"zz_unknown\":1}", key: key)
            try bench.destroy(refused)
            try require(!refused.message.contains(key), "it is in the message of create")
            return "nowhere"
        },
    ]

    /// Cuts a whole answer and a stream at many places; gives their number.
    private static func requireFailures(_ bench: Bench, _ words: String, _ fault: (Int) -> Fault) throws -> Int {
        var cuts = 0
        for stream in [false, true] {
            let ask = bench.ask(try bench.textKind(), stream: stream)
            let whole = try bench.exchange(ask)
            try bench.requireHTTP(whole)
            let body = whole.sent.map { bench.server.answer($0, Variation()).body }.last ?? []
            // Of a stream more is missing than a line end, the end mark or the counts: some of the text.
            let ends = body.count - (stream ? 400 : 1)
            for cut in stride(from: 0, to: max(1, ends), by: max(1, ends / 40)) {
                let task = try bench.exchange(ask, Variation(fault: fault(cut), onGenerationOnly: true))
                try require(
                    task.failure?.kind == NEXUS_FAIL_UPSTREAM,
                    "\(stream ? "stream" : "unary") \(words) \(cut) of \(body.count) bytes: it \(task.outcome)")
                cuts += 1
            }
        }
        return cuts
    }

    private static func failed(_ bench: Bench, _ fault: Fault, stream: Bool) throws -> ScriptedTask {
        let ask = bench.ask(try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT, stream: stream)
        let task = try bench.exchange(ask, Variation(fault: fault))
        try bench.requireHTTP(task)
        return task
    }

    private static func status(_ id: String, _ status: UInt32, _ kinds: [UInt32]) -> Check {
        let names = kinds.map(FailureKind.name).joined(separator: " or ")
        return Check(id, "a server's \(status) is a failure of kind \(names) that tells the status") { bench in
            for stream in [false, true] {
                let task = try failed(bench, .status(status), stream: stream)
                guard let failure = task.failure else { throw CheckStop.failed("it \(task.outcome)") }
                try require(kinds.contains(failure.kind), "it \(task.outcome)")
                try require(failure.status == status, "status is told as \(failure.status)")
            }
            return names
        }
    }

    private static func fault(_ id: String, _ server: String, _ fault: Fault, _ kinds: [UInt32]) -> Check {
        let names = kinds.map(FailureKind.name).joined(separator: " or ")
        return Check(id, "\(server) is a failure of kind \(names)") { bench in
            for stream in [false, true] {
                let task = try failed(bench, fault, stream: stream)
                guard let failure = task.failure else { throw CheckStop.failed("it \(task.outcome)") }
                try require(kinds.contains(failure.kind), "it \(task.outcome)")
            }
            return names
        }
    }
}
