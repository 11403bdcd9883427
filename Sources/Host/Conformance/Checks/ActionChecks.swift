import ABIRules
import AdapterHost
import Core
import PluginAPI

extension Check {
    /// The table of actions.
    static let acting: [Check] = [
        Check("actions.unknown-extension", "an extension that is not known is NULL") { bench in
            guard let function = try bench.subject.image().functions.extension else {
                throw CheckStop.skipped("the adapter has no extensions")
            }
            for id in ["nexus.nothing/9", "", "nexus.actions/999"] {
                try require(id.withCString { function($0) } == nil, "extension(\"\(id)\") is not NULL")
            }
            return "it is"
        },
        Check("actions.table", "the table has its size, and no more than 64 actions") { bench in
            "\(try ExportedAction.all(bench).count) actions"
        },
        Check("actions.names", "names match [a-z][a-z0-9_]{0,63}, each once") { bench in
            var seen: Set<String> = []
            for action in try ExportedAction.all(bench) {
                let name = action.name
                try require(TextRules.isActionName(name), "\"\(name)\" is no name of an action")
                try require(seen.insert(name).inserted, "\"\(name)\" comes twice")
            }
            return seen.sorted().joined(separator: ", ")
        },
        Check("actions.help", "every action has a help text, UTF-8, at most 1024 bytes") { bench in
            for action in try ExportedAction.all(bench) {
                try require(!action.help.isEmpty, "\(action.name) has none")
                try requireNone(
                    TextRules.problem(action.help, "that of \(action.name)", limit: ABILimits.message))
            }
            return "they have"
        },
        Check("actions.signatures-parse", "every signature follows the header's grammar") { bench in
            for action in try ExportedAction.all(bench) {
                do throws(ActionSignature.Problem) {
                    _ = try ActionSignature(action.signature)
                } catch {
                    throw CheckStop.failed("\(action.name): \"\(action.signature)\": \(error)")
                }
            }
            return "they do"
        },
        Check("actions.functions", "no action's function is NULL, and no flag is unknown") { bench in
            for action in try ExportedAction.all(bench) {
                try require(action.function != nil, "that of \(action.name) is NULL")
                try require(action.flags & ~NEXUS_ACTION_DESTRUCTIVE == 0, "\(action.name) has unknown flags")
            }
            return "none is"
        },
        Check("actions.offers", "offers answers for every action, and for one that is not known, at once") { bench in
            let all = try ExportedAction.all(bench)
            guard let offers = try ExportedAction.table(bench).offers else { throw CheckStop.skipped("offers is NULL") }
            let backend = try bench.backend()
            let began = Clock.monotonicMilliseconds()
            var offered: [String] = []
            for name in all.map(\.name) + ["zz_unknown"] {
                if withBorrowed(name, { offers(backend.instance, $0) }) != 0 { offered.append(name) }
            }
            let took = Clock.monotonicMilliseconds() - began
            backend.destroy()
            try require(took < 1000, "it took \(took) ms")
            return "offered: \(offered.joined(separator: ", "))"
        },
    ]
}
