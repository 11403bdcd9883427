/// What clients call models, of the entries of LiteLLM's `model_list`.
enum LiteLLMNames {
    static func add(_ all: [LiteLLMDeployments.Deployment], _ draft: inout Draft) {
        var groups: [String: [LiteLLMDeployments.Deployment]] = [:]
        var names: [String] = []
        var servers: [String: Set<Int>] = [:]
        for deployment in all {
            if groups[deployment.group] == nil { names.append(deployment.group) }
            groups[deployment.group, default: []].append(deployment)
            servers[deployment.model, default: []].insert(deployment.backend)
        }
        orders(all, &draft)
        for name in names { add(name, groups[name] ?? [], servers, &draft) }
        LiteLLMTargets.release(&draft, texts: true)
    }

    private static func add(
        _ name: String, _ group: [LiteLLMDeployments.Deployment], _ servers: [String: Set<Int>], _ draft: inout Draft
    ) {
        guard let first = group.first else { return }
        let others = group.filter { $0.model != name }
        // The servers have the model under the name that clients use: nothing stands for anything.
        guard !others.isEmpty else {
            if Set(group.map { $0.weight ?? 1 }).count > 1 {
                draft.remarks.add(
                    first.path, first.line,
                    "has weights, which were left out: servers with the same model are chosen by routing.strategy")
            }
            return
        }
        guard others.count == group.count else {
            draft.addFallbacks(name, others.map(\.model), from: first.path, first.line)
            draft.remarks.add(
                first.path, first.line,
                "\(quoted(name)) is also a model of a server: that one is asked, and the others where it cannot be (routing.fallbacks). To "
                    + "draw among them, give clients another name")
            return
        }
        if group.count == 1 {
            let alone = servers[first.model]?.count == 1
            draft.addAlias(
                name, alone ? .text(first.model) : .list([target(first, draft, weighted: false)]), from: first.path,
                first.line)
            return
        }
        let lowest = group.map { $0.order ?? 0 }.min() ?? 0
        let now = group.filter { ($0.order ?? 0) == lowest }
        let weighted = Set(now.map { $0.weight ?? 1 }).count > 1
        draft.addAlias(name, .list(now.map { target($0, draft, weighted: weighted) }), from: first.path, first.line)
        let later = group.filter { ($0.order ?? 0) > lowest }.sorted { ($0.order ?? 0) < ($1.order ?? 0) }
        if !later.isEmpty { draft.addFallbacks(name, later.map(\.model), from: first.path, first.line) }
    }

    private static func target(
        _ deployment: LiteLLMDeployments.Deployment, _ draft: Draft, weighted: Bool
    ) -> TOMLValue {
        let backend = draft.backends[deployment.backend]
        var members: [(name: String, value: TOMLValue)] = [("model", .text(deployment.model))]
        // A backend that is only a comment cannot be named.
        if !backend.isComment { members.append(("backend", .text(backend.name))) }
        if weighted { members.append(("weight", .integer(deployment.weight ?? 1))) }
        return .table(members)
    }

    /// `order` is the priority of the server where all of its models say the same.
    private static func orders(_ all: [LiteLLMDeployments.Deployment], _ draft: inout Draft) {
        guard all.contains(where: { $0.order != nil }) else { return }
        for index in draft.backends.indices {
            let own = all.filter { $0.backend == index }
            let orders = Set(own.map(\.order))
            if orders.count == 1, let order = orders.first ?? nil {
                draft.backends[index].priority = min(order * 10, 1000)
            } else if orders.count > 1, let first = own.first {
                draft.remarks.add(
                    first.path, first.line,
                    "order was left out for \(draft.backends[index].name), since its models have different ones: priority is that of a server"
                )
            }
        }
    }
}
