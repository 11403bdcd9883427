import PluginAPI

/// A command that an operator runs on one backend (nexus_plugin.h, "actions of an operator").
struct AdapterAction: Sendable {
    /// A C function whose type the host does not see; see `init`.
    typealias Function = @convention(c) () -> Void
    /// The function of an action without parameters.
    typealias Plain = @convention(c) (UnsafeMutableRawPointer?, nexus_task) -> nexus_status
    /// The function of an action with one string.
    typealias WithText = @convention(c) (UnsafeMutableRawPointer?, nexus_task, nexus_str) -> nexus_status
    /// The function of an action with two strings.
    typealias WithTexts = @convention(c) (UnsafeMutableRawPointer?, nexus_task, nexus_str, nexus_str) -> nexus_status
    /// The function of an action with a string and a flag.
    typealias WithTextAndFlag =
        @convention(c) (UnsafeMutableRawPointer?, nexus_task, nexus_str, Int32) -> nexus_status

    let name: String
    let help: String
    let signature: String
    let isDestructive: Bool
    let function: Function

    /// - Parameter function: takes instance, task and exactly what `signature` says. Its body is one call of
    ///   `ActionContext.run`.
    init(_ name: String, help: String, signature: String, isDestructive: Bool = false, function: Function) {
        self.name = name
        self.help = help
        self.signature = signature
        self.isDestructive = isDestructive
        self.function = function
    }

    init(_ name: String, help: String, result: String, function: Plain) {
        self.init(
            name, help: help, signature: "() -> \(result)", function: unsafeBitCast(function, to: Function.self))
    }

    init(_ name: String, help: String, signature: String, isDestructive: Bool = false, function: WithText) {
        self.init(
            name, help: help, signature: signature, isDestructive: isDestructive,
            function: unsafeBitCast(function, to: Function.self))
    }

    init(_ name: String, help: String, signature: String, isDestructive: Bool = false, function: WithTexts) {
        self.init(
            name, help: help, signature: signature, isDestructive: isDestructive,
            function: unsafeBitCast(function, to: Function.self))
    }

    init(_ name: String, help: String, signature: String, isDestructive: Bool = false, function: WithTextAndFlag) {
        self.init(
            name, help: help, signature: signature, isDestructive: isDestructive,
            function: unsafeBitCast(function, to: Function.self))
    }
}

extension BackendAdapter {
    static var actions: [AdapterAction] { [] }
    func offers(_ action: String) -> Bool { true }
}

/// The table of actions and what it points to: made at the first use, never freed.
///
/// Invariant behind the unchecked Sendable: nothing is written after `init`.
struct ActionTable: @unchecked Sendable {
    static let shared = ActionTable()
    private let pointer: UnsafePointer<nexus_actions>?
    private let texts: [LentText]

    private init() {
        let actions = ThisAdapter.actions
        guard !actions.isEmpty else {
            pointer = nil
            texts = []
            return
        }
        var texts: [LentText] = []
        func lent(_ text: String) -> nexus_str {
            let text = LentText(text)
            texts.append(text)
            return text.borrowed
        }
        let entries = UnsafeMutablePointer<nexus_action>.allocate(capacity: actions.count)
        for (index, action) in actions.enumerated() {
            (entries + index).initialize(
                to: nexus_action(
                    struct_size: UInt32(MemoryLayout<nexus_action>.size),
                    flags: action.isDestructive ? NEXUS_ACTION_DESTRUCTIVE : 0, name: lent(action.name),
                    help: lent(action.help), signature: lent(action.signature), function: action.function))
        }
        let table = UnsafeMutablePointer<nexus_actions>.allocate(capacity: 1)
        table.initialize(
            to: nexus_actions(
                struct_size: UInt32(MemoryLayout<nexus_actions>.size), reserved: 0, actions: entries,
                count: actions.count,
                offers: { instance, name in
                    guard let instance = Instance.from(instance) else { return 0 }
                    return instance.adapter.offers(name.text) ? 1 : 0
                }))
        pointer = UnsafePointer(table)
        self.texts = texts
    }

    /// What the adapter's `extension` answers.
    static func find(_ id: UnsafePointer<CChar>?) -> UnsafeRawPointer? {
        guard let id, String(cString: id) == NEXUS_ACTIONS, let pointer = shared.pointer else { return nil }
        return UnsafeRawPointer(pointer)
    }
}
