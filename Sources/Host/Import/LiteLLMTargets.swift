/// Names that mean one thing to clients and another to a server: here a name that is an alias is that alias everywhere.
enum LiteLLMTargets {
    /// - Parameter texts: look also at aliases that stand for one name.
    static func release(_ draft: inout Draft, texts: Bool) {
        for (index, alias) in draft.aliases.enumerated() {
            switch alias.value {
            case .text(let model):
                if texts, draft.isAlias(model) { tell(model, alias.name, &draft) }
            case .list(let items):
                var released: [TOMLValue] = []
                for item in items { released.append(self.released(item, alias.name, &draft)) }
                draft.changeAlias(at: index, .list(released))
            default: break
            }
        }
    }

    /// A target with a backend names a model there, and never another alias.
    private static func released(_ item: TOMLValue, _ name: String, _ draft: inout Draft) -> TOMLValue {
        guard case .table(let members) = item,
            case .text(let model)? = members.first(where: { $0.name == "model" })?.value, draft.isAlias(model),
            members.contains(where: { $0.name == "backend" })
        else { return item }
        tell(model, name, &draft)
        return .table(members.filter { $0.name != "backend" })
    }

    private static func tell(_ model: String, _ name: String, _ draft: inout Draft) {
        draft.remarks.add(
            "model_list", 0,
            "has \(quoted(model)) as what a server calls a model and as what clients call another: for \(quoted(name)) it is what "
                + "clients call so")
    }
}
