import ABIRules
import Core
import PluginAPI

extension Check {
    static let probing: [Check] = [
        Check("probe.healthy", "a server that is well is reported as healthy") { bench in
            let run = try bench.probe()
            let health = try run.health()
            guard health.status == NEXUS_HEALTHY else {
                let hint =
                    bench.subject.plan.script == nil
                    ? "; if the adapter speaks another protocol than OpenAI's or Ollama's, describe the server with --script"
                    : ""
                throw CheckStop.failed("status \(health.status): \"\(health.text)\"\(hint)")
            }
            return "healthy, \(run.log.models.last?.count ?? 0) models"
        },
        Check(
            "probe.returns-at-once", "probe returns at once: within 10 ms, tenfold on a busy machine, at best of five"
        ) {
            bench in
            let backend = try bench.backend()
            var best = UInt64.max
            for _ in 0..<5 {
                let loop = bench.loop()
                let began = Clock.monotonicNanoseconds()
                _ = backend.probe(on: loop)
                best = min(best, Clock.monotonicNanoseconds() - began)
                loop.settle()
            }
            backend.destroy()
            try require(best < 100_000_000, "the fastest of five took \(best / 1_000_000) ms")
            return "\(best / 1000) µs"
        },
        Check("probe.reports-once", "every probe reports health exactly once") { bench in
            for variation in [
                Variation(), Variation(fault: .status(500)), Variation(fault: .refused), Variation(fault: .nonsense),
            ] {
                let run = try bench.probe(variation)
                try require(!run.log.health.isEmpty, "no report from a server \(variation.fault)")
                try require(
                    run.log.health.count == 1, "\(run.log.health.count) reports from a server \(variation.fault)")
            }
            return "once"
        },
        Check("probe.models-first", "models are reported before the health that ends the probe") { bench in
            let run = try bench.probe()
            let health = try run.health()
            guard health.status == NEXUS_HEALTHY else { throw CheckStop.skipped("the probe did not end healthy") }
            try require(!run.log.models.isEmpty, "no models were reported")
            try require(health.modelsBefore > 0, "health came first")
            return "they are"
        },
        Check("probe.models", "models are those of the server: ids unique, not empty, without control characters") {
            bench in
            let run = try bench.probe()
            guard let models = run.log.models.last else { throw CheckStop.skipped("no models were reported") }
            try checkModels(models)
            if let expected = bench.server.models, !run.task.sent.isEmpty {
                let ids = models.map(\.text)
                for id in expected where !ids.contains(id) {
                    throw CheckStop.failed("the model \"\(id)\" is missing among \(ids.prefix(4))")
                }
            }
            return models.prefix(4).map(\.text).joined(separator: ", ")
        },
        Check("probe.many-models", "a list of 10,000 models is reported whole") { bench in
            try require10000(bench)
        },
        Check("probe.report-texts", "messages and versions are UTF-8 within the limits, the latency a number") {
            bench in
            for variation in [Variation(), Variation(fault: .status(500)), Variation(fault: .garbage)] {
                for health in try bench.probe(variation).log.health {
                    try require([1, 2, 3].contains(health.status), "the status \(health.status) is not known")
                    try require(!health.latency.isInfinite, "latency_ms is infinite")
                    for (name, text) in [("message", health.message), ("server", health.server)] {
                        try requireNone(TextRules.problem(text, name, limit: ABILimits.message))
                    }
                }
            }
            return "they are"
        },
        unhealthy("probe.refused-server", "a server that refuses connections", .refused),
        unhealthy("probe.error-server", "a server that answers 500", .status(500)),
        unhealthy("probe.unauthorized", "a server that answers 401", .status(401)),
        unhealthy("probe.garbage-server", "a server that does not speak HTTP", .garbage),
        unhealthy("probe.nonsense-server", "a server whose answer is no JSON", .nonsense),
        unhealthy("probe.half-answer", "a server that closes in the middle of its answer", .closes(500)),
        unhealthy("probe.half-open-server", "a server that never answers", .silent),
        Check("probe.refused-services", "when the host refuses requests, timers and work, a report still comes") {
            bench in
            for refusal in [NEXUS_TOO_LARGE, NEXUS_BAD_STATE] {
                let backend = try bench.backend()
                let loop = bench.loop(refusal: refusal)
                _ = backend.probe(on: loop)
                loop.settle()
                let reports = backend.log.now.health.count
                backend.destroy(after: loop)
                try require(reports > 0, "no health was reported after status \(refusal)")
            }
            return "it does"
        },
        Check("probe.slow-server", "a slow server that answers in time is healthy") { bench in
            let run = try bench.probe(Variation(pieceSize: 200, delay: 20))
            try bench.requireHTTP(run.task)
            let health = try run.health()
            try require(health.status == NEXUS_HEALTHY, "status \(health.status): \"\(health.text)\"")
            return "healthy"
        },
        Check("probe.every-split", "the same is reported however the answer is cut into pieces") { bench in
            let whole = try bench.probe()
            try bench.requireHTTP(whole.task)
            for variation in [1, 2, 3, 7, 64].map({ Variation(pieceSize: $0, scribbles: true) }) {
                let run = try bench.probe(variation)
                let same =
                    run.log.models == whole.log.models && run.log.health.first?.status == whole.log.health.first?.status
                try require(same, "pieces of \(variation.pieceSize ?? 0) bytes: another report")
            }
            return "the same"
        },
        Check("probe.two-at-once", "probes of two instances at the same time both report") { bench in
            let first = try bench.backend(name: "first")
            let second = try bench.backend(name: "second")
            let loop = bench.loop(Variation(pieceSize: 100))
            _ = first.probe(on: loop)
            _ = second.probe(on: loop)
            loop.settle()
            let counts = (first.log.now.health.count, second.log.now.health.count)
            first.destroy(after: loop)
            second.destroy(after: loop)
            try require(counts.0 > 0 && counts.1 > 0, "one of the two reported nothing")
            return "both do"
        },
        Check("probe.cancelled", "a probe that is cancelled at any point does no harm") { bench in
            for turns in 0..<8 {
                let backend = try bench.backend()
                let loop = bench.loop(Variation(pieceSize: 100))
                let task = backend.probe(on: loop)
                loop.run(turns: turns)
                loop.cancel(task)
                loop.settle()
                backend.destroy(after: loop)
            }
            return "at 8 points"
        },
        Check("probe.no-generation", "a probe never asks for generated text") { bench in
            let run = try bench.probe()
            for request in run.task.sent where bench.server.answer(request, Variation()).isGeneration {
                throw CheckStop.failed("it asked \(request.method) \(request.path)")
            }
            return "\(run.task.sent.count) requests"
        },
        Check(
            "probe.process-untouched", "create, probe and destroy change no handler, locale, directory or stream",
            needsOwnProcess: true
        ) {
            bench in
            _ = try bench.subject.image()
            let before = ProcessState.now()
            _ = try bench.probe()
            try requireNone(before.difference(to: ProcessState.now()))
            return "nothing changed"
        },
        Check("probe.no-output", "create, probe and destroy print nothing") { bench in
            _ = try bench.subject.image()
            bench.subject.clearOutput()
            _ = try bench.probe()
            _ = try bench.probe(Variation(fault: .status(500)))
            if let output = bench.subject.printed {
                throw CheckStop.failed("printed \(Answer.excerpt(Array(output.utf8)))")
            }
            return "nothing"
        },
    ]

    private static func unhealthy(_ id: String, _ server: String, _ fault: Fault) -> Check {
        Check(id, "\(server) is reported as unhealthy, with a message that says why") { bench in
            let run = try bench.probe(Variation(fault: fault))
            try bench.requireHTTP(run.task)
            let health = try run.health()
            try require(health.status != NEXUS_HEALTHY, "it is reported as healthy")
            try require(health.text.count >= 8, "the message is only \"\(health.text)\"")
            return "\"\(health.text)\""
        }
    }

    private static func checkModels(_ models: [ReportLog.Model]) throws {
        var seen: Set<String> = []
        for model in models {
            try require(!model.id.isEmpty, "a model's id is empty")
            try require(model.id.count <= ABILimits.id, "the id of a model has \(model.id.count) bytes")
            try require(
                String(validating: model.id, as: UTF8.self) != nil
                    && String(validating: model.name, as: UTF8.self) != nil,
                "an id or name is not UTF-8")
            try require(
                !model.id.contains(where: TextRules.isControl), "the id \"\(model.text)\" has control characters")
            try require(seen.insert(model.text).inserted, "the id \"\(model.text)\" comes twice")
            try require(
                model.context <= 1 << 40 && model.maxOutput <= 1 << 40,
                "\"\(model.text)\" has a context of \(model.context) tokens")
        }
    }

    private static func require10000(_ bench: Bench) throws -> String {
        guard bench.server.listsAnyNumber else { throw CheckStop.skipped("the script lists its own models") }
        let run = try bench.probe(Variation(models: ABILimits.models))
        try bench.requireHTTP(run.task)
        let models = run.log.models.last ?? []
        try require(models.count == ABILimits.models, "\(models.count) models were reported")
        try checkModels(models)
        return "10000 models"
    }
}
