import AdapterHost
import JSON
import PluginAPI

extension Check {
    /// Actions that are run. The scripted server takes what they do, also that of the destructive ones.
    static let runningActions: [Check] = [
        Check("actions.run", "every action that is run returns: NEXUS_OK, or a negative status after an error") {
            bench in
            let runs = try runActions(bench).runs
            for run in runs {
                let status = run.content.status ?? 0
                try require(status <= 0, "\(run.name): it returned \(status), which is no status")
                if !run.isSuccess, !run.content.isCancelled { try requireReason(run, "") }
            }
            return runs.map { run in
                let word = run.isSuccess ? "ok" : run.content.isCancelled ? "cancelled" : "failed"
                return "\(run.name) \(word)"
            }.joined(separator: ", ")
        },
        Check("actions.result", "an action with \"-> json\" that returns NEXUS_OK has given a result that is JSON") {
            bench in
            let runs = try runActions(bench).runs.filter(\.givesResult)
            if runs.isEmpty { throw CheckStop.skipped("no action gives a result") }
            for run in runs where run.isSuccess {
                try require(run.content.result != nil, "\(run.name): it gave none")
            }
            return "\(runs.count { $0.isSuccess }) results"
        },
        Check("actions.progress", "progress does not fall or exceed its total; messages are UTF-8 within the limit") {
            bench in
            var count = 0
            for run in try runActions(bench, Variation(pieceSize: 5, scribbles: true)).runs {
                var before: ScriptedAction.Progress?
                for progress in run.content.progress {
                    let isAnother = before?.total != progress.total || before?.message != progress.message
                    let least = isAnother ? 0 : before?.done ?? 0
                    try require(
                        progress.done >= least,
                        "\(run.name): \"\(progress.text)\" falls from \(least) to \(progress.done)")
                    try require(
                        progress.total == 0 || progress.done <= progress.total,
                        "\(run.name): \"\(progress.text)\" has done \(progress.done) of \(progress.total)")
                    try requireText(progress.message, "\(run.name): a message")
                    before = progress
                    count += 1
                }
            }
            if count == 0 { throw CheckStop.skipped("no action tells its progress") }
            return "told \(count) times"
        },
        Check("actions.valid-calls", "an action's calls have valid arguments, and http comes from its own thread") {
            bench in
            for variation in [Variation(), Variation(fault: .status(500)), Variation(fault: .refused)] {
                let breaches = try runActions(bench, variation, key: Bench.key).breaches
                try requireNone(breaches.words(.badArgument, .badRequest, .wrongThread))
            }
            return "they have"
        },
        Check(
            "actions.cancel",
            "a cancelled action returns soon, and does not succeed if one of its HTTP requests came to nothing"
        ) { bench in
            let points: [ScriptedAction.Cancellation] =
                [.beforeStart] + (0..<4).map { .inRequest(events: $0) }
            var count = 0
            for point in points {
                for run in try runActions(bench, Variation(pieceSize: 40), point).runs {
                    if run.content.isCancelled { count += 1 }
                    try require(
                        !run.isSuccess || !run.content.lostRequest,
                        "\(run.name): it \(run.outcome), and its HTTP request was cancelled")
                }
            }
            return "\(count) runs"
        },
        Check(
            "actions.server-fails", "an action whose HTTP request fails ends with an error that has a message"
        ) { bench in
            var count = 0
            for fault in [.refused, .status(500), .status(401), .garbage, .silent] as [Fault] {
                for run in try runActions(bench, Variation(fault: fault)).runs where !run.content.sent.isEmpty {
                    try require(!run.isSuccess, "\(run.name), server \(fault): it \(run.outcome)")
                    try requireReason(run, ", server \(fault)")
                    count += 1
                }
            }
            if count == 0 { throw CheckStop.skipped("no action made an HTTP request") }
            return "\(count) runs"
        },
        Check("actions.key-is-secret", "the API key is in no progress, result, error or line of the log of an action") {
            bench in
            for variation in [Variation(fault: .tellsKey), Variation(fault: .status(500)), Variation()] {
                let all = try runActions(bench, variation, key: Bench.key)
                for text in all.runs.flatMap(\.content.texts) + all.logged
                where String(decoding: text, as: UTF8.self).contains(Bench.key) {
                    throw CheckStop.failed("it is in \(Answer.excerpt(text))")
                }
            }
            return "nowhere"
        },
    ]
}
