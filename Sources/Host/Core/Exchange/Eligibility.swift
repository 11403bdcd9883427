/// Who may be asked for one model of one request. A small value of its own, so that asking copies no `Dispatch`.
public struct Eligibility: Sendable {
    /// The name at the backends.
    public var model: String
    /// Only the backend with this name; nil: any.
    public var backend: String?
    /// Ids of backends that are not asked again.
    public var tried: [String]
    public var needs: Needs

    public init(model: String, backend: String? = nil, tried: [String] = [], needs: Needs = Needs()) {
        self.needs = needs
        self.model = model
        self.backend = backend
        self.tried = tried
    }

    /// - Parameter able: whether a backend can serve this kind of request at all.
    public func candidates(in snapshot: RegistrySnapshot, able: (BackendSnapshot) -> Bool) -> Dispatch.Eligible {
        guard let indices = snapshot.candidates(for: model) else {
            if let holders = snapshot.holders[model] { return nobody(holders, snapshot) }
            let isReached = snapshot.backends.contains { $0.status.serves }
            return isReached || snapshot.backends.isEmpty ? .unknownModel : .nobodyReached
        }
        // The common case, without a list of its own.
        let isPlain = tried.isEmpty && backend == nil && indices.allSatisfy { able(snapshot.backends[$0]) }
        let left = isPlain ? indices : indices.filter { isOpen(snapshot.backends[$0]) && able(snapshot.backends[$0]) }
        if left.isEmpty { return nobody(indices, snapshot) }
        return .some(fitting(left, in: snapshot))
    }

    /// Those that fit the request best, as far as is told of their models; all, where none does. A hint and no more: adapters
    /// name some abilities and are silent about others, and the length of a prompt is an estimate.
    private func fitting(_ indices: [Int], in snapshot: RegistrySnapshot) -> [Int] {
        guard indices.count > 1, !snapshot.told.isEmpty, let told = snapshot.told[model] else { return indices }
        let capable =
            needs.required.isEmpty
            ? [] : indices.filter { told[$0]?.capabilities.isSuperset(of: needs.required) ?? false }
        let able = capable.isEmpty ? indices : capable
        guard able.contains(where: { told[$0]?.isTooSmall(for: needs) ?? false }) else { return able }
        let roomy = able.filter { !(told[$0]?.isTooSmall(for: needs) ?? false) }
        if !roomy.isEmpty { return roomy }
        let largest = able.map { told[$0]?.contextLength ?? 0 }.max()
        return able.filter { told[$0]?.contextLength == largest }
    }

    /// Ids of the backends that the request is for, where others that have the model fit it less; nil: it is for all.
    public func narrowed(in snapshot: RegistrySnapshot) -> [String]? {
        guard let indices = snapshot.candidates(for: model) else { return nil }
        let open = indices.filter { isOpen(snapshot.backends[$0]) }
        let fit = fitting(open, in: snapshot)
        return fit.count == open.count ? nil : fit.map { snapshot.backends[$0].identity.id }
    }

    /// Whether another backend than this one is left to try.
    /// - Parameter current: the id of the one under way.
    public func hasAlternative(
        to current: String?, in snapshot: RegistrySnapshot, able: (BackendSnapshot) -> Bool
    ) -> Bool {
        guard let indices = snapshot.candidates(for: model) else { return false }
        return indices.contains { index in
            let backend = snapshot.backends[index]
            return backend.identity.id != current && isOpen(backend) && able(backend)
        }
    }

    private func isOpen(_ backend: BackendSnapshot) -> Bool {
        isMeant(backend.identity) && !tried.contains(backend.identity.id)
    }

    /// Whether it may be asked as far as its name goes.
    public func isMeant(_ other: BackendIdentity) -> Bool { backend == nil || backend == other.name }

    private func nobody(_ indices: [Int], _ snapshot: RegistrySnapshot) -> Dispatch.Eligible {
        let meant = indices.filter { isMeant(snapshot.backends[$0].identity) }
        if !meant.isEmpty { return .nobody(meant.map { snapshot.backends[$0] }) }
        // The only one that is meant does not have the model.
        let named = snapshot.backends.filter { isMeant($0.identity) }
        if named.isEmpty { return .unknownModel }
        return named.contains { $0.status.serves } ? .unknownModel : .nobody(named)
    }
}
