import ABIRules
import AdapterHost
import PluginAPI

/// One entry of an adapter's table of actions, as it stands there.
struct ExportedAction {
    var name: String
    var help: [UInt8]
    var signature: String
    var flags: UInt32
    var function: (@convention(c) () -> Void)?

    static func table(_ bench: Bench) throws -> nexus_actions {
        let function = try bench.subject.image().functions.extension
        guard let pointer = NEXUS_ACTIONS.withCString({ function?($0) }) else {
            throw CheckStop.skipped("the adapter has no actions")
        }
        guard
            let table = Versioned.read(
                pointer.assumingMemoryBound(to: nexus_actions.self), minimum: Versioned.Minimum.actions)
        else { throw CheckStop.failed("struct_size of the table cannot be") }
        return table
    }

    static func all(_ bench: Bench) throws -> [ExportedAction] {
        let table = try table(bench)
        try require(table.count <= ABILimits.actions, "there are \(table.count) actions, at most 64 are taken")
        guard let first = table.actions, table.count > 0 else { throw CheckStop.skipped("the table is empty") }
        guard let stride = Versioned.stride(first, minimum: Versioned.Minimum.action) else {
            throw CheckStop.failed("struct_size of the first action cannot be")
        }
        return try (0..<table.count).map { index in
            guard
                let action: nexus_action = Versioned.element(
                    first, index, stride: stride, minimum: Versioned.Minimum.action),
                let name = Text.copy(action.name), let help = Text.copy(action.help),
                let signature = Text.copy(action.signature)
            else { throw CheckStop.failed("struct_size or a text of action \(index) cannot be") }
            return ExportedAction(
                name: String(decoding: name, as: UTF8.self), help: help,
                signature: String(decoding: signature, as: UTF8.self), flags: action.flags,
                function: action.function)
        }
    }
}
