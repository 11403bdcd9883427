import ABIRules
import PluginAPI

extension Check {
    /// What passes between a client and a server beside the bodies, and what an older host does not tell.
    static let passing: [Check] = [
        Check(
            "exchange.client-headers",
            "a client's headers change no answer; those that are passed on go out once, as they came"
        ) { bench in
            var passed: Set<String> = []
            for stream in [false, true] {
                var ask = bench.ask(try bench.textKind(), stream: stream)
                let plain = try bench.exchange(ask)
                ask.headers = clientHeaders
                let task = try bench.exchange(ask)
                try require(
                    task.isFinished == plain.isFinished && same(task, plain),
                    "\(stream ? "stream" : "unary"): \(difference(task, plain))")
                for field in clientHeaders {
                    for request in task.sent {
                        let values = request.headers.filter { $0.name == field.name }.map(\.value)
                        try require(values.count < 2, "\(field.name) was sent \(values.count) times")
                        if values == [field.value] { passed.insert(field.name) }
                    }
                }
            }
            return passed.isEmpty ? "none is passed on" : passed.sorted().joined(separator: ", ")
        },
        Check("exchange.server-headers", "headers given to the client are the server's, with the values it sent") {
            bench in
            var given: Set<String> = []
            for fault in [Fault.none, .status(429)] {
                for stream in [false, true] {
                    let ask = bench.ask(try bench.textKind(), stream: stream)
                    let task = try bench.exchange(ask, Variation(fault: fault, headers: serverHeaders))
                    try bench.requireHTTP(task)
                    for field in task.headers + (task.failure?.headers ?? []) {
                        let name = field.name.replacing("x-nexus-upstream-request-id", with: "x-request-id")
                        try require(
                            serverHeaders.contains { $0.name == name && $0.value == field.value },
                            "\(name): \(field.value) is not the server's")
                        given.insert(name)
                    }
                }
            }
            if given.isEmpty { throw CheckStop.skipped("the adapter gives none") }
            return given.sorted().joined(separator: ", ")
        },
        Check(
            "exchange.told-times", "a request is answered whatever deadline and times are told: none, tiny, or huge"
        ) { bench in
            var count = 0
            for deadline in [0, 1, 1 << 40] as [UInt64] {
                for time in [0, 1, UInt64.max] {
                    for stream in [false, true] {
                        var ask = bench.ask(try bench.textKind(), stream: stream)
                        ask.deadline = deadline
                        let times = Arrival.Times(connected: time, firstByte: time)
                        let task = try bench.exchange(ask, Variation(times: times))
                        try requireFinished(task, "with a deadline of \(deadline) ms and times of \(time) µs")
                        count += 1
                    }
                }
            }
            return "\(count) requests"
        },
        Check("exchange.older-host", "of a host of ABI 1.0 nothing is read that came later") { bench in
            for stream in [false, true] {
                let ask = bench.ask(try bench.textKind(), stream: stream)
                let plain = try bench.exchange(ask)
                for fault in [Fault.none, .status(429), .refused] {
                    let task = try bench.exchange(ask, Variation(fault: fault, onGenerationOnly: true), older: .yes)
                    let words = "\(stream ? "stream" : "unary"), server \(fault)"
                    if fault == .none {
                        try require(
                            task.isFinished == plain.isFinished && same(task, plain),
                            "\(words): \(difference(task, plain))")
                    } else if !task.sent.isEmpty {
                        try require(task.failure != nil, "\(words): it \(task.outcome)")
                    }
                }
            }
            return "nothing is"
        },
    ]

    private static let clientHeaders = [
        ("anthropic-beta", "check-2026-01-01"), ("anthropic-version", "2023-01-01"),
        ("openai-organization", "org-check"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("user-agent", "check/1.0"),
    ].map { PassedField(name: $0.0, value: $0.1) }

    private static let serverHeaders = [
        (name: "retry-after", value: "7"), (name: "retry-after-ms", value: "7250"),
        (name: "x-ratelimit-remaining-requests", value: "0"), (name: "x-request-id", value: "req_check"),
        (name: "anthropic-ratelimit-requests-limit", value: "50"), (name: "x-should-retry", value: "true"),
        (name: "set-cookie", value: "check=1"),
    ]
}
