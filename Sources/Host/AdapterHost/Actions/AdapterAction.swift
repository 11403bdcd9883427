import ABIRules
import PluginAPI

/// One action that an adapter exports.
public struct AdapterAction: Sendable {
    public let name: String
    /// For the operator.
    public let help: String
    /// A page asks before it runs it.
    public let isDestructive: Bool
    public let signature: ActionSignature
    let call: ActionCall
}

/// What an adapter's `extension(NEXUS_ACTIONS)` told, checked. A bad entry is left out, with the reason.
struct ActionTable: Sendable {
    typealias Offers = @convention(c) (UnsafeMutableRawPointer?, nexus_str) -> Int32

    private(set) var actions: [AdapterAction] = []
    /// Why something of the table is not used; for the operator.
    private(set) var problems: [String] = []
    private(set) var offers: Offers?

    /// No actions.
    init() {}

    init(_ functions: AdapterFunctions) {
        guard let lookUp = functions.extension, let found = NEXUS_ACTIONS.withCString({ lookUp($0) }) else { return }
        let pointer = found.assumingMemoryBound(to: nexus_actions.self)
        guard let table = Versioned.read(pointer, minimum: Versioned.Minimum.actions) else {
            problems.append("its table of actions has a struct_size of \(pointer.pointee.struct_size)")
            return
        }
        guard table.count > 0 else { return }
        guard let first = table.actions,
            let stride = Versioned.stride(first, minimum: Versioned.Minimum.action)
        else {
            problems.append("its table of actions has no entries, or entries with an absurd struct_size")
            return
        }
        offers = table.offers
        let limit = ABILimits.actions
        if table.count > limit { problems.append("of its \(table.count) actions only \(limit) are used") }
        for index in 0..<min(table.count, limit) {
            do throws(BadEntry) {
                actions.append(try action(first, index, stride: stride))
            } catch {
                problems.append("its action \(index) is left out: \(error.reason)")
            }
        }
    }

    private struct BadEntry: Error { let reason: String }

    private func action(
        _ first: UnsafePointer<nexus_action>, _ index: Int, stride: Int
    ) throws(BadEntry) -> AdapterAction {
        guard
            let entry: nexus_action = Versioned.element(
                first, index, stride: stride, minimum: Versioned.Minimum.action)
        else { throw BadEntry(reason: "its struct_size is absurd") }
        let name = BorrowedText.string(entry.name, limit: ABILimits.name)
        guard TextRules.isActionName(name) else {
            throw BadEntry(reason: "the name \"\(name)\" must match [a-z][a-z0-9_]{0,63}")
        }
        guard !actions.contains(where: { $0.name == name }) else {
            throw BadEntry(reason: "the name \"\(name)\" is there already")
        }
        let help = BorrowedText.line(entry.help, limit: ABILimits.message)
        guard !help.isEmpty else { throw BadEntry(reason: "\"\(name)\" has no help text") }
        guard let function = entry.function else { throw BadEntry(reason: "\"\(name)\" has no function") }
        let signature: ActionSignature
        do throws(ActionSignature.Problem) {
            signature = try ActionSignature(BorrowedText.string(entry.signature, limit: ABILimits.signature))
        } catch {
            throw BadEntry(reason: "the signature of \"\(name)\": \(error)")
        }
        guard let call = ActionCall(signature, function: function) else {
            throw BadEntry(reason: "libffi refuses the signature of \"\(name)\"")
        }
        return AdapterAction(
            name: name, help: help, isDestructive: entry.flags & NEXUS_ACTION_DESTRUCTIVE != 0,
            signature: signature, call: call)
    }
}
