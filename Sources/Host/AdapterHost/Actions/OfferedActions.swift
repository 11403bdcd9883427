import Core
import JSON
import PluginAPI

extension AdapterBackend {
    /// Those of its adapter that the server offers now.
    public var offeredActions: [BackendAction] {
        let table = image.actionTable
        guard let offers = table.offers else { return table.actions.map(BackendAction.init) }
        return withInstance { instance in
            table.actions.filter { action in withBorrowed(action.name) { offers(instance, $0) } != 0 }
        }?.map(BackendAction.init) ?? []
    }

    public func action(
        named name: String, arguments: JSONValue, id: String, tell: @escaping @Sendable (ActionEvent) -> Void
    ) throws(ActionRefusal) -> any ActionRunning {
        guard let action = offeredAction(named: name) else { throw .notOffered }
        let checked: ActionArguments
        do throws(ArgumentProblem) {
            checked = try ActionArguments(arguments, for: action.signature)
        } catch {
            throw .badArguments(error)
        }
        return ActionRun(id: id, action: action, backend: self, arguments: checked, tell: tell)
    }

    /// Nil if it has no such action, or does not offer it now.
    func offeredAction(named name: String) -> AdapterAction? {
        guard let action = image.actionTable.actions.first(where: { $0.name == name }) else { return nil }
        guard let offers = image.actionTable.offers else { return action }
        let isOffered = withInstance { instance in withBorrowed(name) { offers(instance, $0) } != 0 } ?? false
        return isOffered ? action : nil
    }
}

extension BackendAction {
    init(_ action: AdapterAction) {
        self.init(
            name: action.name, help: action.help, isDestructive: action.isDestructive,
            parameters: action.signature.jsonSchema, givesResult: action.signature.givesResult)
    }
}
