/// Who may be asked for one model of one request. A small value of its own, so that asking copies no `Dispatch`.
public struct Eligibility: Sendable {
    /// The name at the backends.
    public var model: String
    /// Only the backend with this name; nil: any.
    public var backend: String?
    /// Ids of backends that are not asked again.
    public var tried: [String]
    public var needs: Needs
    /// Another model may be tried: where the prompt is far too long for all that have this one, nobody is asked for it. Without
    /// another, an estimate refuses nothing.
    public var hasOthers: Bool
    /// The backends that the client's key may use; nil: all.
    public var scope: KeyScope?

    public init(
        model: String, backend: String? = nil, tried: [String] = [], needs: Needs = Needs(), hasOthers: Bool = false,
        scope: KeyScope? = nil
    ) {
        self.scope = scope
        self.needs = needs
        self.hasOthers = hasOthers
        self.model = model
        self.backend = backend
        self.tried = tried
    }

    /// - Parameters:
    ///   - some: only these of those that can be asked for the model, of which those are taken that certainly can do what is
    ///     needed; nil: all.
    ///   - able: whether a backend can serve this kind of request at all.
    public func candidates(
        in snapshot: RegistrySnapshot, among some: [Int]? = nil, able: (BackendSnapshot) -> Bool
    ) -> Dispatch.Eligible {
        guard let indices = some ?? snapshot.candidates(for: model) else {
            if let holders = snapshot.holders[model] { return nobody(holders, snapshot) }
            let isReached = snapshot.backends.contains { $0.status.serves }
            return isReached || snapshot.backends.isEmpty ? .unknownModel : .nobodyReached
        }
        // The common case, without a list of its own.
        let isPlain =
            tried.isEmpty && backend == nil && scope == nil && indices.allSatisfy { able(snapshot.backends[$0]) }
        let left = isPlain ? indices : indices.filter { isOpen(snapshot.backends[$0]) && able(snapshot.backends[$0]) }
        if left.isEmpty { return nobody(indices, snapshot) }
        guard let fits = fits(some == nil ? left : left.sorted(), in: snapshot) else { return .some(left) }
        // Of a few that were drawn none may be the best of all, unless it certainly can.
        let best = some == nil || fits.hasCertain ? fits.best : []
        return best.isEmpty ? nobody(indices, snapshot) : .some(best)
    }

    /// Who may be asked where none of those has a place: whoever is not known to lack anything.
    /// - Parameter first: what `candidates` gave.
    public func candidates(
        behind first: [Int], in snapshot: RegistrySnapshot, able: (BackendSnapshot) -> Bool
    ) -> [Int] {
        guard let indices = snapshot.candidates(for: model), indices.count > first.count else { return [] }
        let left = indices.filter { isOpen(snapshot.backends[$0]) && able(snapshot.backends[$0]) }
        guard let fits = fits(left, in: snapshot) else { return [] }
        let first = Set(first)
        return fits.good.filter { !first.contains($0) }
    }

    /// How they fit the request; nil: all alike, for nothing is told that matters to it.
    private func fits(_ indices: [Int], in snapshot: RegistrySnapshot) -> Fits? {
        guard snapshot.told.mayMatter(to: needs), let told = snapshot.told.holders(of: model, for: needs),
            let held = snapshot.holders[model]
        else { return nil }
        return Fits(
            indices, held: held, told: told, needs: needs,
            tokens: snapshot.estimates.tokens(needs.tokens, model: model),
            isFirm: hasOthers)
    }

    /// The backends that have the model and that the request does not wait for, by their ids, with what they tell of it: they
    /// certainly cannot serve it, or their context is too short while another's is not.
    public func unfit(in snapshot: RegistrySnapshot) -> [String: ToldModel] {
        guard snapshot.told.mayMatter(to: needs), let indices = snapshot.candidates(for: model) else { return [:] }
        let open = indices.filter { isOpen(snapshot.backends[$0]) }
        guard let fits = fits(open, in: snapshot) else { return [:] }
        let good = Set(fits.good)
        guard good.count < open.count else { return [:] }
        var unfit: [String: ToldModel] = [:]
        for index in open where !good.contains(index) {
            unfit[snapshot.backends[index].identity.id] = snapshot.told(of: model, at: index)
        }
        return unfit
    }

    /// Whether another backend than this one is left to try.
    /// - Parameter current: the id of the one under way.
    public func hasAlternative(
        to current: String?, in snapshot: RegistrySnapshot, able: (BackendSnapshot) -> Bool
    ) -> Bool {
        guard let indices = snapshot.candidates(for: model) else { return false }
        func isLeft(_ index: Int) -> Bool {
            let backend = snapshot.backends[index]
            return backend.identity.id != current && isOpen(backend) && able(backend)
        }
        guard snapshot.told.mayMatter(to: needs) else { return indices.contains(where: isLeft) }
        let left = indices.filter(isLeft)
        guard let fits = fits(left, in: snapshot) else { return !left.isEmpty }
        return !fits.best.isEmpty
    }

    private func isOpen(_ backend: BackendSnapshot) -> Bool {
        isMeant(backend.identity) && isAllowed(backend.identity) && !tried.contains(backend.identity.id)
    }

    /// Whether the client's key may use it.
    public func isAllowed(_ other: BackendIdentity) -> Bool { scope?.has(backend: other.name) ?? true }

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

    // MARK: Who is left out

    /// Everyone who has the model, or is meant to, and is not asked for it first, each with the reason that lasts longest. Not for
    /// the way of a request that is served.
    /// - Parameters:
    ///   - able: whether a backend can serve this kind of request at all.
    ///   - now: nanoseconds of the monotonic clock.
    /// - Returns: places in the snapshot's list of backends, in its order.
    public func exclusions(
        in snapshot: RegistrySnapshot, now: UInt64, able: (BackendSnapshot) -> Bool
    ) -> [(index: Int, why: Exclusion)] {
        var found: [(index: Int, why: Exclusion)] = []
        let holders = snapshot.holders[model] ?? snapshot.candidates(for: model) ?? []
        let fits = fits(holders, in: snapshot)
        var fit: [Int: Fit] = [:]
        for entry in fits?.all ?? [] { fit[entry.index] = entry.fit }
        let told = Dictionary(
            zip(snapshot.holders[model] ?? [], snapshot.told.holders(of: model) ?? []), uniquingKeysWith: { $1 })
        // Of those that can be asked: who fits less than the best of them comes behind.
        let open = holders.filter {
            isOpen(snapshot.backends[$0]) && snapshot.backends[$0].status.serves && able(snapshot.backends[$0])
        }
        let best = open.compactMap { fit[$0] }.min()
        for index in holders {
            let why =
                why(index, told[index], in: snapshot, now: now, able: able)
                ?? (fits != nil && fit[index] != best ? behind(told[index], fit[index], in: snapshot) : nil)
            if let why { found.append((index, why)) }
        }
        guard let backend, !found.contains(where: { snapshot.backends[$0.index].identity.name == backend }),
            let index = snapshot.backends.firstIndex(where: { $0.identity.name == backend }), !holders.contains(index)
        else { return found }
        let other = snapshot.backends[index]
        found.append((index, other.status.serves ? .withoutModel : .down(other.status, error: other.lastError)))
        return found
    }

    private func behind(_ told: ToldModel?, _ fit: Fit?, in snapshot: RegistrySnapshot) -> Exclusion {
        guard fit == nil || fit == .small, let told, told.contextLength > 0 else {
            return .fitsLess
        }
        return .contextTooShort(told.contextLength, needs: total(in: snapshot))
    }

    private func total(in snapshot: RegistrySnapshot) -> UInt64 {
        snapshot.estimates.tokens(needs.tokens, model: model) &+ needs.answer
    }

    private func why(
        _ index: Int, _ told: ToldModel?, in snapshot: RegistrySnapshot, now: UInt64, able: (BackendSnapshot) -> Bool
    ) -> Exclusion? {
        let backend = snapshot.backends[index]
        if !isAllowed(backend.identity) { return .notAllowed }
        if let pinned = self.backend, !isMeant(backend.identity) { return .pinned(to: pinned) }
        if let missing = told?.missing(for: needs), !missing.isEmpty { return .lacks(missing) }
        if let told, hasOthers, told.contextLength > 0, total(in: snapshot) > needs.answer,
            snapshot.estimates.tokens(needs.tokens, model: model) / 2 > told.contextLength
        {
            return .contextTooShort(told.contextLength, needs: total(in: snapshot))
        }
        if backend.status == .draining { return .draining }
        if !backend.status.serves { return .down(backend.status, error: backend.lastError) }
        if !able(backend) { return .wrongKind }
        if tried.contains(backend.identity.id) { return .tried }
        if let trouble = backend.counters.breaker.trouble { return .breakerOpen(trouble) }
        let rest = backend.counters.restEnd(for: model, now: now)
        if rest > 0 { return .resting((rest - now) / 1_000_000_000 + 1) }
        if !backend.hasPlace { return .full(backend.identity.maxConcurrent ?? 0) }
        return nil
    }
}
