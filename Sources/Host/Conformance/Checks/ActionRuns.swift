import ABIRules
import AdapterHost
import JSON
import PluginAPI

/// What the checks that run actions share.
extension Check {
    struct ActionRun {
        let name: String
        let givesResult: Bool
        let content: ScriptedAction.Content

        var isSuccess: Bool { content.status == NEXUS_OK }

        /// In words, for a report.
        var outcome: String {
            if isSuccess { return "returned NEXUS_OK" }
            let why = content.failure.map { "the error \"\($0.text)\"" } ?? "no error"
            return "returned \(content.status ?? 0) with \(why)"
        }
    }

    struct ActionRuns {
        var runs: [ActionRun]
        /// Lines of the log and reports of health.
        var logged: [[UInt8]]
        /// Of the actions alone, not of the probe before them.
        var breaches: Breaches
    }

    /// Milliseconds of real time after which an action is cancelled: it may be made to last until then.
    private static let patience = 2000

    /// Runs every action that can be run and that the server offers, one after the other, on a new instance whose probe has
    /// found a server that is well.
    static func runActions(
        _ bench: Bench, _ variation: Variation = Variation(), _ cancellation: ScriptedAction.Cancellation = .never,
        key: String = ""
    ) throws -> ActionRuns {
        let calls = try callable(bench)
        let backend = try bench.backend(key: key)
        let loop = bench.loop()
        _ = backend.probe(on: loop)
        loop.settle()
        let model = backend.log.now.models.last?.first?.text ?? "check-model"
        let offers = try ExportedAction.table(bench).offers
        let server = bench.server
        let breaches = Breaches()
        var runs: [ActionRun] = []
        for (action, signature, call) in calls {
            if let offers, withBorrowed(action.name, { offers(backend.instance, $0) }) == 0 { continue }
            guard let arguments = try? ActionArguments(plausible(signature, model: model), for: signature) else {
                continue
            }
            let content = ScriptedAction.run(
                call, arguments, backend, cancellation, breaches: breaches, patience: patience
            ) { Arrival.of($0, by: server, variation) }
            runs.append(ActionRun(name: action.name, givesResult: signature.givesResult, content: content))
        }
        let log = backend.log.now
        backend.destroy(after: loop)
        if runs.isEmpty { throw CheckStop.skipped("the adapter offers none of its actions for this server") }
        return ActionRuns(
            runs: runs, logged: log.lines + log.health.flatMap { [$0.message, $0.server] }, breaches: breaches)
    }

    /// Other checks tell what is wrong with those that are left out.
    private static func callable(_ bench: Bench) throws -> [(ExportedAction, ActionSignature, ActionCall)] {
        let calls = try ExportedAction.all(bench).compactMap {
            action -> (ExportedAction, ActionSignature, ActionCall)? in
            guard let function = action.function, let signature = try? ActionSignature(action.signature),
                let call = ActionCall(signature, function: function)
            else { return nil }
            return (action, signature, call)
        }
        if calls.isEmpty { throw CheckStop.skipped("no action can be called") }
        return calls
    }

    /// Arguments for what must be given: the id of a model for a string, and small values.
    private static func plausible(_ signature: ActionSignature, model: String) -> JSONValue {
        var object = JSONObject()
        for parameter in signature.parameters where parameter.isRequired {
            switch parameter.kind {
            case .string: object[parameter.name] = .string(model)
            case .int, .double: object[parameter.name] = 1
            case .bool: object[parameter.name] = false
            case .json: object[parameter.name] = [:]
            }
        }
        return .object(object)
    }

    /// A function that does not succeed has said why.
    static func requireReason(_ run: ActionRun, _ words: String) throws {
        let text = run.content.failure?.text ?? ""
        try require(
            text.count >= 4, "\(run.name)\(words): it \(run.outcome)")
        try requireText(run.content.failure?.message ?? [], "\(run.name)\(words): the error")
    }

    static func requireText(_ bytes: [UInt8], _ words: String) throws {
        try requireNone(TextRules.problem(bytes, words, limit: ABILimits.message))
    }
}
